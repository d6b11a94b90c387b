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
    for service in (one for one in COMPOSE["services"].values() if "profiles" not in one):
        assert service["image"] == "movinesta-harness"
        assert service["env_file"] == ".env"
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
    assert (ROOT / "deploy/Dockerfile").exists()


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
