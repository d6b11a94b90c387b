"""Figures for people who watch: folded from record batches as they arrive, bounded in size. (pure)"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from harness.config.models import LatencySlo, Slo
from harness.outcome import Outcome
from harness.record.buckets import percentile
from harness.record.schema import Phase, View

_FAILED = frozenset(outcome.value for outcome in Outcome if not outcome.good)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One latency SLO as it stands: value so far in milliseconds, None before its first sample."""

    name: str
    value_ms: float | None
    limit_ms: float
    samples: int


class Live:
    """Totals of the whole run, and each latency SLO's percentile over the measure phase so far."""

    def __init__(self, slos: Iterable[Slo]) -> None:
        self._slos = tuple(slo for slo in slos if isinstance(slo, LatencySlo))
        self._watched = {(slo.operation, slo.view.value) for slo in self._slos}
        self._buckets: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.attempts = 0
        self.failed = 0

    def fold(self, latency: pa.RecordBatch) -> None:
        """Take in a batch of the latency table."""
        columns = [
            latency.column(name).to_pylist() for name in ("phase", "operation", "view", "outcome", "bucket_us", "count")
        ]
        for phase, operation, view, outcome, bucket, count in zip(*columns, strict=True):
            if view == View.SERVER:
                self.attempts += count
                if outcome in _FAILED:
                    self.failed += count
            if phase == Phase.MEASURE and (operation, view) in self._watched:
                self._buckets[operation, view][bucket] += count

    def gauges(self) -> list[Gauge]:
        """Where the latency SLOs stand."""
        return [self._gauge(slo) for slo in self._slos]

    def _gauge(self, slo: LatencySlo) -> Gauge:
        counted = self._buckets.get((slo.operation, slo.view.value))
        if not counted:
            return Gauge(slo.name, None, slo.limit_ms, 0)
        values = np.fromiter(counted.keys(), dtype=np.int64)
        counts = np.fromiter(counted.values(), dtype=np.int64)
        order = np.argsort(values)
        value = percentile(values[order], counts[order], slo.percentile)
        return Gauge(slo.name, float(value) / 1000.0, slo.limit_ms, int(counts.sum()))
