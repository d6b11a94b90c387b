"""One sandbox for all runs of a test process, and how to drive the harness as a user does."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

DATA = Path(__file__).parent.parent / "data"
BRIEF, BRIEF_SLO = DATA / "brief.toml", DATA / "brief-slo.toml"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as running:
        yield running


@dataclass(frozen=True)
class Run:
    """A finished `harness run`."""

    code: int
    said: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    @property
    def verdict(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "verdict.json").read_text()))

    @property
    def doubted(self) -> set[str]:
        """SLOs that are not answered because of the generator's own delays."""
        return {slo["name"] for slo in self.verdict["slos"] if "generator's own delays" in slo["note"]}

    @property
    def doubts(self) -> set[str]:
        """Why the run doubts itself: checks of its generator, and SLOs that are not answered because of it."""
        return {row["check"] for row in self.verdict["health"] if row["level"] == "invalid"} | self.doubted

    def assert_target_passed(self) -> None:
        """Every SLO met. Where tests share two cores the run may rightly doubt its generator, and nothing else."""
        assert self.code in (0, 20), self.said
        doubted, doubts = self.doubted, self.doubts
        others = [slo for slo in self.verdict["slos"] if slo["name"] not in doubted]
        assert {slo["status"] for slo in others} <= {"pass"}, self.said
        assert (self.code == 20) == bool(doubts), self.said
        assert doubts - doubted <= {"loop lag", "start lateness", "worker CPU", "worker roster"}, self.said


def start(out: Path, *arguments: str | Path, file_size_limit: int | None = None) -> subprocess.Popen[str]:
    """Start `harness run …`, progress and verdict on its stdout; no file of it may grow beyond the limit."""

    def limit() -> None:
        if file_size_limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))

    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", *map(str, arguments), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limit,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], out: Path, patience_s: float = 100.0) -> Run:
    """Wait for it; its one run directory."""
    try:
        said, _ = process.communicate(timeout=patience_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    folders = sorted(path for path in out.iterdir() if path.is_dir()) if out.is_dir() else []
    assert len(folders) == 1, said
    return Run(process.returncode, said, folders[0])


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, nearest first."""
    found: list[int] = []
    todo = [pid]
    while todo:
        parent = todo.pop(0)
        children: list[str] = []
        for listed in Path(f"/proc/{parent}/task").glob("*/children"):  # gevent forks from a thread of its own
            with contextlib.suppress(OSError):
                children += listed.read_text().split()
        found += map(int, children)
        todo += map(int, children)
    return found


def command_line(pid: int) -> str:
    """Its command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def generators(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of the generators below a `harness run`: the master first, then the workers, which it forks."""
    return [pid for pid in descendants(process.pid) if "locust_main" in command_line(pid)]


def tell(line: str) -> None:
    """A line of the table, past pytest's capture."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(line + "\n")
    sys.__stdout__.flush()
    if table := os.environ.get("HARNESS_KILL_TABLE"):
        with Path(table).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
