"""A recorded run against what the contract predicts for what its people did."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from harness.record.store import RunFiles
from tests.prediction.base import Counts
from tests.prediction.rules import predict
from tests.prediction.story import Answers, Device, story

SHARE, FLOOR = 0.10, 5
"""Allowed distance of an endpoint's total: a tenth, and five requests where a tenth is less than five requests.

The floor is for endpoints with under 50 requests a run. There a handful of requests at edges decides: one that lay on
the wire when its session ended, one interval that a late answer pushed beyond it."""


@dataclass(frozen=True)
class Compared:
    """One session."""

    ticket: int
    persona: str
    sent: Counts
    predicted: Counts

    @property
    def distance(self) -> int:
        """Requests that one side has and the other has not."""
        names = self.sent.keys() | self.predicted.keys()
        return sum(abs(self.sent[name] - self.predicted[name]) for name in names)

    def __str__(self) -> str:
        names = sorted(self.sent.keys() | self.predicted.keys())
        off = [
            f"{name} {self.sent[name]}/{self.predicted[name]}"
            for name in sorted(names, key=lambda one: -abs(self.sent[one] - self.predicted[one]))
            if self.sent[name] != self.predicted[name]
        ]
        total = f"{self.sent.total()} sent, {self.predicted.total()} predicted"
        return f"ticket {self.ticket} ({self.persona}): {total}; {', '.join(off[:8])}"


def compare(run: RunFiles) -> list[Compared]:
    """Every session that ended by itself, in the order of tickets. What a device keeps is carried through all of its
    sessions; a newcomer's session is on a device of its own."""
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in run.actions().to_pylist():
        rows[row["ticket"]].append(row)
    answers: dict[int, dict[str, Answers]] = defaultdict(dict)
    for row in run.traffic().to_pylist():
        answers[row["ticket"]][row["call"]] = Answers(row["requests"], row["failed"], row["seconds"])
    devices: dict[int, Device] = defaultdict(Device)
    found = []
    started = [row for row in run.arrivals().to_pylist() if row["started_us"] is not None]
    for row in sorted(started, key=lambda one: one["started_us"]):
        ticket, newcomer = row["ticket"], row["persona"] == "newcomer"
        device = Device() if newcomer else devices[row["person"]]
        predicted = predict(story(ticket, rows[ticket], newcomer=newcomer), device, answers[ticket])
        if row["end"] == "finished":
            sent = Counter({call: of.requests for call, of in answers[ticket].items()})
            found.append(Compared(ticket, row["persona"], sent, predicted))
    return sorted(found, key=lambda one: one.ticket)


@dataclass(frozen=True)
class EndpointRow:
    """One endpoint over all sessions."""

    endpoint: str
    sent: int
    predicted: int

    @property
    def within(self) -> bool:
        return abs(self.sent - self.predicted) <= max(SHARE * self.predicted, FLOOR)

    def __str__(self) -> str:
        ratio = f"{self.sent / self.predicted - 1:+.1%}" if self.predicted else "-"
        return f"{'  ' if self.within else '! '}{self.endpoint:42} {self.sent:7} {self.predicted:9} {ratio:>8}"


def totals(sessions: list[Compared], endpoints: dict[str, str] | None = None) -> list[EndpointRow]:
    """Per endpoint, or per call where no endpoints are given."""
    sent: Counts = Counter()
    predicted: Counts = Counter()
    for one in sessions:
        for name, number in one.sent.items():
            sent[(endpoints or {}).get(name, name)] += number
        for name, number in one.predicted.items():
            predicted[(endpoints or {}).get(name, name)] += number
    return [EndpointRow(name, sent[name], predicted[name]) for name in sorted(sent.keys() | predicted.keys())]


def table(sessions: list[Compared], endpoints: dict[str, str] | None = None, worst: int = 8) -> str:
    """For people: every row, then the sessions that deviate most."""
    lines = [f"  {'':42} {'sent':>7} {'predicted':>9}", *map(str, totals(sessions, endpoints))]
    lines += ["", "sessions that deviate most:"]
    lines += [str(one) for one in sorted(sessions, key=lambda one: -one.distance)[:worst]]
    return "\n".join(lines)
