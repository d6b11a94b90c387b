"""Samples of the measure phase in histograms, by view, operation and outcome, as far as somebody asks for them. (pure)

No Python per row: it runs once a second for every worker.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.outcome import OUTCOMES, Outcome
from harness.core.tables import Phase, View
from harness.record import buckets

Kind = tuple[View, str]
"""A view and an operation."""
Histogram = npt.NDArray[np.int64]
Span = tuple[float, float]

NOT_AN_ANSWER: dict[View, frozenset[Outcome]] = {
    View.SERVER: frozenset({Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP}),
    View.E2E: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
    View.DELIVERY: frozenset(outcome for outcome in OUTCOMES if outcome.failed),
}
"""Outcomes that count as slower than every limit, as in a report."""
REPRESENTATIVE_US = buckets.representative(np.arange(buckets.BUCKETS))


class LiveCounts:
    """Histograms of the wanted kinds, and how often what came, all phases, of everything.

    excused: stretches of the run, seconds since zero, in which nothing counts.
    """

    def __init__(self, wanted: Collection[Kind], excused: Sequence[Span] = ()) -> None:
        self._wanted = frozenset(wanted)
        self._excused = tuple(excused)
        self._rows: dict[tuple[View, str, Outcome], int] = {}
        self._figures = np.zeros((0, buckets.BUCKETS), np.int64)
        self.outcomes: Counter[tuple[View, Outcome]] = Counter()

    def absorb(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a latency batch."""
        if batch.num_rows == 0:
            return
        encoded = [batch.column(name).dictionary_encode() for name in ("view", "operation", "outcome")]
        shape = [max(1, len(column.dictionary)) for column in encoded]
        codes = np.ravel_multi_index([column.indices.to_numpy() for column in encoded], shape)
        count = batch.column("count").to_numpy()
        names = [column.dictionary.to_pylist() for column in encoded]
        sums = np.bincount(codes, weights=count, minlength=math.prod(shape))
        place = np.full(len(sums), -1, np.int64)
        for cell in np.flatnonzero(sums):
            view, operation, outcome = np.unravel_index(cell, shape)
            key = (View(names[0][view]), names[1][operation], Outcome(names[2][outcome]))
            self.outcomes[key[0], key[2]] += int(sums[cell])
            if key[:2] in self._wanted and key[2] is not Outcome.ABORTED:
                place[cell] = self._row(key)
        row = place[codes]
        counted = (row >= 0) & self._counts(batch)
        bucket = buckets.index(batch.column("bucket_us").to_numpy()[counted])
        np.add.at(self._figures, (row[counted], bucket), count[counted])

    def _counts(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        mask: Any = pc.equal(batch.column("phase"), str(Phase.MEASURE)).to_numpy(zero_copy_only=False)
        counted = np.asarray(mask, np.bool_)
        if self._excused:
            second = batch.column("second").to_numpy()
            ended = second + 1 + batch.column("bucket_us").to_numpy() / 1e6
            for start, end in self._excused:
                counted &= (ended <= start) | (second >= end)
        return counted

    def _row(self, key: tuple[View, str, Outcome]) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows)
            if row >= len(self._figures):
                more = np.zeros((max(16, len(self._figures)), buckets.BUCKETS), np.int64)
                self._figures = np.concatenate([self._figures, more])
        return row

    def of(self, view: View, operation: str) -> dict[Outcome, Histogram]:
        """Counts per bucket of one kind, by outcome."""
        return {
            outcome: self._figures[row]
            for (of, name, outcome), row in self._rows.items()
            if (of, name) == (view, operation)
        }


def answered(view: View, by_outcome: dict[Outcome, Histogram]) -> tuple[Histogram, int]:
    """Counts per bucket of what counts with its time, and how many count as slower than every limit."""
    total, failed = np.zeros(buckets.BUCKETS, np.int64), 0
    for outcome, figures in by_outcome.items():
        if outcome in NOT_AN_ANSWER.get(view, ()):
            failed += int(figures.sum())
        else:
            total += figures
    return total, failed


def at_rank(figures: Histogram, rank: int) -> float | None:
    """The value of that one-based rank, microseconds; None beyond the last."""
    sums = np.cumsum(figures)
    if rank > sums[-1]:
        return None
    return float(REPRESENTATIVE_US[np.searchsorted(sums, rank, side="left")])
