"""What a realistic request costs the generator, all in: sessions of a profile against a replay of a sandbox.

    python benchmarks/session.py [--rate 20] [--seconds 40] [--record FILE] [--profile FILE] [--short]

One worker process under Locust, as `harness run --processes 1` starts it, on one core; the replay on the other. Prints
requests per second and CPU per request of the process as a whole and by thread: the engine's loop (sessions, HTTP,
checks, ledger, record) and Locust's (users, its statistics, reports, Parquet). The figure is that of the measure phase,
from the operating system's own clock of each thread (`/proc/PID/task/*/stat`, 10 ms a tick). Beside it, in the same run
and of the same recording: what the bare requests cost our own wire and Locust's FastHttpUser (`replay/peers.py`), their
bodies parsed. The ratio to the wire holds on any machine; the microseconds do not.

Where py-spy is on the PATH (`benchmarks/requirements.txt`), it looks at the engine's thread a hundred times a second,
and its time is divided among the parts of the harness (`replay/parts.py`).

--short is for CI: fewer sessions, without Locust's peer. Without --record a recording is made first (a sandbox and a
smoke run, some 90 s). Sockets are left out here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.parts import Parts, divided
from replay.process import TARGET_CORE, replaying
from replay.record import PROFILE, record
from replay.recording import copies

from harness.config.load import load_profile
from harness.core.app_client import AppClient
from harness.core.call_names import PREFLIGHT
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.resolved_target import ResolvedTarget
from harness.core.run_spec import RunSpec, windows_of
from harness.core.secret import Secret
from harness.core.tables import LATENCY, SCHEMAS, VIOLATIONS, View
from harness.record.manifest import Manifest
from harness.record.store import RunStore, open_run
from harness.run.locust_process import LocustProcess
from harness.run.run_request import RunRequest
from harness.schedule.arrivals import plan

WARMUP_S, DRAIN_S = 10.0, 20.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
WORKER_CORE = 1
LOOKS_PER_S = 100
PEERS = {"wire": "our wire alone", "fast": "FastHttpUser"}


class Quiet:
    """Tells of problems only, and knows when the load began."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def stage(self, text: str) -> None:
        if text == "running":
            self.begun.set()

    def progress(self, facts: Mapping[str, Any]) -> None:
        pass

    def problem(self, text: str) -> None:
        print(f"  problem: {text}", file=sys.stderr)


@dataclass(frozen=True)
class Cost:
    """Of the measure phase. CPU seconds by thread name; the replay's own of the whole run."""

    requests: int
    asked: int  # of these, a browser's preflights
    seconds: float
    threads: Mapping[str, float]
    rss_mb: float
    replayed: Mapping[str, Any]
    violations: int
    parts: Parts = field(default_factory=dict)  # shares of the engine's thread; none without py-spy

    @property
    def us(self) -> float:
        """CPU microseconds a request."""
        return self.cpu_s / max(self.requests, 1) * 1e6

    @property
    def cpu_s(self) -> float:
        return sum(self.threads.values())


def scaled(name: str, rate: float, seconds: float, people: int, phones: int) -> Profile:
    """The profile's behaviour and mix at another rate, without sockets."""
    base = load_profile(name)
    return base.model_copy(
        update={
            "people": people,
            "phones": phones,
            "realtime": False,
            "promises_evidence": False,
            "client": AppClient.BROWSER,
            "phases": Phases(warmup_s=WARMUP_S, measure_s=seconds, drain_s=DRAIN_S),
            "arrivals": (ArrivalStage(seconds=WARMUP_S + seconds, rate=rate),),
            "chaos": (),
            "abort": None,
        }
    )


