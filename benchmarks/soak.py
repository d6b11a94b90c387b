"""A long run's record in little time: is the master's memory flat, and how large does the record get?

    .venv/bin/python benchmarks/soak.py [--hours 24] [--rate 2000] [--workers 2]

Simulated seconds of RATE requests (both views, twenty calls, log-normal latencies, a loop-lag sample each 10 ms, a
health row, session starts and ends) go through each worker's recorder and the master's aggregator into a real run
directory, on a clock that runs as fast as the machine allows. Memory is this process' resident set: after one
simulated hour of warm-up, and its largest from then to the end. Exits 1 when it grew by 50 MB or more.

The rows of a second are drawn from sixty prepared seconds, so that the run measures the record and not the drawing.
`--keep` leaves the run directory for `harness report`.
"""

from __future__ import annotations

import argparse
import gc
import io
import shutil
import sys
import tempfile
import time
from array import array
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.core.outcome import Outcome
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.rows import made
from harness.core.run_spec import RunSpec, windows_of
from harness.core.tables import ARRIVALS, HEALTH, SCHEMAS, View
from harness.load.aggregator import Aggregator, Report
from harness.load.health import resident_bytes
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.roster import Counters
from harness.record.store import RunStore
from harness.schedule.agreed import drawn

CALLS = [f"call_{number}" for number in range(20)]
PREPARED = 60
SESSIONS_PER_S = 10
MAX_GROWTH = 50e6


class Clock:
    """Epoch seconds, moved by the loop below."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """One worker's recorder, fed with prepared seconds."""

    def __init__(self, number: int, order: RunSpec, rate: int) -> None:
        self.number, self.recorder, self.sent, self.reports = number, Recorder(order.windows), Counters(), 0
        source = np.random.default_rng(number)
        for view in (View.SERVER, View.E2E):  # gives every key its number, in this order
            for call in CALLS:
                self.recorder.sample(view, call, Outcome.OK, 0.0, 0.01)
        self.recorder.sample(View.LAG, "generator", Outcome.OK, 0.0, 0.0001)
        keys = [
            np.concatenate((asked := source.integers(0, 20, rate), asked + 20, np.full(100, 40)))
            for _ in range(PREPARED)
        ]
        latency = [source.lognormal(-2.5, 0.5, rate) for _ in range(PREPARED)]
        self._keys = [array("i", key.tolist()) for key in keys]
        self._into = [np.concatenate((source.random(2 * rate), np.arange(100) / 100)) for _ in range(PREPARED)]
        self._values = [
            array("d", np.concatenate((one, one + 0.01, source.exponential(2e-4, 100))).tolist()) for one in latency
        ]

    def second(self, second: int) -> Report:
        """What this worker reports at the end of that second."""
        which = second % PREPARED
        recorder = self.recorder
        recorder._key.extend(self._keys[which])  # as `sample` appends them, without 4,000 calls a second
        recorder._at.frombytes((self._into[which] + second).tobytes())
        recorder._value.extend(self._values[which])
        batches = [*made(recorder.take()), (HEALTH, self._health(second)), (ARRIVALS, self._arrivals(second))]
        self.sent += Counters.total(batches)
        self.reports += 1
        attempts = self.sent.attempts
        report = Report(self.number, self.reports, batches, attempts, 0, 1, 0, sent=self.sent, pid=self.number)
        return Report.unpack(report.pack())

    def _health(self, second: int) -> pa.RecordBatch:
        row: dict[str, float] = {
            "second": second,
            "worker": self.number,
            "lag_p50_us": 80,
            "lag_p99_us": 900,
            "lag_max_us": 2000,
        }
        row |= {"cpu_share": 0.3, "rss_bytes": 1 << 28, "descriptors": 900, "sessions": 700}
        return pa.RecordBatch.from_pylist([row], schema=SCHEMAS[HEALTH])

    def _arrivals(self, second: int) -> pa.RecordBatch:
        started = [second * SESSIONS_PER_S + number for number in range(self.number, SESSIONS_PER_S, 2)]
        row = {"worker": self.number, "persona": "swiper", "person": 1, "planned_us": second * 1_000_000}
        row |= {"started_us": second * 1_000_000, "late_cause": "", "end": ""}
        return pa.RecordBatch.from_pylist([row | {"ticket": one} for one in started * 2], schema=SCHEMAS[ARRIVALS])


