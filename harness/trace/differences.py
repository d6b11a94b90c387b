"""The differences that there can be between a recording and a phone, in words. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from harness.trace.shapes import EventShape, Pairs, alike


class DifferenceKind(Enum):
    """The value is the word in allow lists and reports."""

    MISSING = "missing"  # in the recording, not on the phone
    EXTRA = "extra"  # on the phone, not in the recording
    QUERY = "query"
    BODY = "body"
    BATCH = "batch"  # another number of things in one request
    HEADER = "header"
    INSTANT = "instant"
    ORDER = "order"  # one side waited for a reply, the other did not
    REREAD = "reread"  # one side read something again that was young enough for the other
    CHANNEL = "channel"  # left open on one side


@dataclass(frozen=True, slots=True)
class TraceDifference:
    """What differs, how often in this flow. t: seconds since the flow began, where it was seen first. known: the reason
    that the allow list gives; empty where it gives none."""

    flow: str
    kind: DifferenceKind
    what: str
    detail: str
    count: int = 1
    t: float = 0.0
    known: str = ""

    @property
    def key(self) -> tuple[str, DifferenceKind, str, str]:
        return self.flow, self.kind, self.what, self.detail


@dataclass(slots=True)
class DifferenceList:
    """Of one flow; the same one again only counts."""

    flow: str
    _found: dict[tuple[str, DifferenceKind, str, str], tuple[int, float]] = field(default_factory=dict)

    def add(self, kind: DifferenceKind, what: str, detail: str, t: float) -> None:
        count, first = self._found.get((self.flow, kind, what, detail), (0, t))
        self._found[self.flow, kind, what, detail] = count + 1, min(first, t)

    def all(self) -> tuple[TraceDifference, ...]:
        return tuple(
            TraceDifference(flow, kind, what, detail, count, t)
            for (flow, kind, what, detail), (count, t) in self._found.items()
        )


def of_shapes(recorded: EventShape, phone: EventShape) -> list[tuple[DifferenceKind, str]]:
    """How two requests, or frames, of one name differ."""
    found = [(DifferenceKind.QUERY, detail) for detail in _query(recorded.query, phone.query)]
    found += [(DifferenceKind.BATCH, detail) for detail in _sizes(recorded, phone)]
    found += [(DifferenceKind.BODY, detail) for detail in _values(recorded.body, phone.body, "body")]
    return found + [(DifferenceKind.HEADER, detail) for detail in _values(recorded.headers, phone.headers, "header")]


def _query(recorded: Pairs, phone: Pairs) -> list[str]:
    mine, theirs = dict(recorded), dict(phone)
    found = []
    for name in sorted({*mine, *theirs}):
        one, other = mine.get(name), theirs.get(name)
        if one == other:
            continue
        if one is None or other is None:
            side, value = ("phone", one) if other is None else ("recording", other)
            found.append(f"{name}={value} is missing in the {side}")
        elif name == "select":
            found += _columns(one, other)
        else:
            found.append(f"{name}={one}, the phone's {other}")
    return found


def _columns(recorded: str, phone: str) -> list[str]:
    mine, theirs = recorded.split(","), phone.split(",")
    more = [column for column in mine if column not in theirs]
    fewer = [column for column in theirs if column not in mine]
    if not more and not fewer:
        return ["select has the same columns in another order"]
    found = [f"select has {_several(more)} more than the phone's: {','.join(more)}"] if more else []
    return found + ([f"select lacks {_several(fewer)} of the phone's: {','.join(fewer)}"] if fewer else [])


def _several(columns: list[str]) -> str:
    return "one column" if len(columns) == 1 else f"{len(columns)} columns"


def _sizes(recorded: EventShape, phone: EventShape) -> list[str]:
    mine, theirs = dict(recorded.sizes), dict(phone.sizes)
    return [
        f"{mine[path]} {path} in one request, the phone's has {theirs[path]}"
        for path in sorted({*mine} & {*theirs})
        if mine[path] != theirs[path]
    ]


def _values(recorded: Pairs, phone: Pairs, place: str) -> list[str]:
    mine, theirs = dict(recorded), dict(phone)
    found = []
    for name in sorted({*mine, *theirs}):
        one, other = mine.get(name), theirs.get(name)
        if other is None:
            if not _inside(name, theirs):
                found.append(f"{place} {name} ({one}) is missing in the phone")
        elif one is None:
            if not _inside(name, mine):
                found.append(f"{place} {name} ({other}) is missing in the recording")
        elif not alike(one, other):
            found.append(f"{place} {name} is {one}, the phone's {other}")
    return found


def _inside(path: str, other: dict[str, str]) -> bool:
    """Whether the other side has the whole list, or object, empty or null: then that is the difference, or none."""
    if any(name.startswith((f"{path}.", f"{path}[]")) for name in other):
        return True  # here it is empty, there it is not: its keys are told
    parts = path.replace("[]", ".[]").split(".")
    for size in range(1, len(parts)):
        outer = ".".join(parts[:size]).replace(".[]", "[]")
        if other.get(outer) == "null":
            return True
    return False
