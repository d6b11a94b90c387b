"""What made many phones do one thing in the same instant, and when: from a run's profile and its faults. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.profile import Profile
from reports.herds.model import Cause
from reports.recovery.faults import ObservedFault

_AT_END: dict[str, Cause] = {"herd": "outage", "offline": "outage"}
_AT_START: dict[str, Cause] = {"mass_reconnect": "reconnect", "cache_expiry": "expiry", "expired_token": "tokens"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """The instant, seconds since the run's zero. calm_s: until when the run knew nothing of it."""

    name: str
    cause: Cause
    at_s: float
    calm_s: float


def triggers(profile: Profile, faults: Sequence[ObservedFault]) -> tuple[Trigger, ...]:
    """In order. Faults that were not on made none; nor did tokens of which the phone does not know."""
    unknown = {one.name for one in profile.chaos if one.fault == "expired_token" and not _known(one.parameters)}
    found = [*_pushes(profile)]
    for one in faults:
        if one.missing or one.name in unknown:
            continue
        if one.fault in _AT_END:
            found.append(Trigger(one.name, _AT_END[one.fault], one.end_s, one.start_s))
        elif one.fault in _AT_START:
            found.append(Trigger(one.name, _AT_START[one.fault], one.start_s, one.start_s))
    return tuple(sorted(found, key=lambda one: one.at_s))


def _known(parameters: object) -> bool:
    return isinstance(parameters, dict) and parameters.get("phone") == "known"


def _pushes(profile: Profile) -> list[Trigger]:
    """Stages of arrivals that are herds; stages that follow each other are one."""
    found: list[Trigger] = []
    begins, before = 0.0, False
    for stage in profile.arrivals:
        if stage.herd and not before:
            name = f"push {len(found) + 1}" if found else "push"
            found.append(Trigger(name, "push", begins, begins))
        begins, before = begins + stage.seconds, stage.herd
    return found
