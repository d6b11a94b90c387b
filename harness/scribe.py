"""Collects the workers' reports into the run's record, and says how far the run is.

Runs in the master (or in the only process). Knows nothing of Locust: reports come in as they left the workers.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson
import pyarrow as pa

from harness.config.models import LatencySlo
from harness.order import Order
from harness.record.clocks import ClockOffset
from harness.record.recorder import Tally
from harness.record.schema import LATENCY, View
from harness.record.store import RunStore, from_bytes, to_bytes

LINE_MARK = "\x1eharness "
"""Starts every line that the supervisor reads; everything else on stdout is Locust talking."""


RATE_OVER = 5
"""Progress lines over which requests per second are averaged; reports arrive in lumps."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one worker tells each second. Batches are what happened since its last report."""

    worker: int
    sequence: int
    batches: list[tuple[str, pa.RecordBatch]]
    attempts: int  # ever, on this worker
    open_sessions: int
    tickets_left: int
    failures: int
    final: bool = False
    problems: list[str] = field(default_factory=list)
    stop_reason: str = ""  # the worker wants the run to end
    clock: ClockOffset | None = None  # against the master's; None in a single process

    def pack(self) -> dict[str, Any]:
        """For Locust's channel, which carries msgpack."""
        message = {name: getattr(self, name) for name in self.__slots__}
        message["batches"] = [(table, to_bytes(batch)) for table, batch in self.batches]
        message["clock"] = None if self.clock is None else self.clock.model_dump()
        return message

    @classmethod
    def unpack(cls, message: dict[str, Any]) -> Report:
        """The inverse of `pack`."""
        batches = [(table, from_bytes(data)) for table, data in message["batches"]]
        clock = None if message.get("clock") is None else ClockOffset.model_validate(message["clock"])
        return cls(**{**message, "batches": batches, "clock": clock})


class Scribe:
    """One run's record keeper."""

    def __init__(self, order: Order, store: RunStore, workers: int, out: TextIO | None = None) -> None:
        self._order = order
        self._store = store
        self._workers = workers
        self._out = sys.stdout if out is None else out
        self._tally = Tally()
        self._latest: dict[int, Report] = {}
        self._told = deque([(time.monotonic(), 0)], maxlen=RATE_OVER)
        self.zero = 0.0  # epoch second
        self.stop_reason = ""

    def take(self, report: Report) -> None:
        """Write a report's batches down. :raises HarnessError: when the record cannot be written."""
        for table, batch in report.batches:
            self._store.append(table, batch)
            if table == LATENCY:
                self._tally.absorb(batch)
        for problem in report.problems:
            self._say("problem", text=problem)
        if report.stop_reason and not self.stop_reason:
            self.stop_reason = report.stop_reason
        self._latest[report.worker] = report

    @property
    def all_final(self) -> bool:
        """Whether every worker has sent its last report."""
        return sum(report.final for report in self._latest.values()) >= self._workers

    @property
    def idle(self) -> bool:
        """Whether every worker has started all its sessions and all of them are over."""
        return len(self._latest) >= self._workers and all(
            report.tickets_left == 0 and report.open_sessions == 0 for report in self._latest.values()
        )

    def progress(self) -> None:
        """Say where the run stands; once a second."""
        now, attempts = time.monotonic(), self._tally.attempts
        then, before = self._told[0]
        self._told.append((now, attempts))
        self._say(
            "progress",
            at_s=round(time.time() - self.zero, 1),
            end_s=self._order.end_s,
            sessions=sum(report.open_sessions for report in self._latest.values()),
            left=sum(report.tickets_left for report in self._latest.values()),
            attempts=attempts,
            failed=sum(n for outcome, n in self._tally.outcomes[View.SERVER].items() if not outcome.good),
            per_second=round((attempts - before) / max(now - then, 0.001), 1),
            workers=len(self._latest),
            slos=[self._standing(slo) for slo in self._store.manifest.slos if isinstance(slo, LatencySlo)],
        )

    def _standing(self, slo: LatencySlo) -> tuple[str, float | None, float, int]:
        """Name, percentile over the measure phase so far, limit (both milliseconds), samples."""
        value, samples = self._tally.percentile_ms(slo.operation, slo.view, slo.percentile) or (None, 0)
        return slo.name, value, slo.limit_ms, samples

    def start(self, zero: float) -> None:
        """The plan's zero is set, an epoch second."""
        self.zero = zero
        self._store.update(zero_epoch_s=zero)
        self._say("start", zero=zero)

    def end(self, reason: str) -> None:
        """The run is over; `reason` is empty when it ended by itself. Counters go into the manifest."""
        self._store.update(
            recorded_attempts=sum(report.attempts for report in self._latest.values()),
            workers=self._workers,
            clocks=tuple(report.clock for _, report in sorted(self._latest.items()) if report.clock is not None),
        )
        self._say("end", reason=reason, failures=sum(report.failures for report in self._latest.values()))

    def _say(self, what: str, **facts: Any) -> None:
        self._out.write(LINE_MARK + orjson.dumps({"what": what, **facts}).decode() + "\n")
        self._out.flush()
