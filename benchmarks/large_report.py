"""How long the report of a large run takes: a record of so many samples, judged and rendered.

    python benchmarks/large_report.py [--samples 10000000] [--seconds 3600] [--operations 40]

The record is synthetic, its format and everything that reads it are not: log-normal latencies, two views, spread
evenly over operations and seconds, so that about as many buckets are in use as in a real run. Prints seconds of CPU
time and of the clock.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    from harness.core.phase_window import Window
    from harness.core.profile import ArrivalStage, Phases
    from harness.core.tables import LATENCY, SCHEMAS, Phase
    from harness.record import buckets
    from harness.record.store import RunStore
    from reports.report import REPORT, report
    from tests.reports import build

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--samples", type=int, default=10_000_000)
    arguments.add_argument("--seconds", type=int, default=3600)
    arguments.add_argument("--operations", type=int, default=40)
    given = arguments.parse_args()
    source = np.random.default_rng(1)
    phases = Phases(warmup_s=0, measure_s=given.seconds, drain_s=0)
    profile = build.profile(phases=phases, arrivals=(ArrivalStage(seconds=given.seconds, rate=3.0),))
    window = Window(phase=Phase.MEASURE, start_s=0, end_s=given.seconds)
    slos = tuple(build.latency_slo(f"operation_{number}", 400.0) for number in range(12))
    manifest = build.manifest(slos, profile=profile, windows=(window,), status="running", recorded_attempts=None)
    names = np.array([f"operation_{number}" for number in range(given.operations)])
    views = np.array(["server", "e2e"])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        store = RunStore.create(run, manifest)
        rows = written = 0
        for second in range(given.seconds):
            number = given.samples * (second + 1) // given.seconds - written
            written += number
            kind = source.integers(0, given.operations * 2, number)
            bucket = buckets.index(np.rint(120_000 * source.lognormal(0, 0.35, number)).astype("int64"))
            keys, counts = np.unique(kind * 100_000 + bucket, return_counts=True)
            rows += len(keys)
            batch = {
                "second": np.full(len(keys), second, dtype="int32"),
                "phase": ["measure"] * len(keys),
                "operation": names[keys // 100_000 // 2],
                "view": views[keys // 100_000 % 2],
                "outcome": ["ok"] * len(keys),
                "bucket_us": buckets.representative(keys % 100_000),
                "count": counts,
            }
            schema = SCHEMAS[LATENCY]
            arrays = [pa.array(batch[field.name]).cast(field.type) for field in schema]
            store.append(LATENCY, pa.RecordBatch.from_arrays(arrays, schema=schema))
        store.update(status="complete", recorded_attempts=None)
        store.close()
        began, cpu = time.perf_counter(), time.process_time()
        report(run)
        print(
            f"{written:,} samples in {rows:,} rows: {time.process_time() - cpu:.1f} s of CPU, "
            f"{time.perf_counter() - began:.1f} s by the clock, {(run / REPORT).stat().st_size / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
