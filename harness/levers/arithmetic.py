"""What the contract's arithmetic would have a piece be: computed from what people did, never from what was sent. (pure)

Rows: contract 3.5, 7.3 and 8.2. Who hears a message: realtime 2.5. Swipe events and their requests: `swiping`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind

ROLLUP = 0.1
"""Rows of the hourly figures a request of swipe events writes: one request in ten (3.5)."""
LIMITED = 1.0
"""Rows of `rate_limits` a rated call writes (7.3)."""
EVENT_TABLES = ("media_events", "rate_limits", "swipe_ingest_hourly_metrics")
"""Where the rows of swipe events go, partitions included, but for labels, which stand in the deck's own."""


def rows_of_events(events: float, requests: float, rated: float) -> float:
    """Rows in `EVENT_TABLES`. requests: with swipe events; rated: all rated calls, those included."""
    return events + LIMITED * rated + ROLLUP * requests


def event_rows(tables: Mapping[str, int]) -> int:
    """The same as a database counted them."""
    return sum(rows for name, rows in tables.items() if name.startswith(EVENT_TABLES))


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the delivery table, in seconds."""

    at: float
    kind: str
    person: int
    conversation: str
    key: str
    detail: str


def message_events(facts: Iterable[Fact], *, by_changes: bool) -> int:
    """Realtime messages that the messages of a piece should have been.

    By database changes each is one to everybody who listens, whoever wrote it included. By Broadcast it is one that is
    sent, and one to everybody who listens but the sender.
    """
    listening = {str(ChannelState.LISTENING)}
    if not by_changes:  # a channel that has database changes as well hears Broadcast before and after those stand
        listening.add(str(ChannelState.JOINED))
    ears: defaultdict[str, dict[int, bool]] = defaultdict(dict)
    total = 0
    for fact in sorted(facts, key=lambda fact: fact.at):
        if fact.kind == FactKind.CHANNEL and fact.key == ChannelTopic.CHANGES:
            ears[fact.conversation][fact.person] = fact.detail in listening
        elif fact.kind == FactKind.STORED:
            there = ears[fact.conversation]
            hears = sum(on for person, on in there.items() if by_changes or person != fact.person)
            total += hears + (0 if by_changes else 1)
    return total


def card_ages(moments: Sequence[tuple[float, str, str, int, float]]) -> list[float]:
    """How old each card was when it was swiped, seconds, of one session's actions: (instant, action, subject, number,
    seconds). Cards are swiped in the order in which they came."""
    ages: list[float] = []
    stack: list[float] = []
    for at, action, subject, number, seconds in moments:
        if action == "open" and subject == "swipe":
            stack = []
        elif action == "cards":
            stack += [at - seconds] * number
        elif action == "gesture" and stack:
            ages.append(at - stack.pop(0))
    return ages
