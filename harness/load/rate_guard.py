"""The safety net behind the budget: what all workers sent together, and whether the run must stop for it. (pure)

Requests wait for their share of the limits before they are written (`harness.client.http.wire_budget`), so that this
fires only when that failed. It reads the record, where requests stand under the second of their send.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from harness.core.tables import View

TOLERANCE = 1.2
"""A second over the limit times this is one too many: workers' seconds need not be exactly the same."""
PATIENCE_S = 3
"""So many of them in a row are a breach."""
KEPT_S = 300
"""Seconds looked back: a request is on record when it has ended."""
NO_REQUESTS = "realtime_"
UPGRADE = "realtime_connect"
"""What happens on an open socket is no request; opening one is."""


class RateGuard:
    """The requests of a run by second, all workers together.

    :param limit: requests per second; None allows everything.
    """

    def __init__(self, limit: float | None, *, tolerance: float = TOLERANCE, patience_s: int = PATIENCE_S) -> None:
        self._limit, self._tolerance, self._patience_s = limit, tolerance, patience_s
        self._counts: dict[int, int] = {}
        self.reason = ""  # why the run must stop; stays

    def absorb(self, batch: pa.RecordBatch) -> None:
        """Take in latency rows of any worker."""
        if self._limit is None or batch.num_rows == 0:
            return
        operation = batch.column("operation")
        on_a_socket = pc.and_(pc.starts_with(operation, NO_REQUESTS), pc.not_equal(operation, UPGRADE))
        mine = pc.and_not(pc.equal(batch.column("view"), str(View.SERVER)), on_a_socket)
        table = pa.table({"second": batch.column("second"), "count": batch.column("count")}).filter(mine)
        sums = table.group_by("second").aggregate([("count", "sum")])
        for second, count in zip(sums.column("second").to_pylist(), sums.column("count_sum").to_pylist(), strict=True):
            self.add(second, count)

    def add(self, second: int, requests: int) -> None:
        """So many more requests were sent in that second of the run."""
        if self._limit is None or self.reason:
            return
        counts = self._counts
        counts[second] = counts.get(second, 0) + requests
        if counts[second] > self._limit * self._tolerance:
            self._look_around(second)
        if len(counts) > KEPT_S:
            del counts[min(counts)]

    def _look_around(self, second: int) -> None:
        first = last = second
        while self._over(first - 1):
            first -= 1
        while self._over(last + 1):
            last += 1
        if last - first + 1 >= self._patience_s:
            sent = ", ".join(f"{self._counts[one]:,}" for one in range(first, last + 1))
            self.reason = (
                f"{sent} requests were sent, second by second, by all workers together; "
                f"the target allows {self._limit:g} a second"
            )

    def _over(self, second: int) -> bool:
        assert self._limit is not None
        return self._counts.get(second, 0) > self._limit * self._tolerance
