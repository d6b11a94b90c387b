"""From facts to a diagnosis: each check once, those left out that another one's fault would only repeat. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from harness.doctor.checks import CHECKS
from harness.doctor.facts import Facts
from harness.doctor.model import Check, Diagnosis, State, unasked


def examine(facts: Facts, checks: Sequence[Check] = CHECKS) -> tuple[Diagnosis, ...]:
    """In the order of `checks`, each of which comes after those it needs or stands without them."""
    states: dict[str, State] = {}
    found: dict[str, Diagnosis] = {}
    waiting = list(checks)
    while waiting:
        ready = [one for one in waiting if all(need in states for need in one.needs)]
        if not ready:
            raise ValueError(f"checks that wait for each other: {', '.join(one.id for one in waiting)}")
        for check in ready:
            blocked = next((need for need in check.needs if states[need] is State.WRONG or need in _blocked(found)), "")
            answer = unasked(f"waits for: {blocked}") if blocked else check.judge(facts)
            states[check.id], found[check.id] = answer.state, Diagnosis(check.id, answer)
        waiting = [one for one in waiting if one.id not in states]
    return tuple(found[check.id] for check in checks)


def _blocked(found: dict[str, Diagnosis]) -> set[str]:
    """Checks that were not asked because of another one."""
    return {id_ for id_, one in found.items() if one.answer.text.startswith("waits for: ")}
