"""Random kills of any process of a run, at any stage of it, and what has to hold afterwards.

    .venv/bin/python -m tests.runs.kills --kills 60 --seed 1      (a line a kill; exit 1 when something did not hold)

Each time a short run of two workers with a fault in a proxy of its own. At a random moment of a random stage one of its
processes gets INT, TERM, HUP or KILL, sometimes two of them. Then: the run does not pass and its record says why, every
record renders, and no process, active fault, forwarding entry or temporary folder is left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from chaos.client import ClientError, Toxiproxy
from harness.record.store import open_run
from tests.chaos.process import proxy_process
from tests.runs.conftest import BRIEF_SLO, DATA, command_line, descendants

PROFILE = """
name = "killed"
extends = "{base}"

[[chaos]]
name = "slow"
fault = "latency"
place = "proxy"
at = 0
for = 5
parameters = {{ latency = 40 }}
"""
STAGES = ("start", "before", "load", "load", "load", "reading", "report")
VICTIMS = ("supervisor", "master", "worker", "sandbox", "proxy")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
PATIENCE_S = 240.0
LEASE_OF_ENTRY_S = 75.0  # of a forwarding entry on a proxy that others use, and what it may notice late
MARK = "HARNESS_KILLS_MARK"
CODES = {10, 11, 20, 30, 40}


@dataclass
class Kill:
    """One kill, and what did not hold after it."""

    number: int
    stage: str
    victim: str
    signals: list[str] = field(default_factory=list)
    late: bool = False
    whole: bool = False  # the record was complete before it: then only its report is cut short
    code: int | None = None
    status: str = "no record"
    reason: str = ""
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For the table."""
        what = f"{self.number:3} {self.stage:8} {self.victim:10} {'+'.join(self.signals):16} exit {self.code!s:4}"
        ending = "; ".join(self.faults) or ("too late to matter" if self.late else "held")
        return f"{what} {self.status}: {self.reason[:70]} | {ending}"


class Staged:
    """A run under way: its stages, as its own log tells them, and its processes."""

    def __init__(self, folder: Path, external: str | None) -> None:
        self.out = folder / "runs"
        self.mark = f"{time.time_ns():x}"
        self.scratch = Path(tempfile.mkdtemp(prefix="hk", dir="/tmp"))
        self.scratch.chmod(0o755)
        profile = folder / "killed.toml"
        profile.write_text(PROFILE.format(base=DATA / "kill.toml"))
        command = [
            sys.executable,
            "-m",
            "harness",
            "run",
            str(profile),
            "--slo",
            str(BRIEF_SLO),
            "--out",
            str(self.out),
        ]
        command += ["--processes", "2", *(["--proxy", external] if external else [])]
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(self.scratch), MARK: self.mark},
                start_new_session=True,
            )
        self.seen: dict[int, str] = {}
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.look()

    def look(self) -> None:
        """Remember the processes below."""
        for pid in descendants(self.process.pid):
            self.seen.setdefault(pid, born(pid))

    def folder(self) -> Path | None:
        """The run directory, once it is there."""
        found = [path.parent for path in self.out.glob("*/manifest.json")]
        return found[0] if found else None

    def logged(self, event: str) -> bool:
        """Whether the run's log has that event."""
        folder = self.folder()
        with contextlib.suppress(OSError):
            return folder is not None and f'"{event}"' in (folder / "run.log").read_text()
        return False

    def await_stage(self, stage: str) -> None:
        """Until the stage has begun, or the run is over."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if stage == "start" and catches_signals(self.process.pid):
                return
            if stage == "before" and self.folder() is not None:
                return
            if stage == "load" and self.logged("load starts"):
                return
            if stage == "reading" and self.logged("load ended"):
                return
            if stage == "report" and self.logged("run ended"):
                return
            time.sleep(0.02)

    def victim(self, who: str, rng: random.Random) -> int | None:
        """The process id of one of that kind."""
        words = {"sandbox": "sandbox.server", "proxy": "chaos.proxy"}
        below = descendants(self.process.pid)
        if who == "supervisor":
            return self.process.pid
        if who in words:
            return next((pid for pid in below if words[who] in command_line(pid)), None)
        drivers = [pid for pid in below if "locust_main" in command_line(pid)]
        chosen = drivers[:1] if who == "master" else drivers[1:]
        return rng.choice(chosen) if chosen else None

    def finish(self) -> int | None:
        """Its exit code; None when it had to be killed."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None
        finally:
            self._over.set()
            self._watcher.join()

    def left_over(self, patience_s: float) -> list[str]:
        """Processes of it that are still there, after waiting for them."""
        deadline = time.monotonic() + patience_s
        while (left := self._living()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return [f"process {pid} ({words[:60]}) is left" for pid, words in left.items()]

    def _living(self) -> dict[int, str]:
        found = {pid for pid, start in self.seen.items() if start and born(pid) == start}
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in path.read_bytes().split(b"\0"):
                    found.add(int(path.parent.name))
        return {pid: words for pid in found if (words := command_line(pid))}


def born(pid: int) -> str:
    """When that process started; its number may be another's later. Empty when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def catches_signals(pid: int) -> bool:
    """Whether it has handlers: Python itself needs a moment before any program runs."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = int(next(line for line in lines if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def kill_once(seed: int, number: int, folder: Path, api: str) -> Kill:
    """One run with one kill. `api`: of a proxy that outlives it, for every second run."""
    rng = random.Random(f"{seed} {number}")
    stage = rng.choice(STAGES)
    who = rng.choice(VICTIMS) if stage in ("before", "load", "reading") else "supervisor"
    shared = rng.random() < 0.5 and who != "proxy"
    run = Staged(folder, api if shared else None)
    try:
        kill = _strike(run, stage, who, rng, number)
        kill.code = run.finish()
        _examine(run, kill, api if shared else "")
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()
        shutil.rmtree(run.scratch, ignore_errors=True)
    return kill


def _strike(run: Staged, stage: str, who: str, rng: random.Random, number: int) -> Kill:
    run.await_stage(stage)
    longest = {"start": 6.0, "before": 3.0, "load": 5.0, "reading": 1.5, "report": 1.5}[stage]
    time.sleep(rng.uniform(0.0, longest))
    run.look()
    victim = run.victim(who, rng)
    if victim is None:
        who, victim = "supervisor", run.process.pid
    kill = Kill(number, stage, who)
    for again in range(1 + (rng.random() < 0.4)):
        if again:
            time.sleep(rng.uniform(0.0, 0.8))
        chosen = rng.choice(SIGNALS)
        # What happens to a helper once the run has all it wanted of it means nothing, nor does the end of an end.
        verdict = (folder := run.folder()) is not None and (folder / "verdict.json").exists()
        done = verdict if who == "supervisor" else run.logged("evidence read")
        kill.late = kill.late or (not again and (done or run.process.poll() is not None))
        kill.whole = kill.whole or (not again and run.logged("run ended"))
        if who in ("master", "worker") and not again:
            kill.late = kill.late or run.logged("load ended")
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, chosen)
            kill.signals.append(chosen.name.removeprefix("SIG"))
    return kill