def prepared(
    profile: Profile, url: str, folder: Path, *, same_origin: bool
) -> tuple[RunRequest, ResolvedTarget, RunSpec]:
    """A run directory as `harness run` makes one, with people whose tokens are minted."""
    planned = plan(profile.arrivals, profile.mix, profile.people, profile.seed)
    spec = RunSpec(
        run_id="session",
        run_tag=secrets.randbits(32),
        folder=str(folder),
        url=url,
        seed=profile.seed,
        profile=profile.model_copy(update={"app_origin": url}) if same_origin else profile,
        email_pattern="p_{index:06d}@replay.test",
        user_ids=tuple(copies(profile.people)),
        windows=windows_of(profile),
        plan_digest=planned.digest,
    )
    manifest = Manifest(
        run_id=spec.run_id,
        status="running",
        started_at="2026-01-01T00:00:00+00:00",
        seed=spec.seed,
        profile=spec.profile,
        slos=(),
        target_name="replay",
        target_url=url,
        target_environment="sandbox",
        windows=spec.windows,
        planned_sessions=len(planned),
        plan_digest=spec.plan_digest,
        run_tag=spec.run_tag,
        workers=1,
        versions={},
    )
    RunStore.create(folder, manifest).release()
    (folder / "order.json").write_text(spec.model_dump_json())
    target = ResolvedTarget(
        name="replay",
        url=url,
        environment="sandbox",
        anon_key=Secret("replay"),
        password=Secret("replay"),
        email_pattern=spec.email_pattern,
        jwt_secret=Secret(secrets.token_hex(32)),
        user_ids=spec.user_ids,
    )
    request = RunRequest(profile=profile, source="benchmarks/session.py", slos=(), out=folder.parent, processes=1)
    return request, target, spec


def threads_of(pid: int) -> dict[int, float]:
    """CPU seconds of each thread."""
    used = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            used[int(task.name)] = (int(fields[11]) + int(fields[12])) * TICK_S
    return used


