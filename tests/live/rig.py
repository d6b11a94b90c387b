"""Runs whose samples are known, told to a live state second by second as workers would, and judged as a report does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.tables import ARRIVALS, HEALTH, LATENCY, REALTIME
from harness.live.faults import FaultBoard
from harness.live.snapshot import Snapshot
from harness.live.state import LiveState
from tests.reports.build import Run


def told(run: Run, folder: Path, workers: int = 2, seed: int = 1) -> tuple[LiveState, Snapshot]:
    """The run's rows, dealt to workers at random and told in the order of their seconds; the last snapshot."""
    planned = np.array([row["planned_us"] / 1e6 for row in run.sessions])
    state = LiveState(run.manifest, planned, FaultBoard(folder, run.manifest.chaos))
    latency, dealt = run.latency(), np.random.default_rng(seed)
    whose = dealt.integers(0, workers, latency.num_rows)
    last = int(pc.max(latency.column("second")).as_py() or 0)
    for second in range(last + 1):
        for worker in range(workers):
            mine = pa.array((latency.column("second").to_numpy() == second) & (whose == worker))
            state.heard(worker, float(second), host="here", sessions=3, left=0)
            for batch in latency.filter(mine).combine_chunks().to_batches():
                state.absorb(worker, LATENCY, batch)
        state.tick(float(second), range(workers))
    for table, rows in ((ARRIVALS, run.arrivals()), (HEALTH, run.health()), (REALTIME, run.realtime())):
        for batch in rows.to_batches():
            state.absorb(0, table, batch)
    return state, state.tick(last + 1.0, range(workers))