def soak(folder: Path, hours: float, rate: int, workers: int, warmup_s: int) -> tuple[int, int]:
    """Drive the hours through; resident bytes after the warm-up, and their largest from then on."""
    seconds = int(hours * 3600)
    profile = Profile(
        name="soak",
        people=5_000,
        phones=5_000,
        phases=Phases(warmup_s=60, measure_s=seconds - 120, drain_s=60),
        arrivals=(ArrivalStage(seconds=seconds - 60, rate=SESSIONS_PER_S * 1.2),),  # more tickets than are used
        mix={"swiper": 1.0},
    )
    order = RunSpec(
        run_id="soak",
        run_tag=1,
        folder="",
        url="http://127.0.0.1:1",
        seed=1,
        profile=profile,
        email_pattern="p{index}@x.test",
        windows=windows_of(profile),
    )
    manifest = Manifest(
        run_id="soak",
        status="running",
        started_at="2026-01-01T00:00:00+00:00",
        seed=1,
        profile=profile,
        slos=(),
        target_name="t",
        target_url=order.url,
        target_environment="sandbox",
        windows=order.windows,
        planned_sessions=seconds * SESSIONS_PER_S,
        plan_digest="0" * 64,
        workers=workers,
        versions={},
    )
    clock, out = Clock(), io.StringIO()
    store = RunStore.create(folder, manifest)
    aggregator = Aggregator(order, store, drawn(order), workers, out, clock=clock)
    aggregator.start(clock.now, workers)
    crew = [Worker(number, order, rate // workers) for number in range(workers)]
    after_warmup = largest = 0
    begun = time.monotonic()
    for second in range(seconds):
        clock.now += 1.0
        for worker in crew:
            aggregator.take(worker.second(second))
        if aggregator.find_lost():
            raise SystemExit("a worker counts as lost, though it reported each second")
        if second % 10 == 0:
            aggregator.progress()
            out.seek(0)
            out.truncate()
        if second == warmup_s:
            gc.collect()
            after_warmup = largest = resident_bytes()
        elif second > warmup_s and second % 60 == 0:
            largest = max(largest, resident_bytes())
        if second and second % 3600 == 0:
            took = time.monotonic() - begun
            print(f"  {second // 3600:3d} h  {resident_bytes() / 1e6:6.1f} MB  ({took:.0f} s)", flush=True)
    largest = max(largest, resident_bytes())
    records = aggregator.records
    if any(record.sent != record.received for record in records):
        raise SystemExit("what was sent and what was written down differ")
    aggregator.end("")
    store.release()
    print(f"{sum(record.received.samples for record in records):,} samples in {time.monotonic() - begun:.0f} s")
    return after_warmup, largest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=int, default=2_000, help="requests per second over all workers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=3_600, help="simulated seconds before memory counts")
    parser.add_argument("--keep", type=Path, help="a folder to leave the record in")
    options = parser.parse_args()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="soak-")) / "run"
    try:
        before, largest = soak(folder, options.hours, options.rate, options.workers, options.warmup)
        for path in sorted(folder.rglob("*.arrows")):
            print(f"stream {path.stem}: {path.stat().st_size / 1e6:,.1f} MB")
    finally:
        if options.keep is None:
            shutil.rmtree(folder.parent, ignore_errors=True)
    growth = largest - before
    print(
        f"memory {before / 1e6:.1f} MB after the warm-up, at most {largest / 1e6:.1f} MB later: {growth / 1e6:+.1f} MB"
    )
    return 0 if growth < MAX_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
