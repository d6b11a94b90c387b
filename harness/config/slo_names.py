"""Names in an SLO file against those that a run can hold: an unknown one would pass, or never be judged. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.core.frozen_model import closest
from harness.core.operation_names import NAMES_OF_VIEW
from harness.core.slo import CatchAllBound, Exclusion, LatencySlo, SloFile
from harness.core.tables import View


def unknown_names(file: SloFile) -> list[str]:
    """What is named and does not exist, one sentence each, with what was probably meant."""
    problems = []
    for slo in file.slo:
        names = (slo.operation,) if isinstance(slo, LatencySlo) else slo.operations
        problems += [f"SLO {slo.name!r}: {one}" for one in _unknown(names, slo.view)]
    own = file.catch_all
    entries: Iterator[CatchAllBound | Exclusion] = iter(
        (*(own.bound if own else ()), *(own.exclude if own else ()), *file.exclude)
    )
    for entry in entries:
        problems += [f"catch_all: {one}" for one in _unknown((entry.name,), entry.view)]
    return problems


def _unknown(names: Iterable[str], view: View | None) -> list[str]:
    known = NAMES_OF_VIEW.get(view, frozenset()) if view else NAMES_OF_VIEW[View.SERVER] | NAMES_OF_VIEW[View.E2E]
    found = []
    for name in names:
        if name in known:
            continue
        others = [str(other) for other, has in NAMES_OF_VIEW.items() if name in has]
        meant = f"view {others[0]} has it" if others else closest(name, known)
        found.append(f"{name} is nothing that {f'view {view}' if view else 'a run'} holds; {meant}")
    return found
