"""Which planned sessions somebody has begun, and whose the others are. (pure)

One byte and one small number a ticket: a day of sessions takes a few megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.core.tables import ARRIVALS, SCHEMAS
from harness.schedule.arrivals import Schedule

Tickets = npt.NDArray[np.int64]


class TicketBook:
    """The master's book of a plan's tickets."""

    def __init__(self, planned: Schedule, workers: int) -> None:
        self._plan = planned
        self._owner = (planned.person % workers).astype(np.int32)
        self._seen = np.zeros(len(planned), np.bool_)

    def shares(self, workers: int) -> list[int]:
        """How many tickets each worker owns."""
        return [int(n) for n in np.bincount(self._owner, minlength=workers)]

    def saw(self, arrivals: pa.RecordBatch) -> None:
        """These tickets have been begun, or waived."""
        self._seen[arrivals.column("ticket").to_numpy()] = True

    def left_of(self, worker: int) -> Tickets:
        """That worker's tickets that nobody has begun, as far as the reports tell."""
        return np.flatnonzero((self._owner == worker) & ~self._seen)

    def hand_over(self, worker: int, heirs: Sequence[int]) -> dict[int, Tickets]:
        """Give what is left of a worker to others; a person's tickets stay together, so nobody is on two phones."""
        left = self.left_of(worker)
        if not heirs or not len(left):
            return {}
        # By rank, not by number: the numbers of one worker's people have a common remainder.
        _, rank = np.unique(self._plan.person[left], return_inverse=True)
        heir = np.asarray(heirs, np.int32)[rank % len(heirs)]
        self._owner[left] = heir
        return {number: left[heir == number] for number in heirs if (heir == number).any()}

    def never_begun(self, workers: Sequence[int]) -> pa.RecordBatch:
        """Arrivals rows for all that is left of lost workers: never started, because the worker was lost."""
        rows = np.flatnonzero(np.isin(self._owner, workers) & ~self._seen)
        none = pa.nulls(len(rows), pa.int64())
        personas = pa.array(self._plan.personas, pa.string())
        columns = [
            pa.array(rows),
            pa.array(self._owner[rows], pa.int32()),
            personas.take(pa.array(self._plan.persona[rows].astype(np.int64))),
            pa.array(self._plan.person[rows], pa.int32()),
            pa.array(self._plan.planned_us[rows]),
            none,
            none,
            pa.array(["worker_lost"] * len(rows), pa.string()),
            pa.array(["never_started"] * len(rows), pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[ARRIVALS])
