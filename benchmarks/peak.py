"""The plan's busiest hour as it is: 10,400 open phones with sockets and presence, all requests and preflights.

    python benchmarks/peak.py [--scale 1] [--minutes 10] [--record FILE] [--tls]

A whole `harness run`: the profile is the one that `harness plan --write` makes of 500,000 people a day, the target file
names a replay of a sandbox on loopback; ledger and read checks are on, and the run is judged and its page written as
always. Everything of the harness (supervisor, master, two worker processes or as many as descriptors demand) has one
core, the replay the other, in as many processes as its own descriptors demand. A run ramps for a mean session, settles
for another, and is then measured: 27 minutes in all, of which ten count.

What is not as it would be:

- Presence. One channel for everybody asks for 6 million messages a second, which no server delivers. The replay tells
  everybody who joins who is there, and delivers changes of that at the platform's limit (`scenarios/prices.toml`).
- A replay stores nothing and checks no token: the run says that integrity is not checked, its verdict is not the point.
- Database changes are those of rows that phones insert, each heard by two; what servers write is left out.

Where one core does not carry the plan, a share of it is run: the given --scale, or the one that a calibration of some
two minutes finds (short sessions at a fifth of the rate), so that the workers have half of their core. Every phone then
hears as much as in the full crowd, and each list of who is there is as long. Cores and memory are extrapolated to the
full peak and named so (what processes do without any request is multiplied with it: the smaller the share, the worse it
looks); loop lag, lateness and losses, which more load makes no better, are as measured.

Printed: requests and preflights a second beside the plan's, CPU a request of workers and target, cores in all, loop
lag, how late sessions begin against their plan (the record has no instant for each later request: those wait on the
same loop, whose lag is looked at each 10 ms), what was lost, resident memory of the workers. Exit code 1 when a bar is
missed (1.5 cores in all, 5 ms, 5 ms, none, 800 MB), by measurement or by extrapolation, or there was no run to the end.

Without --record a recording is made first (a sandbox and a run of all personas, a minute or two). --tls has the phones
encrypt.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planned.figures import Recorded, Used, bars, recorded
from planned.order import SOURCES, Asked, keys, length_s, profile_file, share_that_fits, target_file
from planned.watching import Look, Span, watched
from replay.process import Shared, certificate, replaying
from replay.record import record
from short.turns import cores, pin

from harness.config.load import load_profile
from harness.core.errors import UsageError
from harness.core.profile import Profile
from harness.egress.sources import SOURCES_ENV
from harness.load import child_process
from harness.load.sizing import processes_for
from harness.plan import CapacityPlan, PlanInputs, load_prices, make

MINUTES, PROCESSES = 10.0, 2
RECORDED = "prove-mutants"
"""The profile in which all personas make nearly each call of the app, within half a minute."""
CALIBRATION, CALIBRATION_MINUTES = 0.2, 0.5
"""Of the rate, at which what workers do without any request is next to nothing; and of a session, so that as many are
open as begin in half a minute."""
PATIENCE_S = 900.0
"""Beyond a run's own length: to start, to judge, to write its page."""


@dataclass(frozen=True)
class Wanted:
    """One run. session_minutes: the plan's mean one, or a shorter one. crowd: phones of the full peak; lists of who is
    there name as many."""

    scale: float
    crowd: float
    hold_s: float
    session_minutes: float | None
    processes: int | None
    tls: bool
    out: Path


@dataclass(frozen=True)
class Made:
    """What became of it. told: the replay's tally."""

    asked: Asked
    profile: Profile
    found: Recorded
    used: Used
    told: dict[str, Any]
    workers: int
    targets: int
    verdict: str
    folder: Path


def planned(session_minutes: float | None) -> tuple[CapacityPlan, PlanInputs]:
    """The plan of its default day, or of that day with sessions of another length."""
    inputs = PlanInputs()
    if session_minutes is not None:
        inputs = inputs.changed(session_minutes=session_minutes)
    return make(inputs, load_prices()), inputs