def resident_mb(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def worker_of(parent: int) -> int:
    """The generator's process: the child that runs Locust."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                mine = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
                if mine and "harness.load.locust_main" in (entry / "cmdline").read_text():
                    return int(entry.name)
    raise SystemExit("the generator's process was not found")


def measured(recording: Path, profile: Profile, *, same_origin: bool) -> Cost:
    """One run."""
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as out, replaying(recording, profile.people, told) as url:
        folder, watcher, looks = Path(out) / "run", Quiet(), Path(out) / "looks"
        request, target, spec = prepared(profile, url, folder, same_origin=same_origin)
        process = LocustProcess(request, target, spec, folder, watcher)
        os.sched_setaffinity(0, {WORKER_CORE})
        driver_pid = os.getpid()
        samples: dict[str, tuple[dict[int, float], float]] = {}

        def sampler() -> None:
            watcher.begun.wait(60)
            zero = open_run(folder).manifest.zero_epoch_s or time.time()
            pid = worker_of(driver_pid)
            spy = looking(pid, zero + WARMUP_S - time.time(), profile.phases.measure_s, looks)
            for name, at in (("before", WARMUP_S), ("after", WARMUP_S + profile.phases.measure_s)):
                time.sleep(max(0.0, zero + at - time.time()))
                samples[name] = (threads_of(pid), resident_mb(pid))
            samples["main"] = ({pid: 0.0}, 0.0)
            if spy is not None:
                spy.wait(30)

        driver = threading.Thread(target=sampler)
        driver.start()
        process.drive()
        driver.join()
        os.sched_setaffinity(0, {TARGET_CORE, WORKER_CORE})
        requests, asked, violations = counted(folder)
        parts = divided(looks.read_text().splitlines()) if looks.exists() else {}
    before, after = samples["before"][0], samples["after"][0]
    (main,) = samples["main"][0]
    spent = {thread: after[thread] - before.get(thread, 0.0) for thread in after}
    engine = max((one for one in spent if one != main), key=lambda one: spent[one])
    threads = {"engine": spent[engine], "locust": spent[main]}
    threads["others"] = sum(spent.values()) - sum(threads.values())
    return Cost(requests, asked, profile.phases.measure_s, threads, samples["after"][1], told, violations, parts)


def looking(pid: int, in_s: float, seconds: float, into: Path) -> subprocess.Popen[bytes] | None:
    """py-spy at work, where there is one: folded stacks of the engine's thread in a file, without stopping it."""
    spy = shutil.which("py-spy")
    if spy is None:
        return None
    time.sleep(max(0.0, in_s))
    command = [spy, "record", "--nonblocking", "-r", str(LOOKS_PER_S), "-d", str(round(seconds)), "-f", "raw"]
    command += ["-o", str(into), "-p", str(pid)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {TARGET_CORE})
    return process


def bare(kind: str, recording: Path, people: int, seconds: float) -> float:
    """CPU microseconds a request of the recorded requests, from a client with nobody behind it."""
    told: dict[str, Any] = {}
    with replaying(recording, people, told) as url:
        command = [sys.executable, "-m", "replay.peers", kind, url, str(recording.resolve()), "--seconds", str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent) as process:
            os.sched_setaffinity(process.pid, {WORKER_CORE})
            assert process.stdout is not None
            figures = json.loads(process.stdout.readline())
    return float(figures["cpu_s"]) / max(int(figures["requests"]), 1) * 1e6


def counted(folder: Path) -> tuple[int, int, int]:
    """Requests of the measure phase, preflights included; the preflights; and violations of read rules in all."""
    run = open_run(folder)
    requests = asked = 0
    for batch in run.rows(LATENCY, ["phase", "view", "operation", "count"]):
        rows = batch.to_pydict()
        columns = (rows["phase"], rows["view"], rows["operation"], rows["count"])
        for phase, view, operation, n in zip(*columns, strict=True):
            if view == View.SERVER and phase == "measure":
                requests += n
                asked += n if operation == PREFLIGHT else 0
    return requests, asked, sum(batch.num_rows for batch in run.rows(VIOLATIONS, SCHEMAS[VIOLATIONS].names))


def show(cost: Cost, peers: Mapping[str, float]) -> None:
    """The table."""
    per = 1e6 / max(cost.requests, 1)
    of_them = f"{cost.asked / max(cost.requests, 1):.0%} of them preflights"
    print(f"{cost.requests:,} requests in {cost.seconds:g} s: {cost.requests / cost.seconds:,.0f}/s, {of_them}")
    share = cost.cpu_s / cost.seconds
    print(f"  {share:5.2f} of a core, {cost.cpu_s * per:6.1f} us a request, {cost.rss_mb:,.0f} MB resident")
    for name, seconds in cost.threads.items():
        print(f"  {name:8} {seconds * per:6.1f} us a request, {seconds / cost.cpu_s:5.1%}")
        for part, share in cost.parts.items() if name == "engine" else ():
            print(f"      {part:34} {share * seconds * per:6.1f} us, {share:5.1%}")
    if not cost.parts:
        print("    no py-spy on the PATH, so the engine's part is not divided (benchmarks/requirements.txt)")
    for name, us in peers.items():
        print(
            f"  bare requests, {PEERS[name]:14} {us:6.1f} us each: one of a session costs {cost.us / us:.1f} times that"
        )
    of, number = cost.replayed, max(cost.replayed["requests"], 1)
    told = f"{of['cpu_s'] / number * 1e6:.1f} us and {of['bytes'] / number:,.0f} bytes a request"
    print(
        f"  replay: {told}, {of['exact'] / number:.0%} exactly as recorded; read checks refuse {cost.violations} rows"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20.0, help="sessions per second")
    parser.add_argument("--seconds", type=float, default=40.0, help="of the measure phase")
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--phones", type=int, default=2_500)
    parser.add_argument("--profile", default=PROFILE)
    parser.add_argument("--same-origin", action="store_true", help="no preflights, as of a page from the target itself")
    parser.add_argument("--short", action="store_true", help="for CI: 15 s at 8 sessions per second")
    parser.add_argument("--record", type=Path, help="a recording that exists; made when missing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording = options.record or Path(folder) / "recording.gz"
        if not recording.exists():
            record(recording)
        rate, seconds = (8.0, 15.0) if options.short else (options.rate, options.seconds)
        profile = scaled(options.profile, rate, seconds, options.people, options.phones)
        cost = measured(recording, profile, same_origin=options.same_origin)
        kinds = ("wire",) if options.short else tuple(PEERS)
        show(cost, {kind: bare(kind, recording, options.people, 3.0 if options.short else 6.0) for kind in kinds})
    return 0


if __name__ == "__main__":
    sys.exit(main())
