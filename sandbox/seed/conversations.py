"""Direct and group conversations with their history, receipts and reactions. (pure)"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox.seed.plan import SeedPerson, SeedPlan, uuid4_from

GROUP_SHARE = 0.1
EXTRA_DIRECT_SHARE = 0.5
CLUB = 12
"""People with neighbouring numbers who share a group: sessions come in order of the people's numbers, so that members
of a club have it open at the same time."""
HISTORY_DAYS = 50
LENGTH = (3, 12)  # messages of a direct conversation
SHORT = (1, 2)  # and of one between two people without a full life
EMOJI = ("❤️", "😂", "👍", "🔥", "😮")


@dataclass(frozen=True, slots=True)
class SeedInbox:
    """Rows of the six tables, each in the order of its column list in `COLUMNS`."""

    conversations: list[tuple[Any, ...]] = field(default_factory=list)
    conversation_participants: list[tuple[Any, ...]] = field(default_factory=list)
    messages: list[tuple[Any, ...]] = field(default_factory=list)
    message_delivery_receipts: list[tuple[Any, ...]] = field(default_factory=list)
    message_read_receipts: list[tuple[Any, ...]] = field(default_factory=list)
    message_reactions: list[tuple[Any, ...]] = field(default_factory=list)


COLUMNS: dict[str, tuple[str, ...]] = {
    "conversations": (
        "id", "created_at", "is_group", "title", "created_by", "updated_at", "direct_participant_ids",
    ),
    "conversation_participants": ("conversation_id", "user_id", "role", "created_at"),
    "messages": (
        "id", "created_at", "conversation_id", "user_id", "body", "message_type", "text", "client_id", "meta",
        "sender_id",
    ),
    "message_delivery_receipts": ("id", "created_at", "conversation_id", "message_id", "user_id", "delivered_at"),
    "message_read_receipts": ("conversation_id", "user_id", "last_read_message_id", "last_read_at"),
    "message_reactions": ("id", "created_at", "conversation_id", "message_id", "user_id", "emoji"),
}  # fmt: skip


def inbox(plan: SeedPlan, everybody: list[SeedPerson]) -> SeedInbox:
    """Everybody has at least two direct conversations (where there are three people); the lively have a club,
    some of them groups."""
    rng = plan.stream("conversations")
    rows = SeedInbox()
    lively = [person for person in everybody if person.full]
    full = {person.id for person in lively}
    for one, other in sorted(_pairs(rng, [person.id for person in everybody], [person.id for person in lively])):
        length = LENGTH if one in full or other in full else SHORT
        _conversation(plan, rng, rows, [one, other], None, rng.randint(*length))
    for _ in range(round(len(lively) * GROUP_SHARE) if len(lively) >= 3 else 0):
        members = [person.id for person in rng.sample(lively, rng.randint(3, min(8, len(lively))))]
        title = " ".join(rng.choice(plan.words.sentences).split()[:3]).rstrip(".").title()
        _conversation(plan, rng, rows, members, title, rng.randint(5, 20))
    clubs = plan.stream("clubs")
    for first in range(0, len(lively) - 2, CLUB):
        members = [person.id for person in lively[first : first + CLUB]]
        _conversation(plan, clubs, rows, members, f"Club {first // CLUB + 1}", clubs.randint(3, 6))
    return rows


def _pairs(rng: random.Random, ids: list[uuid.UUID], lively: list[uuid.UUID]) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """A ring through everybody, which gives each two, and some more at random among the lively. Sorted within, as the
    table wants."""
    ring = list(ids)
    rng.shuffle(ring)
    pairs = {_sorted(ring[place - 1], ring[place]) for place in range(len(ring)) if len(ring) > 1}
    for _ in range(round(len(lively) * EXTRA_DIRECT_SHARE) if len(lively) > 3 else 0):
        one, other = rng.sample(lively, 2)
        pairs.add(_sorted(one, other))
    return pairs


def _sorted(one: uuid.UUID, other: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID]:
    return (one, other) if one < other else (other, one)


def _conversation(
    plan: SeedPlan, rng: random.Random, rows: SeedInbox, members: list[uuid.UUID], title: str | None, count: int
) -> None:
    identity = uuid4_from(rng)
    instants = _instants(plan, rng, count + 1)
    born, last = instants[0], instants[-1]
    is_group = title is not None
    pair = None if is_group else members
    rows.conversations.append((identity, born, is_group, title, members[0], last, pair))
    rows.conversation_participants.extend(
        (identity, member, "owner" if is_group and member == members[0] else "member", born) for member in members
    )
    history = [_message(plan, rng, identity, rng.choice(members), at) for at in instants[1:]]
    rows.messages.extend(history)
    _receipts(plan, rng, rows, identity, members, history)
    if rng.random() < 0.4:
        target = rng.choice(history)
        rows.message_reactions.append(
            (uuid4_from(rng), target[1], identity, target[0], rng.choice(members), rng.choice(EMOJI))
        )


def _instants(plan: SeedPlan, rng: random.Random, count: int) -> list[datetime]:
    """Rising, distinct, the last at least an hour ago."""
    first = plan.now - timedelta(days=rng.uniform(1, HISTORY_DAYS))
    end = plan.now - timedelta(hours=1)
    offsets = sorted(rng.random() for _ in range(count))
    return [first + (end - first) * offset + timedelta(microseconds=place) for place, offset in enumerate(offsets)]


def _message(
    plan: SeedPlan, rng: random.Random, conversation: uuid.UUID, author: uuid.UUID, at: datetime
) -> tuple[Any, ...]:
    text = rng.choice(plan.words.sentences)
    client_id = str(uuid4_from(rng))
    body = orjson.dumps({"type": "text", "text": text, "clientId": client_id}).decode()
    return (uuid4_from(rng), at, conversation, author, body, "text", text, client_id, body, author)


def _receipts(
    plan: SeedPlan,
    rng: random.Random,
    rows: SeedInbox,
    conversation: uuid.UUID,
    members: list[uuid.UUID],
    history: list[tuple[Any, ...]],
) -> None:
    """Everybody received everything; most have read to the end, the others up to some message."""
    for member in members:
        for message in history:
            if message[3] != member:
                at = message[1] + timedelta(seconds=rng.uniform(0.1, 30))
                rows.message_delivery_receipts.append((uuid4_from(rng), at, conversation, message[0], member, at))
        seen = history[-1] if rng.random() < 0.7 else rng.choice(history)
        at = seen[1] + timedelta(seconds=rng.uniform(31, 600))
        rows.message_read_receipts.append((conversation, member, seen[0], at))
