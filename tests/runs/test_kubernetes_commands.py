"""The command lines of the Kubernetes manifests, and those that the Locust operator makes of its resource, run once: a
master and two workers as pods would have them.

What a pod has is kept: the arguments as they stand, an environment of nothing but the container's variables and the
Secret's, a root that cannot be written (where namespaces can be made), and the probes. Changed are addresses, paths of
volumes, and the profile, which is a small one.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.core.run_token import TOKEN_ENV, new_token
from harness.load.alive import ALIVE_ENV
from sandbox.server import Sandbox
from tests.deploy.locust_operator import Role, job
from tests.runs.conftest import BRIEF, BRIEF_SLO, Run
from tests.runs.test_distributed import free_port

ROOT = Path(__file__).resolve().parents[2]
TARGET = """
name = "pod"
url = "{url}"
environment = "sandbox"
[keys]
anon_env = "POD_ANON"
service_env = "POD_SERVICE"
[people]
tag = "p"
domain = "people.sandbox.test"
password_env = "POD_PASSWORD"
"""


def container(file: str) -> dict[str, Any]:
    """Of the job in a manifest."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes" / file).read_text(encoding="utf-8"))
    (found,) = next(one for one in documents if one["kind"] == "Job")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def read_only(writable: Path) -> list[str]:
    """A prefix under which only that folder can be written; none where no mount namespace can be made."""
    where = shlex.quote(str(writable))
    made = f'mount --bind {where} {where} && mount -o remount,bind,ro / && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", made, "sh"]
    if os.geteuid() != 0:
        return []
    tried = subprocess.run([*prefix, "true"], check=False, capture_output=True)
    return prefix if tried.returncode == 0 else []


def of_the_operator(role: Role) -> dict[str, Any]:
    """The container that the Locust operator makes of its resource."""
    documents = yaml.safe_load_all((ROOT / "deploy/locust-operator/run.yaml").read_text(encoding="utf-8"))
    resource = next(one for one in documents if one["kind"] == "LocustTest")
    resource["spec"]["master"]["extraArgs"] = ["--slo", str(BRIEF_SLO), "--bind", "127.0.0.1"]
    (found,) = job(resource, role)["spec"]["template"]["spec"]["containers"]
    return dict(found)


