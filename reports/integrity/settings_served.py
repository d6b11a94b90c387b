"""Everybody gets the same public settings as long as their version is the same (I76).

Held against what the endpoint answered before the load, and against each other. Silent where more than one version was
served: somebody changed something, and instances of the function follow within half a minute (contract 6.1).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from harness.record.probe_results import Probes
from reports.integrity.model import Check
from reports.integrity.shown import Findings
from reports.integrity.view import Shown

CALL, ASKED_BEFORE = "app_settings", "fresh settings"


def checks(kept: Iterable[Shown], probes: Probes | None) -> Iterator[Check]:
    """probes: what was asked before the load; None: nothing was."""
    looks = [one for one in kept if one.call == CALL]
    before = _before(probes)
    versions = {one.first for one in looks} | ({before[0]} if before else set())
    if not looks or len(versions) != 1:
        return
    told = Counter(one.detail for one in looks)
    right = before[1] if before else told.most_common(1)[0][0]
    whom = "were answered before the load" if before else "others were served"
    found = Findings(asked=len(looks))
    for one in looks:
        if one.detail != right and (unlike := _unlike(_members(one.detail), _members(right))):
            found.finds(one, f"version {one.first} has {unlike} {whom}")
    yield found.check("I76")


def _before(probes: Probes | None) -> tuple[int, str] | None:
    told = next((one.told for one in (probes.answers if probes else ()) if one.id == ASKED_BEFORE), "")
    if not told:
        return None
    version, outline = json.loads(told)
    return int(version), str(outline)


def _unlike(shown: dict[str, Any], right: dict[str, Any]) -> str:
    """`ux.search.page_size 40 where 20`; of several the first."""
    for name in sorted({*shown, *right}):
        if shown.get(name) != right.get(name) or (name in shown) != (name in right):
            return f"{name} {_value(shown, name)}, where {_value(right, name)}"
    return ""


def _value(members: dict[str, Any], name: str) -> str:
    return json.dumps(members[name]) if name in members else "nothing"


def _members(told: str) -> dict[str, Any]:
    try:
        found = json.loads(told)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
