"""From a run's record to what its faults did: one report per fault window. (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.core.fault_record import FaultLine
from harness.core.ledger import WriteKind
from reports.frames import MEASURED_VIEWS, Frames
from reports.integrity.writes import LedgerRows
from reports.ranks import grouped_percentiles
from reports.recovery import writes as ledger
from reports.recovery.faults import ObservedFault, happened
from reports.recovery.hysteresis import hysteresis
from reports.recovery.model import Baseline, FaultReport, LatencyChange, Queue, Recovered, Recovery, WritePressure
from reports.recovery.seconds import Seconds, tally
from reports.recovery.steady import HOLD_S, Steady, calm, recovered, steady

HERD_S = 30
"""How long after a fault's end its herd is looked for."""
SHOWN_OPERATIONS = 12
ALL = "all"


def recover(frames: Frames, rows: LedgerRows, log: Sequence[FaultLine] = ()) -> Recovery | None:
    """What the faults of a run did; None for a run without faults.

    :param rows: its ledger, as `RunFiles.rows` gives it. log: its `chaos.jsonl`; without it the plan is believed.
    """
    faults = happened(frames.manifest.chaos, log, frames.window[1])
    if not faults:
        return None
    where = calm(frames.window, _first(faults, frames.window))
    counted = tally(frames, where)
    base = steady(counted, where)
    lives = [
        found for kind in WriteKind if kind is not WriteKind.PERSON and len((found := ledger.lives(kind, rows)).wanted)
    ]
    return Recovery(
        baseline=base.baseline if isinstance(base, Steady) else None,
        baseline_note="" if isinstance(base, Steady) else base,
        faults=tuple(_Window(frames, counted, base, fault, faults).report(lives) for fault in faults),
        hysteresis=hysteresis(counted, frames),
    )


def _first(faults: Sequence[ObservedFault], measure: tuple[float, float]) -> float:
    """When the first fault that was on interrupts; when none does, none has a before."""
    interrupts = (fault.start_s for fault in faults if not _lasts(fault, measure) and not fault.missing)
    return min(interrupts, default=faults[0].start_s)


def _lasts(fault: ObservedFault, measure: tuple[float, float]) -> bool:
    """Whether a fault is on for the whole measure phase, as an emulated link is: that is how things are in this run.
    It has no before, and the others are held against a baseline under it."""
    return fault.start_s <= measure[0] and fault.end_s >= measure[1]


