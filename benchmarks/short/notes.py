"""What is written down while a session goes, and what becomes of it: `session_log.py` and `record.py` in short."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import tempfile
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from record import OPERATIONS, reports
from session_log import ACTIONS, CALLS, QUESTIONS, REQUESTS, rng, session

from harness.config.load import load_profile
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import RunSpec, windows_of
from harness.core.tables import View
from harness.load.aggregator import Aggregator, Report
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.store import RunStore
from harness.schedule.agreed import drawn
from short.judging import Turn
from short.turns import by_turns, cpu

TURNS, TIMES = 15, 160
RATE, SECONDS = 5_000, 10


def looked() -> dict[str, list[Turn]]:
    """Log, dice, recorder, master."""
    found = {
        "session log": by_turns(cpu(session, TIMES), cpu(plain_session, 2 * TIMES), TURNS),
        "dice": by_turns(cpu(rng, 3 * TIMES), cpu(plain_dice, 6 * TIMES), TURNS),
        "recorder": recorder(),
    }
    with master() as (ours, reference):
        found["master"] = by_turns(ours, reference, TURNS)
    return found


def plain_session() -> None:
    """As many notes, of as many fields, in a dict and a list, and columns of them."""
    calls: dict[str, list[float]] = {}
    for number in range(REQUESTS):
        noted = calls.setdefault(f"call {number % CALLS}", [0, 0.0, 0])
        noted[0] += 1
        noted[1] += 0.1
        noted[2] += 900
    actions = [(number, "look", "title", 1, 2.0) for number in range(ACTIONS)]
    for column in zip(*actions, strict=True):
        pa.array(column)


def plain_dice() -> None:
    """As many dice, made and thrown."""
    for number in range(QUESTIONS):
        random.Random(number).random()


def recorder() -> list[Turn]:
    """A second's samples."""
    windows = windows_of(load_profile("smoke"))
    ours, source = Recorder(windows), np.random.default_rng(1)
    values = source.lognormal(-2.5, 0.5, RATE).tolist()
    instants, calls = source.random(RATE).tolist(), source.integers(0, len(OPERATIONS), RATE).tolist()

    def sampled() -> None:
        for at, value, call in zip(instants, values, calls, strict=True):
            ours.sample(View.SERVER, OPERATIONS[call], Outcome.OK, at, value)
        made(ours.take())

    def plain() -> None:
        kept, worth, which = array("d"), array("d"), array("i")
        for at, value, call in zip(instants, values, calls, strict=True):
            kept.append(at)
            worth.append(value)
            which.append(call)
        np.unique(np.array(which) * 10_000.0 + np.rint(np.array(worth) * 1000), return_counts=True)

    return by_turns(cpu(sampled, 15), cpu(plain, 30), TURNS)


@contextlib.contextmanager
def master() -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
    """What takes a worker's reports into a record, and what only reads and writes them."""
    packed = reports(RATE, SECONDS, 0)
    profile = load_profile("smoke")
    with tempfile.TemporaryDirectory() as folder:
        spec = RunSpec(
            run_id="short",
            run_tag=1,
            folder="",
            url="http://127.0.0.1:1",
            seed=1,
            profile=profile,
            email_pattern="p{index}@x.test",
            windows=windows_of(profile),
        )
        manifest = Manifest(
            run_id="short",
            status="running",
            started_at="2026-01-01T00:00:00+00:00",
            seed=1,
            profile=profile,
            slos=(),
            target_name="t",
            target_url=spec.url,
            target_environment="sandbox",
            windows=spec.windows,
            planned_sessions=0,
            plan_digest="0" * 64,
            workers=1,
            versions={},
        )
        aggregator = Aggregator(spec, RunStore.create(Path(folder) / "run", manifest), drawn(spec), 1, io.StringIO())

        numbers = itertools.count(1)

        def taken() -> None:
            for message in packed:  # by another number each time: what comes again is not written down again
                aggregator.take(Report.unpack({**message, "sequence": next(numbers)}))

        def copied() -> None:
            for message in packed:
                for _, data, _ in message["batches"]:
                    for batch in pa.ipc.open_stream(data):
                        with pa.ipc.new_stream(pa.BufferOutputStream(), batch.schema) as writer:
                            writer.write_batch(batch)

        yield cpu(taken, 3), cpu(copied, 40)