def made(recording: Path, wanted: Wanted) -> Made:
    """One run, measured. :raises SystemExit: it could not be made."""
    plan, inputs = planned(wanted.session_minutes)
    asked = Asked.of(plan, wanted.scale)
    wanted.out.mkdir(parents=True, exist_ok=True)
    profile_path = profile_file(plan, inputs, wanted.scale, wanted.hold_s, wanted.out)
    profile = load_profile(profile_path)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = processes_for(profile.phones, hard, child_process.cores())
    workers = processes_for(profile.phones, hard, child_process.cores(), wanted.processes or max(PROCESSES, needed))
    shared = Shared(
        processes=needed,
        presence_per_s=asked.presence_limit,
        crowd=max(1, round(needed * wanted.crowd / asked.phones)),
        certificate=certificate(wanted.out) if wanted.tls else None,
    )
    told: dict[str, Any] = {}
    targets: list[int] = []
    target_core, harness_core = cores()
    log, runs = wanted.out / "run.log", wanted.out / "runs"
    before = set(runs.iterdir()) if runs.exists() else set()
    with replaying(recording, profile.people, told, shared, pids=targets, core=target_core) as url:
        environ = {**os.environ, **keys(secrets.token_hex(32)), SOURCES_ENV: ",".join(SOURCES)}
        if shared.certificate is not None:
            environ["SSL_CERT_FILE"] = str(shared.certificate)
        command = [sys.executable, "-m", "harness", "run", str(profile_path), "--processes", str(workers)]
        command += ["--target", str(target_file(url, wanted.out)), "--out", str(runs)]
        print(f"{profile.description} At most {length_s(profile) / 60:.1f} min; its words: {log}", flush=True)
        with (
            log.open("w") as lines,
            subprocess.Popen(command, env=environ, stdout=lines, stderr=subprocess.STDOUT) as process,
            contextlib.ExitStack() as stack,
        ):
            stack.callback(process.terminate)  # an interrupt of ours ends it in order
            pin(harness_core, process.pid)
            with watched(process.pid, targets) as looks:
                try:
                    process.wait(length_s(profile) + PATIENCE_S)
                except subprocess.TimeoutExpired:
                    raise SystemExit(f"the run did not end in time; its words: {log}") from None
    folder = made_since(before, runs, log)
    found = recorded(folder)
    return Made(
        asked=asked,
        profile=profile,
        found=found,
        used=used_by(looks, found, targets),
        told=told,
        workers=workers,
        targets=needed,
        verdict=_verdict(folder),
        folder=folder,
    )