class _Window:
    """One fault window of a run."""

    def __init__(
        self,
        frames: Frames,
        counted: Seconds,
        base: Steady | str,
        fault: ObservedFault,
        faults: Sequence[ObservedFault],
    ) -> None:
        self._frames, self._counted, self._fault = frames, counted, fault
        self._base = base if isinstance(base, Steady) else None
        self._baseline = base.baseline if isinstance(base, Steady) else None
        self._why = "" if isinstance(base, Steady) else base
        load_end = frames.window[1]
        real = [one for one in faults if not one.missing]
        later = [other.start_s for other in real if other.start_s >= fault.end_s]
        self._until = max(min([load_end, *later]), fault.end_s)
        others = [one for one in real if not _lasts(one, frames.window)]
        self._also = [one for one in others if one.start_s < fault.end_s < min(one.end_s, load_end)]
        self._during = counted.part(fault.start_s, fault.end_s)

    def report(self, lives: Sequence[ledger.Lives]) -> FaultReport:
        counted, during, fault = self._counted, self._during, self._fault
        length = max(during.stop - during.start, 1)
        sent, wanted = int(counted.attempts[during].sum()), int(counted.operations[during].sum())
        goodput, answers = counted.good[during].sum() / length, counted.answers[during].sum() / length
        base = self._baseline
        amplification = sent / wanted if wanted else None
        busiest = int(counted.attempts[during].max(initial=0))
        herd = self._herd(base)
        return FaultReport(
            name=fault.name,
            fault=fault.fault,
            start_s=fault.start_s,
            end_s=fault.end_s,
            until_s=self._until,
            hits=fault.hits,
            missing=fault.missing,
            operations=wanted,
            attempts=sent,
            amplification=amplification,
            amplification_ratio=_over(amplification, base.attempts_per_operation if base else None),
            amplification_peak=_over(float(busiest), wanted / length),
            attempts_per_s=sent / length,
            answers_per_s=float(answers),
            goodput_per_s=float(goodput),
            goodput_share=_over(float(goodput), base.goodput_per_s if base else None),
            wasted_share=wasted(float(goodput), sent / length, base),
            latency=self._latency(),
            herd_per_s=herd[0],
            herd_ratio=herd[1],
            herd_at_s=herd[2],
            queue=self._queue(lives),
            writes=self._writes(lives),
            recovered=self._recovered(),
        )

    def _herd(self, base: Baseline | None) -> tuple[float | None, float | None, float | None]:
        """Attempts of the busiest second after the end, their ratio to the baseline's, and when that was."""
        after = self._counted.part(self._fault.end_s, min(self._until, self._fault.end_s + HERD_S))
        if after.stop <= after.start:
            return None, None, None
        at = after.start + int(np.argmax(self._counted.attempts[after]))
        most = float(self._counted.attempts[at])
        return most, _over(most, base.attempts_per_s if base else None), float(at)

    def _recovered(self) -> Recovered:
        if self._fault.missing:
            return Recovered(status="unknown", note=self._fault.missing)
        if self._base is None:
            return Recovered(status="unknown", note=self._why)
        if self._also:
            names = ", ".join(one.name for one in self._also)
            return Recovered(status="unknown", note=f"another fault was still on when it ended: {names}")
        return recovered(self._base.within, self._fault.end_s, self._until)

    def _latency(self) -> tuple[LatencyChange, ...]:
        """p95 before the first fault, in the window, and after it; all operations first, then who changed most."""
        base = self._baseline
        spans = (
            (base.start_s, base.end_s) if base is not None else (0.0, 0.0),
            (self._fault.start_s, self._fault.end_s),
            (self._fault.end_s, self._until),
        )
        tables = [self._percentiles(*span) for span in spans]
        found = []
        for operation, view in sorted({key for table in tables for key in table}):
            figures = [table.get((operation, view), (None, 0)) for table in tables]
            before, during, after = (value for value, _ in figures)
            samples = (figures[0][1], figures[1][1], figures[2][1])
            found.append(
                LatencyChange(
                    operation=operation, view=view, before=before, during=during, after=after, samples=samples
                )
            )
        found.sort(key=lambda row: (row.operation != ALL, -_change(row), row.operation, row.view))
        return tuple(found[: SHOWN_OPERATIONS + len(MEASURED_VIEWS)])

    def _percentiles(self, start_s: float, end_s: float) -> dict[tuple[str, str], tuple[float | None, int]]:
        samples, part = self._frames.samples, self._counted.part(start_s, end_s)
        chosen = samples[(samples["second"] >= part.start) & (samples["second"] < part.stop)]
        both = pd.concat([chosen, chosen.assign(operation=ALL)])
        table = grouped_percentiles(both, ["operation", "view"], (95.0,))
        return {
            (str(operation), str(view)): (p95 / 1000.0 if math.isfinite(p95) else None, int(number))
            for operation, view, p95, number in zip(
                table["operation"], table["view"], table["p95"], table["samples"], strict=True
            )
        }

    def _queue(self, lives: Sequence[ledger.Lives]) -> Queue | None:
        events = next((found for found in lives if found.kind is WriteKind.EVENT), None)
        if events is None:
            return None
        base = self._baseline
        quiet = (base.start_s, base.end_s) if base is not None else None
        return ledger.queue(events, self._fault.end_s, _record_end(self._frames), quiet)

    def _writes(self, lives: Sequence[ledger.Lives]) -> tuple[WritePressure, ...]:
        start, end = round(self._fault.start_s * 1e6), round(self._fault.end_s * 1e6)
        found = [made for one in lives if (made := ledger.pressure(one, start, end)) is not None]
        return tuple(sorted(found, key=lambda row: (-row.retries, -row.requests)))


def wasted(goodput: float, attempts: float, base: Baseline | None) -> float | None:
    """Share of the attempts that the baseline would not have needed for this goodput: 1 - (goodput / attempts) over the
    same quotient of the baseline, at least 0. Attempts, not answers: a target works for who gave up waiting, too."""
    if base is None or not attempts:
        return None
    return min(max(1.0 - (goodput / attempts) / (base.goodput_per_s / base.attempts_per_s), 0.0), 1.0)


def _over(value: float | None, by: float | None) -> float | None:
    return value / by if value is not None and by else None


def _change(row: LatencyChange) -> float:
    """How much slower the operation was in the window; failures are slower than anything, unknown is least."""
    if row.during is None:
        return math.inf if row.samples[1] else 0.0
    return row.during / row.before if row.before else 1.0


def _record_end(frames: Frames) -> float:
    return max([window.end_s for window in frames.manifest.windows] or [frames.window[1]])


__all__ = ["HOLD_S", "recover", "wasted"]
