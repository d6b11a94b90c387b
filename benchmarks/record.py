"""What recording costs: the health row of a second, and a worker's report in the master, at several rates.

    .venv/bin/python benchmarks/record.py [--seconds 200]

The health figures are CPU microseconds on the loop's thread per second of run. The master's are CPU milliseconds per
worker and second: unpacking the report as it came over the channel, appending it to the record, adding it to the
live figures. A second's attempts come as counts per bucket, so the master's cost hardly grows with the rate; the
script exits 1 when fifty times the rate costs it more than three times as much.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.load import load_profile
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import RunSpec, windows_of
from harness.core.tables import View
from harness.load.aggregator import Aggregator, Report
from harness.load.health import Descriptors, resident_bytes
from harness.load.machine import Machine
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.roster import Counters
from harness.record.store import RunStore
from harness.schedule.agreed import drawn

RATES = (100, 1_000, 5_000, 20_000)
LOW, HIGH = 100, 5_000
OPERATIONS = [f"call_{number}" for number in range(20)]
MAX_RATIO = 3.0


def cpu_us(action: Callable[[], object], times: int) -> float:
    """CPU microseconds of one call."""
    begun = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - begun) / times * 1e6


def health(times: int) -> None:
    machine, descriptors = Machine(), Descriptors()
    parts = {
        "machine (schedstat, stat, cpu.stat, sockstat)": cpu_us(machine.read, times),
        "descriptors": cpu_us(descriptors.count, times),
        "resident memory": cpu_us(resident_bytes, times),
    }
    recorder = Recorder(windows_of(load_profile("smoke")))
    lag = cpu_us(lambda: recorder.sample(View.LAG, "generator", Outcome.OK, 1.0, 0.0001), times)
    parts["100 loop-lag samples, without the timer itself"] = 100 * lag
    for name, cost in parts.items():
        print(f"  {cost:8.1f} us  {name}")
    total = sum(parts.values())
    print(f"  {total:8.1f} us  a second: {total / 1e4:.3f} % of a core")


def reports(rate: int, seconds: int, worker: int) -> list[dict[str, Any]]:
    """A worker's reports as they leave it: log-normal latencies over twenty calls, both views."""
    profile = load_profile("smoke")
    recorder, source, sent = Recorder(windows_of(profile)), np.random.default_rng(rate), Counters()
    packed = []
    for second in range(seconds):
        at = second + source.random(rate)
        values = source.lognormal(-2.5, 0.5, rate)
        for instant, value, call in zip(at.tolist(), values.tolist(), source.integers(0, 20, rate), strict=True):
            recorder.sample(View.SERVER, OPERATIONS[call], Outcome.OK, instant, value)
            recorder.sample(View.E2E, OPERATIONS[call], Outcome.OK, instant, value + 0.01)
        batches = made(recorder.take())
        sent += Counters.total(batches)
        report = Report(worker, second + 1, batches, sent.attempts, 0, 1, 0, sent=sent)
        packed.append(report.pack())
    return packed


def master(rate: int, seconds: int) -> float:
    """CPU milliseconds the master spends on one worker's second."""
    profile = load_profile("smoke")
    order = RunSpec(
        run_id="bench",
        run_tag=1,
        folder="",
        url="http://127.0.0.1:1",
        seed=1,
        profile=profile,
        email_pattern="p{index}@x.test",
        windows=windows_of(profile),
    )
    with tempfile.TemporaryDirectory() as folder:
        manifest = Manifest(
            run_id="bench",
            status="running",
            started_at="2026-01-01T00:00:00+00:00",
            seed=1,
            profile=profile,
            slos=(),
            target_name="t",
            target_url=order.url,
            target_environment="sandbox",
            windows=order.windows,
            planned_sessions=0,
            plan_digest="0" * 64,
            workers=1,
            versions={},
        )
        aggregator = Aggregator(order, RunStore.create(Path(folder) / "run", manifest), drawn(order), 1, io.StringIO())
        packed = reports(rate, seconds, 0)
        size = sum(len(data) for message in packed for _, data, _ in message["batches"])
        begun = time.process_time()
        for message in packed:
            aggregator.take(Report.unpack(message))
        spent = (time.process_time() - begun) / seconds * 1e3
    print(f"  {rate:6,} requests/s: {spent:6.2f} ms CPU a worker and second, {size / seconds / 1e3:7.1f} kB sent")
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=100, help="simulated seconds a rate (default %(default)s)")
    options = parser.parse_args()
    print(f"health row, {os.cpu_count()} cores:")
    health(2_000)
    print("master, one worker's report:")
    master(RATES[0], 10)  # warm
    costs = {rate: master(rate, options.seconds) for rate in RATES}
    ratio = costs[HIGH] / costs[LOW]
    print(f"{HIGH / LOW:g} times the rate costs the master {ratio:.2f} times as much (at most {MAX_RATIO:g})")
    return 0 if ratio <= MAX_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