def _examine(run: Staged, kill: Kill, shared: str) -> None:
    kill.faults += run.left_over(30.0)
    said = run.said.read_text(errors="replace")
    if "Traceback" in said:
        kill.faults.append("a traceback: " + said.split("Traceback", 1)[1][-300:].replace("\n", " "))
    killed = kill.victim == "supervisor" and "KILL" in kill.signals
    if kill.code is None:
        kill.faults.append("it did not end")
    elif not kill.late and not killed and kill.code not in CODES:
        kill.faults.append(f"exit {kill.code} of a run that was cut short")
    elif not kill.late and not killed and kill.victim == "supervisor" and kill.code != 30:
        kill.faults.append(f"exit {kill.code} instead of 30")
    if left := [path.name for path in run.scratch.iterdir()] if not killed else []:
        kill.faults.append(f"temporary folders are left: {', '.join(left)}")
    if shared:
        kill.faults += _left_on(shared, LEASE_OF_ENTRY_S if killed else 5.0)
    if folder := run.folder():
        _look_at_record(folder, kill)


def _left_on(api: str, patience_s: float) -> list[str]:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with Toxiproxy(api) as client:
                names = list(client.proxies())
        except ClientError as error:
            return [f"the shared proxy: {error}"]
        if not names or time.monotonic() > deadline:
            return [f"forwarding entries are left: {', '.join(names)}"] if names else []
        time.sleep(0.5)


def _look_at_record(folder: Path, kill: Kill) -> None:
    rendered = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(folder)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    if "Traceback" in rendered.stderr or not (folder / "report.html").exists():
        kill.faults.append(f"the record does not render: {rendered.stderr[-200:]}")
        return
    manifest = open_run(folder).manifest
    kill.status, kill.reason = manifest.status, manifest.abort_reason
    if kill.late or kill.whole:
        return
    if rendered.returncode == 0:
        kill.faults.append("the record passes")
    verdict = json.loads((folder / "verdict.json").read_text())
    doubted = [row for row in verdict["health"] if row["check"] == "worker roster" and row["level"] == "invalid"]
    if manifest.status == "complete" and not doubted:
        kill.faults.append("the record says nothing of it")


def run_kills(kills: int, seed: int, folder: Path) -> list[Kill]:
    """So many kills that came in time; those that came too late are drawn again, and listed, too."""
    done: list[Kill] = []
    number = 0
    with proxy_process() as running:
        api = running.api
        while sum(not kill.late for kill in done) < kills and number < 3 * kills + 5:
            number += 1
            one = folder / str(number)
            one.mkdir(parents=True)
            done.append(kill_once(seed, number, one, api))
            sys.__stdout__.write(done[-1].line() + "\n")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]
    return done


def main() -> int:
    """The table, and 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        done = run_kills(options.kills, options.seed, Path(folder))
    counted = [kill for kill in done if not kill.late]
    failed = [kill for kill in done if kill.faults]
    by = Counter(kill.victim for kill in counted)
    sys.stdout.write(
        f"{len(counted)} kills in time ({', '.join(f'{who} {count}' for who, count in by.most_common())}), "
        f"{len(done) - len(counted)} too late; {len(failed)} after which something did not hold\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
