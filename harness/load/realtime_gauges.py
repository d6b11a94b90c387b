"""What Realtime has open, and what came over it, once a second, as rows of the realtime table."""

from __future__ import annotations

from time import monotonic

from harness.client.realtime.shared import SharedRealtime
from harness.core.rows import Row, Rows, Taken
from harness.core.tables import REALTIME


class RealtimeGauges:
    """Of one worker's sockets. :param zero: loop time of the run's zero."""

    def __init__(self, sockets: SharedRealtime, *, zero: float, worker: int) -> None:
        self._sockets, self._zero, self._worker = sockets, zero, worker

    def take(self) -> list[Taken]:
        """What is open now, and what came since the last take."""
        second, worker = max(0, int(monotonic() - self._zero)), self._worker
        changes = {f"changes {table}": number for table, number in self._sockets.changes.items()}
        self._sockets.changes.clear()
        changes |= {f"sent {kind}": number for kind, number in self._sockets.sent.items()}
        self._sockets.sent.clear()
        rows: list[Row] = [(second, worker, what, value) for what, value in (self._sockets.gauges() | changes).items()]
        for count in self._sockets.tally.take():
            at = max(0, int(count.second - self._zero))
            rows.append((at, worker, f"frames {count.kind.value}", count.frames))
            rows.append((at, worker, "bytes", count.size))
        return [Rows(REALTIME, rows)] if rows else []
