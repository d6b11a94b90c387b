"""docker-compose.yml means what it says: its command lines run here as they stand, on other addresses."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from harness.config.load import load_target
from harness.load.alive import ALIVE_ENV
from tests.runs.conftest import Run

ROOT = Path(__file__).parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BRIEF, BRIEF_SLO = ROOT / "tests/data/brief.toml", ROOT / "tests/data/brief-slo.toml"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(service: str, variables: dict[str, str], replacements: dict[str, str]) -> list[str]:
    """A service's command line with compose's variables filled in and container addresses replaced."""
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}",
        lambda found: variables.get(found[1], found[2]),
        COMPOSE["services"][service]["command"],
    )
    words = [replacements.get(word, word) for word in shlex.split(text)]
    assert words[0] == "harness"
    return [sys.executable, "-m", *words]


def test_every_service_runs_the_harness_image_with_its_secrets_from_the_env_file() -> None:
    ours = [one for one in COMPOSE["services"].values() if one["profiles"] != ["observe"]]
    assert len(ours) == 4
    for service in ours:
        assert service["image"] == "movinesta-harness"
        assert service["env_file"] == ".env"
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == "/tmp"
        assert "${RUN_AS:-10001}" in service["user"]
        assert service["stop_grace_period"] == "60s", "10 s are the default, and a record takes longer to close"
    assert (ROOT / "deploy/Dockerfile").exists()


def test_the_sandbox_of_the_compose_file_may_be_loaded_by_its_name() -> None:
    """A host that is not loopback shows whose it is, or that only a private network knows it."""
    target = load_target(str(ROOT / "deploy/sandbox.toml"))
    assert target.ownership.waived == "private-network"
    assert target.limits[target.host].private
    worker = COMPOSE["services"]["worker"]["command"]
    assert target.limits[worker.split("--worker ")[1].partition(":")[0]].private


def test_profiles_bring_up_what_belongs_together() -> None:
    smoke = {name for name, service in COMPOSE["services"].items() if "smoke" in service["profiles"]}
    assert {"sandbox", "master", "worker"} == smoke
    assert COMPOSE["services"]["rehearsal"]["profiles"] == ["rehearsal"]


def test_the_image_is_made_of_the_lock_and_runs_without_rights() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    assert [line for line in lines if "requirements.lock" in line and "--require-hashes" in line]
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1].isdigit()
    assert int(users[-1]) > 0, "by number, so that Kubernetes sees that it is not root"
    (check,) = (line for line in lines if line.startswith("HEALTHCHECK "))
    environment = next(line for line in lines if line.startswith("ENV ") and ALIVE_ENV in line)
    alive = environment.split(f"{ALIVE_ENV}=")[1].split()[0]
    assert alive in check


def test_the_command_of_a_rehearsal_is_one(tmp_path: Path) -> None:
    """Said in advance, which sends nothing; tests/runs/test_rehearse.py does it."""
    target = tmp_path / "target.toml"
    text = (ROOT / "deploy/sandbox.toml").read_text(encoding="utf-8")
    target.write_text(text.replace("http://sandbox:8787", "http://127.0.0.1:1"), encoding="utf-8")
    replacements = {"/etc/harness/target.toml": str(target), "/runs/rehearsal": str(tmp_path / "rehearsal")}
    words = command("rehearsal", {"DAU": "5000"}, replacements)
    done = subprocess.run([*words, "--dry-run"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 1: " in done.stdout
    assert f"written: {tmp_path / 'rehearsal'}" in done.stdout
    for more, said in (("--resume", "there is no rehearsal to go on with"), ("--clean-up --keep", "goes with neither")):
        words = command("rehearsal", {"DAU": "5000", "MORE": more}, replacements)
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_commands_of_the_compose_file_make_a_rehearsal(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "harness", "sandbox", "keys"], capture_output=True, text=True, check=True, timeout=30
    )
    secrets = dict(line.split("=", 1) for line in made.stdout.splitlines())
    environ = {**os.environ, **secrets}
    sandbox_port, master_port = free_port(), free_port()
    target = tmp_path / "target.toml"
    text = (ROOT / "deploy/sandbox.toml").read_text()
    target.write_text(text.replace("http://sandbox:8787", f"http://127.0.0.1:{sandbox_port}"))
    replacements = {
        "0.0.0.0": "127.0.0.1",
        "8787": str(sandbox_port),
        "deploy/sandbox.toml": str(target),
        "/runs": str(tmp_path / "runs"),
        "/tmp/worker": str(tmp_path / "worker"),
        "5557": str(master_port),
        "master:5557": f"127.0.0.1:{master_port}",
    }
    variables = {"PROFILE": str(BRIEF), "WORKERS": "2"}
    started: list[subprocess.Popen[str]] = []

    def start(service: str, *more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command(service, variables, replacements), *more],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    try:
        start("sandbox")
        _wait_until_healthy(f"http://127.0.0.1:{sandbox_port}/health")
        master = start("master", "--slo", str(BRIEF_SLO))
        workers = [start("worker") for _ in range(2)]
        said, _ = master.communicate(timeout=100)
        for worker in workers:
            words, _ = worker.communicate(timeout=30)
            assert worker.returncode == 0, words
        (folder,) = (tmp_path / "runs").iterdir()
        Run(master.returncode, said, folder).assert_target_passed()
        manifest = (folder / "manifest.json").read_text()
        assert '"workers": 2' in manifest
        for secret in secrets.values():
            assert secret not in manifest + said
    finally:
        for process in reversed(started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.communicate(timeout=15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


def _wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the sandbox did not become healthy")
