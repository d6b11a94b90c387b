"""Runs with faults whose figures are known: what each second holds is said by a function of the second."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from harness.core.fault_record import FaultWindow
from harness.core.ledger import Ledger, WriteKind, WriteStep
from harness.core.outcome import Outcome
from harness.core.phase_window import Window
from harness.core.profile import ArrivalStage, Phases
from harness.core.rows import made
from harness.core.scheduled_fault import Allow
from harness.core.tables import Phase, View
from reports.frames import Frames, load
from tests.reports import build

WARMUP_S, MEASURE_S = 10, 230
END_S = WARMUP_S + MEASURE_S


def window(entry: str, fault: str, start_s: float, end_s: float) -> FaultWindow:
    facts = {"share": 1.0, "cohort": (0.0, 1.0), "allow": Allow(), "judged": False, "layer": "http"}
    span = {"name": f"chaos:{entry}", "kind": "chaos", "start_s": start_s, "end_s": end_s}
    return FaultWindow.model_validate({"entry": entry, "fault": fault} | span | facts)


FAULT = window("outage", "http_status", 80, 110)

Second = tuple[int, int, float, int]
"""Good operations, failed operations, their milliseconds, attempts."""


def calm(_: int) -> Second:
    return 20, 0, 100.0, 40


def run(
    second: Callable[[int], Second] = calm,
    faults: Sequence[FaultWindow] = (FAULT,),
    *,
    stages: tuple[ArrivalStage, ...] = (ArrivalStage(seconds=END_S, rate=3.0),),
    end_s: int = END_S,
    **changes: Any,
) -> build.Run:
    """One operation, `home_feed`, by the second."""
    phases = Phases(warmup_s=WARMUP_S, measure_s=end_s - WARMUP_S, drain_s=10)
    windows = (
        Window(phase=Phase.WARMUP, start_s=0, end_s=WARMUP_S),
        Window(phase=Phase.MEASURE, start_s=WARMUP_S, end_s=end_s),
        Window(phase=Phase.DRAIN, start_s=end_s, end_s=end_s + 10),
    )
    profile = build.profile(phases=phases, arrivals=stages)
    values: dict[str, Any] = {"profile": profile, "windows": windows, "chaos": tuple(faults)} | changes
    made = build.Run(build.manifest(**values))
    for at in range(end_s):
        good, bad, ms, attempts = second(at)
        made.add(at, ms, view=View.E2E, number=good)
        made.add(at, ms, view=View.SERVER, number=min(good, attempts))
        if bad:
            made.add(at, 5000, view=View.E2E, outcome=Outcome.TIMEOUT, number=bad)
        if attempts > good:
            made.add(at, ms, view=View.SERVER, outcome=Outcome.SERVER_ERROR, number=attempts - good)
    return made.finished()


def frames(*args: Any, **kwargs: Any) -> Frames:
    return load(run(*args, **kwargs))


def jittery(seed: int, faulty: Callable[[int], bool], rate: float = 20.0) -> Callable[[int], Second]:
    """Poisson operations with wandering latencies; nothing ends well while `faulty`."""
    rng = random.Random(seed)

    def second(at: int) -> Second:
        number = sum(rng.random() < rate / 1000 for _ in range(1000))
        ms = 100 * rng.lognormvariate(0, 0.2)
        return (0, number, ms, 3 * number) if faulty(at) else (number, 0, ms, 2 * number)

    return second


class Book:
    """A ledger written by hand: instants in seconds."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def write(self, at_s: float, *steps: tuple[float, WriteStep, Outcome], kind: WriteKind = WriteKind.EVENT) -> None:
        entry = self.ledger.intend(kind, 1, at_s)
        for instant, step, outcome in steps:
            self.ledger.step(entry, step, instant, outcome)

    def rows(self) -> Callable[[str, Sequence[str]], Iterable[pa.RecordBatch]]:
        taken = made(self.ledger.take())

        def rows(table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
            return (batch.select(list(columns)) for name, batch in taken if name == table)

        return rows


def no_rows(table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    return iter(())


def sent(at_s: float) -> tuple[float, WriteStep, Outcome]:
    return at_s, WriteStep.SENT, Outcome.OK


def yes(at_s: float, outcome: Outcome = Outcome.OK) -> tuple[float, WriteStep, Outcome]:
    return at_s, WriteStep.ACKNOWLEDGED, outcome


def unheard(at_s: float) -> tuple[float, WriteStep, Outcome]:
    return at_s, WriteStep.UNANSWERED, Outcome.TIMEOUT
