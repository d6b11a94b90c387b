"""Which request of the recording is which one of the phone. (pure)

First those between which nothing but the instant differs, in order and as near in time as can be; then, of what is
left under one name, those that differ least. What shares too little is not one request that changed, but two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.trace.model import TraceEvent
from harness.trace.shapes import EventShape

LEAST_SHARED, LEAST_WRITTEN = 0.4, 0.25
"""Of what two requests of one name say together: what both have to say, or they are two."""
LONGEST = 400
"""Events of one identity that are aligned by time; of more, in order alone."""


@dataclass(frozen=True, slots=True)
class Traced:
    """An event and what of it is compared."""

    event: TraceEvent
    shape: EventShape

    @property
    def t(self) -> float:
        return self.event.t


@dataclass(frozen=True, slots=True)
class Pairing:
    """same: nothing but the instant differs. changed: one name, and something differs. The rest has no partner."""

    same: tuple[tuple[Traced, Traced], ...]
    changed: tuple[tuple[Traced, Traced], ...]
    missing: tuple[Traced, ...]
    extra: tuple[Traced, ...]


def pair(recorded: Sequence[Traced], phone: Sequence[Traced]) -> Pairing:
    """Both in the order of time."""
    same: list[tuple[Traced, Traced]] = []
    left, right = _by(recorded, _identity), _by(phone, _identity)
    for identity, mine in left.items():
        same += aligned(mine, right.get(identity, []))
    used = {id(one) for both in same for one in both}
    rest = _by((one for one in recorded if id(one) not in used), _name)
    other = _by((one for one in phone if id(one) not in used), _name)
    changed: list[tuple[Traced, Traced]] = []
    for name, mine in rest.items():
        changed += _nearest(mine, other.get(name, []))
    used |= {id(one) for both in changed for one in both}
    bare = _by((one for one in phone if id(one) not in used), _bare)
    for name, mine in _by((one for one in recorded if id(one) not in used), _bare).items():
        changed += _nearest(mine, bare.get(name, []))
    used |= {id(one) for both in changed for one in both}
    return Pairing(
        tuple(sorted(same, key=lambda both: both[0].t)),
        tuple(sorted(changed, key=lambda both: both[0].t)),
        tuple(one for one in recorded if id(one) not in used),
        tuple(one for one in phone if id(one) not in used),
    )


def _by(events: Iterable[Traced], key: Callable[[Traced], object]) -> dict[object, list[Traced]]:
    found: dict[object, list[Traced]] = defaultdict(list)
    for one in events:
        found[key(one)].append(one)
    return found


def _identity(one: Traced) -> object:
    return one.shape.identity


def _name(one: Traced) -> object:
    return one.shape.what


def _bare(one: Traced) -> object:
    """Without the words that tell calls of one endpoint apart: one side may have none."""
    return " ".join(one.shape.what.split(" ")[:2])


def aligned(mine: Sequence[Traced], theirs: Sequence[Traced]) -> list[tuple[Traced, Traced]]:
    """As many pairs as the shorter side has, none crossing another, with the least total distance in time."""
    if len(mine) == len(theirs) or len(mine) * len(theirs) > LONGEST**2:
        return list(zip(mine, theirs, strict=False))
    swapped = len(mine) > len(theirs)
    short, long = (theirs, mine) if swapped else (mine, theirs)
    if not short:
        return []
    spare = len(long) - len(short)
    # best[n][k]: the first n of the short side, with k of the long one skipped so far
    best = [[0.0] * (spare + 1)] + [[float("inf")] * (spare + 1) for _ in short]
    for n in range(1, len(short) + 1):
        for k in range(spare + 1):
            here = best[n - 1][k] + abs(short[n - 1].t - long[n - 1 + k].t)
            best[n][k] = min(here, best[n][k - 1]) if k else here
    pairs, k = [], spare
    for n in range(len(short), 0, -1):
        while k and best[n][k] == best[n][k - 1]:
            k -= 1
        pairs.append((short[n - 1], long[n - 1 + k]))
    pairs.reverse()
    return [(other, one) for one, other in pairs] if swapped else pairs


def _nearest(mine: Sequence[Traced], theirs: Sequence[Traced]) -> list[tuple[Traced, Traced]]:
    found = sorted(
        ((_shared(one.shape, other.shape), abs(one.t - other.t), one, other) for one in mine for other in theirs),
        key=lambda scored: (-round(scored[0], 2), scored[1]),
    )
    pairs: list[tuple[Traced, Traced]] = []
    used: set[int] = set()
    for share, _, one, other in found:
        least = LEAST_SHARED if one.shape.what.startswith("GET") else LEAST_WRITTEN
        told_apart = one.shape.what != other.shape.what and _bare(one) not in (one.shape.what, other.shape.what)
        if (
            told_apart
            or (share < least and not _same_filters(one.shape, other.shape))
            or id(one) in used
            or id(other) in used
        ):
            continue
        used |= {id(one), id(other)}
        pairs.append((one, other))
    return pairs


def _shared(one: EventShape, other: EventShape) -> float:
    """Of what both say of themselves, the share that both say."""
    left, right = _said(one), _said(other)
    everything = left | right
    return len(left & right) / len(everything) if everything else 1.0


def _same_filters(one: EventShape, other: EventShape) -> bool:
    """Whether both read the same rows of a table, whatever columns of them."""
    if not one.what.startswith(("GET /rest/", "HEAD /rest/")):
        return False
    mine, theirs = ({pair for pair in shape.query if pair[0] != "select"} for shape in (one, other))
    return mine == theirs


def _said(shape: EventShape) -> set[str]:
    said = {f"select {column}" for name, value in shape.query if name == "select" for column in value.split(",")}
    said |= {f"query {name} {value.partition('.')[0]}" for name, value in shape.query if name != "select"}
    said |= {f"query {name}={value}" for name, value in shape.query}
    return said | {f"body {path}" for path, _ in shape.body} | {f"body {path}={value}" for path, value in shape.body}
