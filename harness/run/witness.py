"""The database of a run's target observed for as long as the load lasts (`harness.observe`)."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path

from harness.core.resolved_target import ResolvedTarget
from harness.core.tables import Phase
from harness.egress.gate import Gate
from harness.observe.explain import Who, explain
from harness.observe.observer import Observations, observed
from harness.record.manifest import Manifest
from harness.record.store import RunStore, open_run
from harness.run.run_request import RunRequest

SLICES, SHORTEST_S = 10, 3.0
MOST_ASKED = 50
"""Among how many people one is looked for whose calls are explained."""


def witness(
    run_request: RunRequest, access: ResolvedTarget, store: RunStore
) -> AbstractContextManager[Observations | None]:
    """None where the target gives no connection string, or nobody wants to know."""
    if not access.dsn or not run_request.observe:
        return contextlib.nullcontext(None)
    return observed(access.dsn.reveal(), Gate(access.reach), edges(store.manifest), Zero(store.folder))


def explained(run_request: RunRequest, access: ResolvedTarget, seen: Observations) -> None:
    """After the load: the plans of what it asked join what was observed."""
    people = range(run_request.profile.people)
    emails = () if access.user_ids else tuple(access.email_pattern.format(index=one) for one in people[:MOST_ASKED])
    who = Who(emails, tuple(access.user_ids[:MOST_ASKED]))
    explain(seen, access.dsn.reveal(), Gate(access.reach), who)


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
    """Where phases and fault windows begin and end, in seconds since the run's zero, and the measure phase's tenths:
    what differs from tenth to tenth says how sure a figure is."""
    found = {instant for window in manifest.windows for instant in (window.start_s, window.end_s)}
    found |= {instant for window in manifest.chaos for instant in (window.start_s, window.end_s)}
    for window in manifest.windows:
        length = window.end_s - window.start_s
        if window.phase is Phase.MEASURE and length >= SLICES * SHORTEST_S:
            found |= {window.start_s + length * part / SLICES for part in range(1, SLICES)}
    return tuple(sorted(found))
