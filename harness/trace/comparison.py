"""What a comparison found. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from harness.trace.differences import DifferenceKind, TraceDifference

CREDIT: dict[DifferenceKind, float] = {
    DifferenceKind.QUERY: 0.5,
    DifferenceKind.BODY: 0.5,
    DifferenceKind.BATCH: 0.5,
    DifferenceKind.HEADER: 0.1,
    DifferenceKind.INSTANT: 0.1,
}
"""What a request loses of its weight, which is one, when it is sent on both sides and differs in this; not below 0."""


LOSS: dict[DifferenceKind, float] = {**CREDIT, DifferenceKind.MISSING: 1.0, DifferenceKind.EXTRA: 1.0}
"""What each difference takes from the share."""


class TraceClass(Enum):
    """What is counted apart."""

    REQUESTS = "requests"
    PREFLIGHTS = "preflights"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class TraceCount:
    """matching: of the recording's, those that the phone sent as well, alike in everything. credit: the same, with
    those that differ counted by the parts that are alike (`CREDIT`). recorded: all of the recording's. extra: the
    phone's that the recording has not."""

    matching: int = 0
    credit: float = 0.0
    recorded: int = 0
    extra: int = 0

    @property
    def share(self) -> float:
        """Weighted, 0 to 1; 1 where there is nothing to be matched."""
        all_ = self.recorded + self.extra
        return self.credit / all_ if all_ else 1.0

    def __add__(self, other: TraceCount) -> TraceCount:
        return TraceCount(
            self.matching + other.matching,
            self.credit + other.credit,
            self.recorded + other.recorded,
            self.extra + other.extra,
        )


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One event on both time lines. mark: `same`, `changed`, `missing`, `extra` or `timer` (a beat that the cut of the
    flows explains)."""

    t: float | None
    phone_t: float | None
    what: str
    mark: str
    note: str = ""

    @property
    def order(self) -> float:
        return self.t if self.t is not None else self.phone_t or 0.0


@dataclass(frozen=True, slots=True)
class FlowComparison:
    """One flow. counts: by class. note: why a step could not be replayed."""

    name: str
    differences: tuple[TraceDifference, ...]
    counts: dict[TraceClass, TraceCount]
    timeline: tuple[TimelineRow, ...]
    note: str = ""

    @property
    def count(self) -> TraceCount:
        return total(self.counts.values())


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """All of it. preflights: whether they were compared; a HAR may show none. unused: entries of the allow list that no
    longer occur."""

    flows: tuple[FlowComparison, ...]
    preflights: bool = True
    unused: tuple[str, ...] = ()

    @property
    def differences(self) -> Iterator[TraceDifference]:
        return (difference for flow in self.flows for difference in flow.differences)

    @property
    def unknown(self) -> tuple[TraceDifference, ...]:
        """What no allow list gives a reason for."""
        return tuple(difference for difference in self.differences if not difference.known)

    @property
    def count(self) -> TraceCount:
        return total(flow.count for flow in self.flows)

    @property
    def accounted(self) -> float:
        """The share, with what the allow list gives a reason for counted as alike."""
        all_ = self.count.recorded + self.count.extra
        known = sum(one.count * LOSS.get(one.kind, 0.0) for one in self.differences if one.known)
        return min(1.0, (self.count.credit + known) / all_) if all_ else 1.0

    def of_class(self, kind: TraceClass) -> TraceCount:
        return total(flow.counts.get(kind, TraceCount()) for flow in self.flows)

    def with_differences(self, known: dict[int, str], unused: tuple[str, ...]) -> TraceComparison:
        """The same, with the reasons that an allow list gives, by the difference's `id()`."""
        flows = tuple(
            replace(flow, differences=tuple(replace(one, known=known.get(id(one), "")) for one in flow.differences))
            for flow in self.flows
        )
        return replace(self, flows=flows, unused=unused)


def total(counts: Iterable[TraceCount]) -> TraceCount:
    return sum(counts, TraceCount())


def class_of(what: str) -> TraceClass:
    if what.startswith("OPTIONS "):
        return TraceClass.PREFLIGHTS
    return TraceClass.FRAMES if what.startswith(("frame ", "socket ")) else TraceClass.REQUESTS
