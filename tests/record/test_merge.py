"""However the same samples are split over workers, seconds and reports, the record is the same to the last byte."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.rows import made
from harness.core.run_spec import RunSpec, windows_of
from harness.core.tables import ARRIVALS, LATENCY, SCHEMAS, View
from harness.load.aggregator import Aggregator, Report
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.roster import Counters
from harness.record.store import RunStore, open_run
from harness.schedule.agreed import drawn

PROFILE = load_profile("smoke")
ORDER = RunSpec(
    run_id="m",
    run_tag=1,
    folder="",
    url="http://127.0.0.1:1",
    seed=1,
    profile=PROFILE,
    email_pattern="p{index}@x.test",
    windows=windows_of(PROFILE),
)
Sample = tuple[View, str, Outcome, float, float]
Tables = dict[str, bytes]

one_sample = st.tuples(
    st.sampled_from(View),
    st.sampled_from(["home_feed", "swipe_deck", "message_send"]),
    st.sampled_from(OUTCOMES),
    st.floats(0, 90),
    st.floats(0, 20),
)


def manifest(workers: int) -> Manifest:
    return Manifest(
        run_id="m",
        status="running",
        started_at="2026-01-01T00:00:00+00:00",
        seed=1,
        profile=PROFILE,
        slos=(),
        target_name="t",
        target_url=ORDER.url,
        target_environment="sandbox",
        windows=ORDER.windows,
        planned_sessions=0,
        plan_digest="0" * 64,
        workers=workers,
        versions={},
    )


def arrivals(tickets: Sequence[int]) -> pa.RecordBatch:
    rows = [
        {"ticket": ticket, "worker": 0, "persona": "swiper", "person": ticket, "planned_us": ticket * 7}
        | {"started_us": ticket * 7 + 1, "ended_us": ticket * 9, "late_cause": "", "end": "finished"}
        for ticket in tickets
    ]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMAS[ARRIVALS])


def record(folder: Path, samples: Sequence[Sample], tickets: Sequence[int], workers: int, rng: random.Random) -> Tables:
    """Deal samples and tickets out to workers, flush each at random moments, send the reports in a random order."""
    store = RunStore.create(folder, manifest(workers))
    aggregator = Aggregator(ORDER, store, drawn(ORDER), workers, io.StringIO())
    aggregator.start(0.0, workers)
    owners = [rng.randrange(workers) for _ in samples]
    queues: list[list[Report]] = []
    for worker in range(workers):
        recorder, sent, reports = Recorder(ORDER.windows), Counters(), list[Report]()
        share = [sample for sample, owner in zip(samples, owners, strict=True) if owner == worker]
        queues.append(reports)
        cuts = sorted(rng.randrange(len(share) + 1) for _ in range(3 if workers > 1 else 0))
        parts = [share[low:high] for low, high in zip([0, *cuts], [*cuts, None], strict=True)]
        for part in parts:
            for sample in part:
                recorder.sample(*sample)
            batches = made(recorder.take())
            own = [ticket for ticket in tickets if ticket % workers == worker] if part is parts[-1] else []
            if own:
                batches.append((ARRIVALS, arrivals(own)))
            sent += Counters.total(batches)
            attempts = sent.attempts
            reports.append(Report(worker, len(reports) + 1, batches, attempts, 0, 0, 0, sent=sent))
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        aggregator.take(Report.unpack(queue.pop(0).pack()))
    for entry in aggregator.records:
        assert entry.sent == entry.received
    store.close()
    return {table: (folder / f"{table}.parquet").read_bytes() for table in (LATENCY, ARRIVALS)}


@pytest.mark.parametrize("workers", [2, 4])
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking is slow
@given(
    samples=st.lists(one_sample, max_size=120),
    tickets=st.sets(st.integers(0, 10), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_one_process_and_several_give_the_same_files(
    workers: int, samples: list[Sample], tickets: set[int], seed: int
) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        alone = record(Path(folder) / "one", samples, sorted(tickets), 1, rng)
        spread = record(Path(folder) / "many", samples, sorted(tickets), workers, rng)
        total = sum(open_run(Path(folder) / "many").latency()["count"].to_pylist())
    assert spread == alone
    assert total == len(samples)
