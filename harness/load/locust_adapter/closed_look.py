"""Live figures of users under plain `locust -f`, where page and users are one process: no plan, record or verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.config.load import load_slos
from harness.core.run_spec import RunSpec
from harness.live.faults import FaultBoard
from harness.live.snapshot import Snapshot
from harness.live.state import LiveState
from harness.record.manifest import Manifest


class ClosedLook:
    """Of one test. The SLOs are the shipped ones, over everything since its start."""

    def __init__(self, spec: RunSpec, zero: float, host: str) -> None:
        manifest = Manifest(
            run_id=spec.run_id,
            status="running",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=spec.seed,
            profile=spec.profile.model_copy(update={"name": "plain Locust, without a plan"}),
            slos=load_slos(),
            target_name=spec.url,
            target_url=spec.url,
            target_environment="sandbox",
            windows=spec.windows,
            planned_sessions=0,
            plan_digest="",
            workers=1,
            versions={},
        )
        self._live = LiveState(manifest, np.empty(0), FaultBoard(Path(spec.folder or "/nonexistent")))
        self._zero, self._host = zero, host

    @property
    def latest(self) -> Snapshot | None:
        return self._live.latest

    def take(self, batches: Sequence[tuple[str, pa.RecordBatch]], sessions: int) -> None:
        """What happened in the last second, and how many sessions are open."""
        at_s = time.time() - self._zero
        self._live.heard(0, at_s, host=self._host, sessions=sessions, left=0)
        for table, batch in batches:
            self._live.absorb(0, table, batch)
        self._live.tick(at_s, [0])
