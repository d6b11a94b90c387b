"""What goes wrong when, for whom: several faults on one time axis. (pure)

Instants are seconds since the run's zero. Who is hit depends on seed, entry, person and sequence alone
(`chaos.fault.draw`): not on workers, order or clock. The sequence counts the person's attempts that the entry concerns
from the run's beginning, inside its time or not, so that a start a moment later moves nobody else's draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from chaos.fault import Fault, Layer, draw
from chaos.phone_fault import PhoneFault

COHORT = "cohort"
"""The draw behind cohorts: one for all entries, so that [0, 0.6] names the same people everywhere."""
OF_PERSON = "person "
"""A question that begins so is asked once per person, not per attempt."""


@dataclass(frozen=True, slots=True)
class ScheduledFault:
    """One fault's place on the axis.

    share: of the attempts that it concerns, reached at the end of the ramp in a straight line from 0. Faults over
    phones have no share: their phones join one after another while the ramp lasts.
    calls, personas: globs and names that it concerns; empty means all. cohort: people whose draw lies in [from, to).
    """

    name: str
    fault: Fault
    start_s: float
    end_s: float
    ramp_s: float = 0.0
    share: float = 1.0
    calls: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    cohort: tuple[float, float] = (0.0, 1.0)
    direction: Literal["upstream", "downstream"] = "downstream"  # of stream and frame faults of the proxy

    @property
    def in_phone(self) -> bool:
        """Whether phones do it; else the proxy does."""
        return self.fault.layer is Layer.PHONE

    @property
    def at_provider(self) -> bool:
        """Whether the provider of the target's language models does it."""
        return self.fault.layer is Layer.PROVIDER

    @property
    def over_phones(self) -> bool:
        """Whether it hits phones, each for the whole time, instead of attempts."""
        return isinstance(self.fault, PhoneFault) and self.fault.scope == "phone"

    @property
    def over_messages(self) -> bool:
        """Whether it hits realtime messages."""
        return isinstance(self.fault, PhoneFault) and self.fault.scope == "message"

    def running(self, at_s: float) -> bool:
        """Whether it is under way."""
        return self.start_s <= at_s < self.end_s

    def share_at(self, at_s: float) -> float:
        """The share of attempts it hits at that instant."""
        if not self.running(at_s):
            return 0.0
        return self.share if at_s >= self.start_s + self.ramp_s else self.share * (at_s - self.start_s) / self.ramp_s

    def concerns_call(self, call: str) -> bool:
        """Whether attempts of this call are meant."""
        return not self.calls or any(fnmatchcase(call, pattern) for pattern in self.calls)

    def concerns_persona(self, persona: str) -> bool:
        """Whether this kind of person is meant."""
        return not self.personas or persona in self.personas

    def in_cohort(self, seed: int, person: int) -> bool:
        """Whether this person is meant."""
        low, high = self.cohort
        return (low, high) == (0.0, 1.0) or low <= draw(seed, COHORT, str(person), 0) < high

    def hits(self, seed: int, person: int, sequence: int, at_s: float) -> bool:
        """Whether the person's attempt number `sequence` among those it concerns is hit."""
        share = self.share_at(at_s)
        return share >= 1 or (share > 0 and draw(seed, self.name, str(person), sequence) < share)

    def draw_more(self, seed: int, person: int, sequence: int, question: str) -> float:
        """A further number in [0, 1) for what the fault wants to know about this attempt, or this person."""
        at = 0 if question.startswith(OF_PERSON) else sequence
        return draw(seed, f"{self.name} {question}", str(person), at)

    def joins_s(self, seed: int, person: int) -> float:
        """When this person's phone is hit, for faults over phones: within the ramp."""
        return self.start_s + self.ramp_s * (draw(seed, f"{self.name} join", str(person), 0) if self.ramp_s else 0.0)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something the timeline does at a planned instant."""

    at_s: float
    event: Literal["start", "change", "end"]  # change: the ramp is over
    entry: ScheduledFault


@dataclass(frozen=True, slots=True)
class Timeline:
    """All entries of a run."""

    entries: tuple[ScheduledFault, ...]
    seed: int

    def running(self, at_s: float) -> tuple[ScheduledFault, ...]:
        """What is under way at an instant."""
        return tuple(entry for entry in self.entries if entry.running(at_s))

    def of_phones(self) -> Timeline:
        """Only what phones do."""
        return Timeline(tuple(entry for entry in self.entries if entry.in_phone), self.seed)

    def of_proxy(self) -> Timeline:
        """Only what the proxy does."""
        return Timeline(tuple(entry for entry in self.entries if not (entry.in_phone or entry.at_provider)), self.seed)

    def of_provider(self) -> Timeline:
        """Only what the provider of language models does."""
        return Timeline(tuple(entry for entry in self.entries if entry.at_provider), self.seed)

    def moments(self) -> list[Moment]:
        """Every start, change and end, in order; of one instant, ends first."""
        rank = {"end": 0, "start": 1, "change": 2}
        return sorted(
            (moment for entry in self.entries for moment in _moments(entry)),
            key=lambda moment: (moment.at_s, rank[moment.event], moment.entry.name),
        )


def _moments(entry: ScheduledFault) -> Iterator[Moment]:
    yield Moment(entry.start_s, "start", entry)
    if entry.ramp_s:
        yield Moment(entry.start_s + entry.ramp_s, "change", entry)
    yield Moment(entry.end_s, "end", entry)


def contradictions(entries: Iterable[ScheduledFault]) -> list[str]:
    """What cannot happen at once, a sentence each: a phone has one radio link, one network and one clock."""
    found = []
    known = list(entries)
    for index, one in enumerate(known):
        for other in known[index + 1 :]:
            kind = _kind(one)
            if kind and kind == _kind(other) and _meet(one, other):
                found.append(
                    f"{one.name} and {other.name} both decide the {kind} of the same phones from "
                    f"{max(one.start_s, other.start_s):g} to {min(one.end_s, other.end_s):g} s; "
                    f"move one of them, or give them cohorts or personas that do not meet"
                )
    return found


def _kind(entry: ScheduledFault) -> str:
    if not entry.in_phone:
        return ""
    name = entry.fault.name
    return {"link": "link", "offline": "network", "herd": "network", "clock_skew": "clock"}.get(name, "")


def _meet(one: ScheduledFault, other: ScheduledFault) -> bool:
    apart = one.end_s <= other.start_s or other.end_s <= one.start_s
    strangers = bool(one.personas and other.personas and not set(one.personas) & set(other.personas))
    elsewhere = one.cohort[1] <= other.cohort[0] or other.cohort[1] <= one.cohort[0]
    return not (apart or strangers or elsewhere)