def made_since(before: set[Path], runs: Path, log: Path) -> Path:
    """The run's folder. :raises SystemExit: there is none; with what it said."""
    folders = set(runs.iterdir()) - before if runs.exists() else set()
    if not folders:
        raise SystemExit(f"no run was made:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return max(folders)


def _verdict(folder: Path) -> str:
    path = folder / "verdict.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["verdict"]) if path.exists() else "not judged"


def used_by(looks: list[Look], found: Recorded, targets: list[int]) -> Used:
    """Of the measure phase; memory of workers before it from the last look before the run's zero."""
    span = Span(looks, found.start, found.end)
    others = span.others((*found.pids, *targets))
    before = [sum(one.resident.get(pid, 0) for pid in found.pids) for one in looks if one.at <= found.zero]
    return Used(
        workers=span.cores(found.pids),
        others=span.cores(others),
        target=span.cores(targets),
        resident_before_mb=(before[-1] if before else 0) / 1e6,
        resident_mb=span.most_mb(found.pids),
        others_mb=span.most_mb(others),
    )


def show(one: Made) -> None:
    """All that was found."""
    asked, found, used, scale = one.asked, one.found, one.used, one.asked.scale
    number = max(found.all_requests, 1)
    part = "the whole of the plan's peak" if scale >= 1 else f"{scale:.4g} of the plan's peak"
    print(f"{part}, {found.seconds:g} s, {one.workers} workers on a core, the replay in {one.targets} on another")

    def row(name: str, value: float, plan: float | None = None, note: str = "") -> None:
        of_plan = "" if plan is None else f" (plan {plan:,.0f})"
        print(f"  {name:34} {value:>9,.0f}{of_plan}{note}")

    row("sessions open", found.phones, asked.phones)
    row("sockets open", found.sockets)
    row("people who have had a session", found.people, one.profile.people)
    row("requests/s", found.requests / found.seconds, asked.requests)
    row("preflights/s", found.preflights / found.seconds, asked.preflights)
    row("with a failure as their answer", found.failed, note=f", {found.failed / number:.2%}")
    beside = {
        "presence diffs": f" (the app asks for {asked.presence:,.0f}; the limit is {asked.presence_limit:,.0f})",
        "changes": f" (the app asks for {asked.changes:,.0f})",
    }
    for name, per_s in found.frames.items():
        row(f"{name}/s", per_s, note=beside.get(name, ""))
    for name, taken in (("workers", used.workers), ("master and supervisor", used.others), ("target", used.target)):
        print(f"  {name:34} {taken:9.3f} of a core, {found.us_a_request(taken):6.1f} us a request")
    per_core = number / found.seconds / max(used.workers, 1e-9)
    row("requests/s a core of workers", per_core, note=", preflights with them")
    print(f"  {'loop lag p50, p99, ms':34} {found.lag_ms[0]:9.2f} {found.lag_ms[1]:9.2f}")
    print(f"  {'sessions begin late p50, p99, ms':34} {found.late_ms[0]:9.2f} {found.late_ms[1]:9.2f}")
    row("MB of workers before, and at most", used.resident_before_mb, note=f" {used.resident_mb:9,.0f}")
    row("MB of master and supervisor", used.others_mb)
    asked_of = max(one.told["requests"], 1)
    told = f"{one.told['exact'] / asked_of:.0%} as recorded, {one.told['unknown'] / asked_of:.2%} by nobody recorded"
    print(f"  replay: {one.told['requests']:,} requests in all, {told}; {one.told['bytes'] / asked_of:,.0f} bytes each")
    print(f"  the run's own verdict: {one.verdict} ({one.folder.name})")
    print(f"  lost: {', '.join(f'{name} {count}' for name, count in found.lost.items())}")
    for bar in bars(found, used, scale):
        print(f"  bar  {bar.text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, help="share of the peak; found by a calibration when absent")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the measure phase")
    parser.add_argument("--session-minutes", type=float, help="mean length of a session instead of the plan's")
    parser.add_argument("--processes", type=int, help="worker processes; 2, or as many as the phones need")
    parser.add_argument("--record", type=Path, help="a recording that exists; made when missing")
    parser.add_argument("--tls", action="store_true", help="the replay speaks TLS")
    parser.add_argument("--out", type=Path, help="keep profile, target file and runs there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # with all that was started
    with tempfile.TemporaryDirectory(prefix="peak-") as scratch:
        out = options.out or Path(scratch)
        recording = options.record or out / "recording.gz"
        out.mkdir(parents=True, exist_ok=True)
        if not recording.exists():
            record(recording, RECORDED)
        pin(cores()[0])  # who looks on is no part of what is measured
        try:
            plan, _ = planned(options.session_minutes)
            full = Asked.of(plan, 1.0)
            scale = options.scale or calibrated(recording, full, options, out / "calibration")
            hold_s, sessions = options.minutes * 60, options.session_minutes
            one = made(
                recording,
                Wanted(scale, full.phones, hold_s, sessions, options.processes, options.tls, out / "peak"),
            )
        except UsageError as error:
            raise SystemExit(str(error)) from None
        show(one)
    return 0 if all(bar.met for bar in bars(one.found, one.used, scale)) else 1


def calibrated(recording: Path, full: Asked, options: argparse.Namespace, out: Path) -> float:
    """The scale that a short run finds."""
    hold_s, sessions = CALIBRATION_MINUTES * 60, CALIBRATION_MINUTES
    one = made(recording, Wanted(CALIBRATION, full.phones, hold_s, sessions, options.processes, options.tls, out))
    cost_us = one.found.us_a_request(one.used.workers)
    scale = share_that_fits(cost_us, full)
    print(f"calibration: {cost_us:.0f} us a request of short sessions, so {scale:g} of the peak is run", flush=True)
    return scale


if __name__ == "__main__":
    sys.exit(main())
