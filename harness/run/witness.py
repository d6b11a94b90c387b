"""The database of a run's target observed for as long as the load lasts (`harness.observe`)."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path

from harness.core.resolved_target import ResolvedTarget
from harness.egress.gate import Gate
from harness.observe.observer import Observations, observed
from harness.record.manifest import Manifest
from harness.record.store import RunStore, open_run
from harness.run.run_request import RunRequest


def witness(
    run_request: RunRequest, access: ResolvedTarget, store: RunStore
) -> AbstractContextManager[Observations | None]:
    """None where the target gives no connection string, or nobody wants to know."""
    if not access.dsn or not run_request.observe:
        return contextlib.nullcontext(None)
    return observed(access.dsn.reveal(), Gate(access.reach), edges(store.manifest), Zero(store.folder))


class Zero:
    """The run's zero as epoch seconds, once its record says so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: float | None = None

    def __call__(self) -> float | None:
        if self._known is None:
            self._known = open_run(self._folder).manifest.zero_epoch_s
        return self._known


def edges(manifest: Manifest) -> tuple[float, ...]:
    """Where phases and fault windows begin and end, in seconds since the run's zero."""
    found = {instant for window in manifest.windows for instant in (window.start_s, window.end_s)}
    found |= {instant for window in manifest.chaos for instant in (window.start_s, window.end_s)}
    return tuple(sorted(found))
