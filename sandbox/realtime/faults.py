"""Named faults of the Realtime server, for everybody, a topic, a person or one socket, for a time or for good. (pure)

The sandbox's switches of these names are faults for everybody from the start; others are set while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.switches import NAMES as SWITCHES

PREFIX = "realtime_"
NAMES = tuple(name for name in SWITCHES if name.startswith(PREFIX))
GLOBAL_ONLY = frozenset({"realtime_db_event_limit"})


class RealtimeFaultError(ValueError):
    """A fault that does not exist, or cannot be set so. The text says which, and what would be right."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault may bite. topic: without `realtime:`; person: the token's `sub`."""

    socket: int | None = None
    person: str | None = None
    topic: str | None = None


EVERYWHERE = Place()


@dataclass
class FaultRule:
    """One fault in force. until: on the clock of whoever asks; None for good."""

    name: str
    value: int
    place: Place = EVERYWHERE
    until: float | None = None
    _seen: dict[object, tuple[int, int]] = field(default_factory=dict, repr=False)

    def covers(self, place: Place, now: float) -> bool:
        """Whether it is in force there."""
        mine = self.place
        return (
            (self.until is None or now < self.until)
            and mine.socket in (None, place.socket)
            and mine.person in (None, place.person)
            and mine.topic in (None, place.topic)
        )

    def nth(self, series: object, number: int) -> bool:
        """Whether the numbered item is one of each `value`-th of its series. Asked again, it answers the same."""
        last, count = self._seen.get(series, (-1, 0))
        if number != last:
            count += 1
            self._seen[series] = (number, count)
        return count % self.value == 0


class Faults:
    """What is broken on purpose. The youngest fault of a name that covers a place decides."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        self._rules: dict[str, list[FaultRule]] = {}
        for name, value in (given or {}).items():
            if name.startswith(PREFIX) and value:
                self.set(name, int(value))

    def __bool__(self) -> bool:
        """Whether there may be any: the usual answer, and all that a healthy server asks."""
        return bool(self._rules)

    def set(self, name: str, value: int, place: Place = EVERYWHERE, until: float | None = None) -> FaultRule:
        """:raises RealtimeFaultError: for an unknown name, a negative value, a place it cannot be limited to."""
        if name not in NAMES:
            raise RealtimeFaultError(f"there is no Realtime fault {name!r}; there are: {', '.join(NAMES)}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise RealtimeFaultError(f"{name} takes a whole number of 0 or more, not {value!r}")
        if name in GLOBAL_ONLY and place != EVERYWHERE:
            raise RealtimeFaultError(f"{name} holds for everybody; leave out socket, person and topic")
        rule = FaultRule(name, value, place, until)
        self._rules.setdefault(name, []).append(rule)
        return rule

    def clear(self, name: str | None = None) -> None:
        """End one fault, or all of them."""
        if name is None:
            self._rules.clear()
        else:
            self._rules.pop(name, None)

    def value(self, name: str, now: float, place: Place = EVERYWHERE) -> int:
        """0 where it is off."""
        rule = self._rule(name, place, now)
        return 0 if rule is None else rule.value

    def hits(self, name: str, now: float, place: Place, series: object, number: int) -> bool:
        """Whether an item is one of those that a `one_in` fault picks: each n-th of a series, from the n-th on."""
        rule = self._rule(name, place, now)
        return rule is not None and rule.value > 0 and rule.nth(series, number)

    def active(self, now: float) -> list[FaultRule]:
        """What is in force."""
        return [
            rule
            for rules in self._rules.values()
            for rule in rules
            if rule.value and (rule.until is None or now < rule.until)
        ]

    def _rule(self, name: str, place: Place, now: float) -> FaultRule | None:
        rules = self._rules.get(name)
        if not rules:
            return None
        return next((rule for rule in reversed(rules) if rule.covers(place, now)), None)