class Pod:
    """A container of a manifest as a process."""

    def __init__(
        self, spec: dict[str, Any], folder: Path, replacements: dict[str, str], secret: dict[str, str]
    ) -> None:
        self.spec, self.folder = spec, folder
        folder.mkdir()
        for inner in ("tmp", "runs"):
            (folder / inner).mkdir()
        self.replacements = replacements | {"/runs": str(folder / "runs"), "/tmp/worker": str(folder / "tmp/worker")}
        self.given = secret | {one["name"]: self._moved(one["value"]) for one in self.spec["env"]}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # an image has its commands there
        self.given |= {"PATH": path, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process: subprocess.Popen[str] | None = None

    def _moved(self, text: str) -> str:
        return text.replace("/tmp", str(self.folder / "tmp")) if text.startswith("/tmp") else text

    def start(self, *more: str) -> None:
        words = [self.replacements.get(word, word) for word in self.spec["args"]]
        if command := self.spec.get("command"):  # the image has no entry point: without one, its arguments are it
            assert command == ["harness"]
            words = [sys.executable, "-m", "harness", *words]
        self.process = subprocess.Popen(
            [*read_only(self.folder), *words, *more],
            cwd=ROOT,
            env=self.given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def probe(self, kind: str) -> bool:
        """Whether a probe of the manifest says yes."""
        command = [word.replace("/tmp/alive", self.given[ALIVE_ENV]) for word in self.spec[kind]["exec"]["command"]]
        return subprocess.run(command, check=False, timeout=30, env={"PATH": os.environ["PATH"]}).returncode == 0

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Cluster:
    """What the pods of one run share."""

    sandbox: Sandbox
    folder: Path

    def __post_init__(self) -> None:
        port, target = free_port(), self.folder / "target.toml"
        target.write_text(TARGET.format(url=self.sandbox.url), encoding="utf-8")
        known = self.sandbox.discovery
        self.secret = {
            "POD_ANON": known["anon_key"],
            "POD_SERVICE": known["service_key"],
            "POD_PASSWORD": known["people"]["password"],
            TOKEN_ENV: new_token(),
        }
        self.replacements = {
            "smoke": str(BRIEF),
            "/etc/harness/target.toml": str(target),
            "/harness/deploy/locust-operator/start.sh": str(ROOT / "deploy/locust-operator/start.sh"),
            "5557": str(port),
            "--master-port=5557": f"--master-port={port}",
            "0.0.0.0": "127.0.0.1",
            "harness-master:5557": f"127.0.0.1:{port}",
            "--master-host=harness-master": "--master-host=127.0.0.1",
        }

    def pods(self, master: dict[str, Any], worker: dict[str, Any]) -> tuple[Pod, Pod, Pod]:
        """A master and two workers."""
        first = Pod(master, self.folder / "master", self.replacements, self.secret)
        one, two = (
            Pod(worker, self.folder / f"worker-{number}", self.replacements, self.secret) for number in range(2)
        )
        return first, one, two

    def make_a_run(self, pods: tuple[Pod, Pod, Pod], *more: str, begun: Callable[[], None] = lambda: None) -> None:
        """From the start of all of them to a record that holds; begun: once, under load."""
        master, *workers = pods
        try:
            master.start(*more)
            for worker in workers:
                worker.start()
            deadline = time.monotonic() + 200
            while not list((self.folder / "master/runs").glob("*/stream/arrivals.arrows")):
                assert time.monotonic() < deadline, "the load did not begin"
                time.sleep(0.1)
            begun()
            assert master.process is not None
            said, _ = master.process.communicate(timeout=200)
            for worker in workers:
                assert worker.process is not None
                words, _ = worker.process.communicate(timeout=60)
                assert worker.process.returncode == 0, words
            (folder,) = (self.folder / "master/runs").iterdir()
            run = Run(master.process.returncode, said, folder)
            assert run.manifest["status"] == "complete", said
            assert run.manifest["workers"] == 2
            assert run.verdict["integrity"]["status"] == "held", said
            # A machine that others use may be slow; what is asked here is that it runs.
            assert run.code in (0, 10, 20), said
            for value in self.secret.values():
                assert value not in (folder / "manifest.json").read_text() + said
        finally:
            for pod in pods:
                pod.end()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_commands_of_the_manifests_make_a_run(sandbox: Sandbox, tmp_path: Path) -> None:
    cluster = Cluster(sandbox, tmp_path)
    pods = cluster.pods(container("master.yaml"), container("workers.yaml"))
    assert not pods[0].probe("startupProbe"), "nothing runs yet"

    def begun() -> None:
        for pod in pods:
            assert [kind for kind in ("startupProbe", "readinessProbe", "livenessProbe") if not pod.probe(kind)] == []

    cluster.make_a_run(pods, "--slo", str(BRIEF_SLO), begun=begun)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_commands_of_the_locust_operator_make_a_run(sandbox: Sandbox, tmp_path: Path) -> None:
    cluster = Cluster(sandbox, tmp_path)
    cluster.make_a_run(cluster.pods(of_the_operator("master"), of_the_operator("worker")))


def test_the_root_of_these_pods_cannot_be_written(tmp_path: Path) -> None:
    if not read_only(tmp_path):
        pytest.skip("no mount namespaces can be made here")
    command = [*read_only(tmp_path), "sh", "-c", f"touch {ROOT}/written; touch {tmp_path}/written"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "Read-only file system" in done.stderr
    assert (tmp_path / "written").exists()
    assert not (ROOT / "written").exists()
