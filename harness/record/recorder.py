"""Samples in, rows of the latency table out. One recorder per worker, owned by its event loop; not thread-safe.

`sample` only appends to flat arrays (under 1 us); `take` parts with them, and whoever writes them down bins them with
numpy (`Samples.batch`), on any thread. Memory is what one interval between two takes holds.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.outcome import Outcome
from harness.core.phase_window import Window
from harness.core.tables import LATENCY, SCHEMAS, Phase, View
from harness.record import buckets

Key = tuple[View, str, Outcome]
Integers = npt.NDArray[np.int64]

MAX_FIGURES = 256
"""Operations, times views, with running percentiles; later ones are recorded and have none."""
_MICROSECONDS = 1_000_000
_WITH_PERCENTILES = (View.SERVER, View.E2E)


def _warm_up() -> None:
    """pyarrow imports pandas at its first conversion, a quarter of a second and on a busy machine many. Before the run,
    not beside a worker's loop in its first second, nor at a first report, where the others would think it gone."""
    pc.equal(pa.array(np.zeros(1)), 0.0).to_numpy(zero_copy_only=False)


class SampleTally:
    """Running totals and percentiles over latency rows: a master keeps one over the batches of all its workers."""

    def __init__(self) -> None:
        self.outcomes: dict[View, dict[Outcome, int]] = {view: {} for view in View}
        self._rows: dict[tuple[str, View], int] = {}  # operation and view -> row of `_figures`
        self._figures = np.zeros((0, buckets.BUCKETS), np.int64)  # counts of the measure phase
        _warm_up()

    @property
    def attempts(self) -> int:
        """Server-view samples."""
        return sum(self.outcomes[View.SERVER].values())

    def absorb(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a latency batch. No Python per row: it runs once a second for every worker."""
        if batch.num_rows == 0:
            return
        encoded = [batch.column(name).dictionary_encode() for name in ("view", "operation", "outcome")]
        shape = [len(column.dictionary) for column in encoded]
        codes = np.ravel_multi_index([column.indices.to_numpy() for column in encoded], shape)
        present = np.bincount(codes, minlength=math.prod(shape)) > 0  # far quicker than sorting
        cells, key = np.flatnonzero(present), np.cumsum(present)[codes] - 1
        names = [column.dictionary.to_pylist() for column in encoded]
        places = zip(*np.unravel_index(cells, shape), strict=True)
        keys = [(View(names[0][v]), names[1][o], Outcome(names[2][u])) for v, o, u in places]
        count = batch.column("count").to_numpy()
        measured = pc.equal(batch.column("phase"), str(Phase.MEASURE)).to_numpy(zero_copy_only=False)
        self._count(keys, np.bincount(key, weights=count, minlength=len(keys)))
        self._see(keys, key[measured], buckets.index(batch.column("bucket_us").to_numpy()[measured]), count[measured])

    def _count(self, keys: Sequence[Key], counts: npt.NDArray[Any]) -> None:
        for (view, _, outcome), count in zip(keys, counts.tolist(), strict=True):
            self.outcomes[view][outcome] = self.outcomes[view].get(outcome, 0) + int(count)

    def _see(self, keys: Sequence[Key], key: Integers, bucket: Integers, count: Integers) -> None:
        """Add to the percentile figures, opening a row for what is new while there is room."""
        for number in np.unique(key):
            view, operation, _ = keys[number]
            if view in _WITH_PERCENTILES and len(self._rows) < MAX_FIGURES:
                self._rows.setdefault((operation, view), len(self._rows))
        if len(self._rows) > len(self._figures):
            more = np.zeros((len(self._rows) - len(self._figures), buckets.BUCKETS), np.int64)
            self._figures = np.concatenate((self._figures, more))
        row = np.array([self._rows.get((operation, view), -1) for view, operation, _ in keys], np.int64)[key]
        np.add.at(self._figures, (row[row >= 0], bucket[row >= 0]), count[row >= 0])

    def percentile_ms(self, operation: str, view: View, q: float) -> tuple[float, int] | None:
        """The q-th percentile so far in milliseconds, and its samples; None before the first. Measure phase only."""
        row = self._rows.get((operation, view))
        if row is None:
            return None
        counts = self._figures[row]
        seen = np.flatnonzero(counts)
        return buckets.percentile(buckets.representative(seen), counts[seen], q) / 1000, int(counts.sum())


@dataclass(frozen=True, slots=True)
class Samples:
    """What was sampled between two takes, one entry per sample in each array. At least one."""

    keys: Sequence[Key]  # grows at its end while the recorder lives; what `key` points to is there
    starts: npt.NDArray[np.float64]
    phases: Sequence[str]
    key: array[int]
    at: array[float]
    value: array[float]

    @property
    def table(self) -> str:
        """See `harness.core.rows.Taken`."""
        return LATENCY

    def batch(self) -> pa.RecordBatch:
        """Rows of the latency table, each key once."""
        key = np.array(self.key, dtype=np.int64)
        at = np.clip(np.nan_to_num(np.array(self.at), nan=0.0), 0.0, 2.0**31 - 1)
        # a value that is no number would be our bug: let it show as the longest one there is
        value = np.nan_to_num(np.array(self.value), nan=np.inf, posinf=np.inf)
        us = np.rint(np.clip(value * _MICROSECONDS, 0, buckets.MAX_US)).astype(np.int64)
        phase = np.maximum(np.searchsorted(self.starts, at, side="right") - 1, 0)
        return self._grouped(np.floor(at).astype(np.int64), phase, key, buckets.index(us))

    def _grouped(self, second: Integers, phase: Integers, key: Integers, bucket: Integers) -> pa.RecordBatch:
        """Group by all four columns and name what the numbers stand for."""
        keys = list(self.keys)
        first = int(second.min())
        shape = (int(second.max()) - first + 1, len(self.phases), len(keys), buckets.BUCKETS)
        cell, count = np.unique(np.ravel_multi_index((second - first, phase, key, bucket), shape), return_counts=True)
        second, phase, key, bucket = np.unravel_index(cell, shape)
        views, operations, outcomes = zip(*keys, strict=True)
        columns = [
            pa.array((second + first).astype(np.int32)),
            pa.array(self.phases, pa.string()).take(pa.array(phase)),
            pa.array(operations, pa.string()).take(pa.array(key)),
            pa.array([str(view) for view in views], pa.string()).take(pa.array(key)),
            pa.array([str(outcome) for outcome in outcomes], pa.string()).take(pa.array(key)),
            pa.array(buckets.representative(bucket)),
            pa.array(count.astype(np.int64)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[LATENCY])


class Recorder:
    """What one worker measured.

    :param windows: the phases in order of their start; a sample before the first counts to the first, one after the
        last to the last.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        if not windows:
            raise ValueError("a recorder needs at least one window")
        ordered = sorted(windows, key=lambda window: (window.start_s, window.end_s))
        self._starts = np.array([window.start_s for window in ordered])
        self._phases = [str(window.phase) for window in ordered]
        self._ids: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._begin()
        _warm_up()

    def _begin(self) -> None:
        self._key, self._at, self._value = array("i"), array("d"), array("d")
        self._append_key, self._append_at, self._append_value = self._key.append, self._at.append, self._value.append

    def sample(self, view: View, operation: str, outcome: Outcome, at_s: float, value_s: float) -> None:
        """One finished attempt, operation or wake-up.

        :param at_s: the attempt's send or the operation's intent, seconds since the run's zero; decides second and
            phase.
        :param value_s: how long it took, seconds.
        """
        try:
            key = self._ids[view, operation, outcome]
        except KeyError:
            key = self._ids[view, operation, outcome] = len(self._keys)
            self._keys.append((View(view), str(operation), Outcome(outcome)))
        self._append_key(key)
        self._append_at(at_s)
        self._append_value(value_s)

    def take(self) -> list[Samples]:
        """Everything sampled since the last take."""
        if not self._key:
            return []
        taken = Samples(self._keys, self._starts, self._phases, self._key, self._at, self._value)
        self._begin()
        return [taken]
