"""Do the figures tell the truth? A target with known delays, our percentiles beside plain Locust's and k6's.

    .venv/bin/python benchmarks/truth.py [--schedule constant stall tail all] [--rate 200] [--seconds 40]
    .venv/bin/python benchmarks/truth.py --starved-runs 20 --healthy-runs 20

The target runs in a process of its own on the first core and logs every arrival and answer; the generators run one
after the other on the last core. The truth is what a perfect generator would have seen: the answer's instant by the
target's schedule for every *intended* arrival, plus the target's own lateness from its log, minus the intended arrival
(so a stall counts for everybody who meant to come in it). Ours is a planned run through Locust, engine, recorder and
run directory; the figure is the e2e percentile of its record. Exit 1 when ours is further than 2 % from the truth.

With --starved-runs and --healthy-runs the verdict is put to the test instead: short runs through the real judge, with
busy loops on the generator's core (four of them leave it a fifth; it needs a third) and without. Exit 1 unless every
starved run is inconclusive and no healthy one is.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from known import ours, peers
from known.schedule import SCHEDULES, Schedule

from harness.record.store import open_run
from reports.verdict import judge

WANTED = (50.0, 95.0, 99.0, 99.9)
TOLERANCE = 0.02
SHORT_S = 8.0
LOOP = """
import pathlib, sys
from harness.load.os_priority import go_first
begun = pathlib.Path(sys.argv[1])
while not begun.exists(): pass
go_first()
while True: pass
"""
LIMIT_MS = 250.0
"""The tightest limit of the manual."""


@dataclass
class Target:
    """The target's process; its log once it has ended."""

    port: int
    log: npt.NDArray[np.float64]


@contextlib.contextmanager
def target(schedule: str, folder: Path, core: int) -> Iterator[Target]:
    path = folder / "target.npy"
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "known.target", schedule, str(path), str(core)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        running = Target(int(process.stdout.readline()), np.empty((0, 3)))
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    running.log = np.load(path)


@contextlib.contextmanager
def busy(core: int, loops: int, begun: Path) -> Iterator[None]:
    """Busy loops on `core`: neighbours who compute. Each is a session of its own and goes first, as the generator does,
    from when `begun` exists: earlier the generator, still an ordinary session, would not even start."""
    command = ["taskset", "-c", str(core), sys.executable, "-c", LOOP, str(begun)]
    hogs = [subprocess.Popen(command, start_new_session=True) for _ in range(loops)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait(10)


# ---- percentiles ----------------------------------------------------------------------------------------------


def compare(schedule: Schedule, options: argparse.Namespace, folder: Path) -> bool:
    """One schedule, three generators; prints their rows. Whether ours is within the tolerance."""
    first, last = options.cores
    rate, seconds = options.rate, options.seconds
    with target(schedule.name, folder, first) as known:
        run = ours.run(
            folder / "run", known.port, rate=rate, seconds=seconds, seed=options.seed, core=last, slos=ours.slos(5000.0)
        )
    truth, found = ours.truth(run, known.log, schedule, WANTED), ours.answer(run, WANTED)
    print(f"\n{schedule.name}: {len(known.log) - 1} requests of ours")
    print(f"  {'':<26}" + "".join(f"{f'p{q:g}':>20}" for q in WANTED))
    row("truth", truth, truth)
    worst = row("harness, e2e", found, truth)
    good = worst <= TOLERANCE
    print(f"  {'':<26}{'within' if good else 'NOT within'} {TOLERANCE:.0%}: off by {worst:.1%} at most")
    if not options.alone:
        others(schedule, options, folder)
    return good


def others(schedule: Schedule, options: argparse.Namespace, folder: Path) -> None:
    first, last = options.cores
    for name, generator in (
        (f"Locust, {peers.LOCUST_USERS} users", peers.locust),
        (f"k6, {peers.K6_USERS} VUs", peers.k6),
    ):
        with target(schedule.name, folder, first) as known:
            found = generator(folder, known.port, rate=options.rate, seconds=options.seconds, core=last, wanted=WANTED)
        if found is None:
            print(f"  {name:<26}not installed")
            continue
        requests, figures = found
        truth = peers.truth(known.log, schedule, options.rate, options.seconds, WANTED)
        row("truth in its window", truth, truth)
        row(name, figures, truth)
        print(f"  {'':<26}{requests} of {round(options.rate * options.seconds)} intended requests made")


def row(name: str, values: tuple[float, ...], truth: tuple[float, ...]) -> float:
    """Print one row; the largest deviation from the truth, as a share of it."""
    off = [value / true - 1 for value, true in zip(values, truth, strict=True)]
    cells = [
        f"{value * 1000:>11,.1f}" + (f"{share:>+8.1%} " if values is not truth else f"{'ms':>4}     ")
        for value, share in zip(values, off, strict=True)
    ]
    print(f"  {name:<26}" + "".join(cells), flush=True)
    return max(abs(share) for share in off)


# ---- verdicts -------------------------------------------------------------------------------------------------


def verdicts(options: argparse.Namespace, folder: Path) -> bool:
    """Starved and healthy runs in turn through the judge; whether each got the verdict it deserves."""
    wrong = 0
    counts = {"starved": options.starved_runs, "healthy": options.healthy_runs}
    for number in range(max(counts.values())):
        for kind in (kind for kind, wanted in counts.items() if number < wanted):
            wrong += not judged(kind, number, options, folder)
    print(f"\n{sum(counts.values()) - wrong} of {sum(counts.values())} runs were judged as they should be")
    return wrong == 0


def judged(kind: str, number: int, options: argparse.Namespace, folder: Path) -> bool:
    first, last = options.cores
    loops = options.loops if kind == "starved" else 0
    place = folder / f"{kind}-{number}"
    with target("constant", folder, first) as known, busy(last, loops, place / "zero"):
        run = ours.run(
            place,
            known.port,
            rate=options.rate,
            seconds=SHORT_S,
            seed=number + 1,
            core=last,
            slos=ours.slos(LIMIT_MS),
        )
    verdict = judge(open_run(run))
    truth = ours.truth(run, known.log, SCHEDULES["constant"], (95.0,))[0]
    found = ours.answer(run, (95.0,))[0]
    good = (verdict.verdict == "inconclusive") == (kind == "starved")
    checks = {row.check: row for row in verdict.health}
    print(
        f"{kind} {number + 1}: {verdict.verdict}{'' if good else '  <-- WRONG'}; e2e p95 {found * 1000:.1f} ms, truth "
        f"{truth * 1000:.1f} ms; loop lag {checks['loop lag'].value}, CPU {checks['worker CPU'].value}"
        + "".join(f"\n    {reason}" for reason in verdict.reasons[: 9 if options.reasons or not good else 0]),
        flush=True,
    )
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedule", nargs="+", choices=SCHEDULES, default=list(SCHEDULES))
    parser.add_argument("--rate", type=float, default=200.0, help="intended requests per second")
    parser.add_argument("--seconds", type=float, default=40.0, help="measured; whole periods of the stall are best")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--starved-runs", type=int, default=0)
    parser.add_argument("--healthy-runs", type=int, default=0)
    parser.add_argument("--loops", type=int, default=4, help="busy loops beside a starved generator")
    parser.add_argument("--reasons", action="store_true", help="print every verdict's reasons")
    parser.add_argument("--keep", type=Path, help="keep the run directories here")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    options.cores = (cores[0], cores[-1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if options.starved_runs or options.healthy_runs:
            good = verdicts(options, folder)
        else:
            good = [compare(SCHEDULES[name], options, folder) for name in options.schedule].count(False) == 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
