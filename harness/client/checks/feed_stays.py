"""Two looks at one feed agree about the past (I41, I46). (pure)

Whose rows are in somebody's feed only the target knows; but a phone asks for its feed more than once, and its past
does not change: rows are added at the top and never taken away, unless somebody is followed or no longer followed
(contract 4). So rows of people who were in no part of it before come from somebody else's feed, and rows that are gone
were lost. Not asked under planned faults, whose skewed clocks date rows into the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from sys import intern

from harness.client.checks.asked_many import FEEDS
from harness.client.checks.phone_memory import FEED_ROWS, FeedRowSeen, FeedSeen, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.counted import counted
from harness.core.flat_rows import FlatRows
from harness.core.read_log import ReadSeverity, ReadViolation

LATE = timedelta(minutes=5)
"""Rows may be dated this much before they can be seen."""
NAMED = 3


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.copies or reply.asked("p_cursor_id") is not None or not memory.feed_comparable(reply.begun):
        return 0
    now = _seen(reply)
    before, memory.feed = memory.feed, now
    if before is None or not (before.rows or now.rows):
        return 0
    ids, known = set(now.rows.column("id")), set(before.rows.column("id"))
    overlap = before.at - reply.begun  # both may be under way at once
    expected = before.rows if overlap <= 0 else _settled(before.rows, now, before, overlap)
    gone = [row for row in _newer(expected, now) if row.id not in ids]
    if gone:
        lost = counted(len(gone), "row is", "rows are")
        detail = f"{lost} gone that {before.call} showed, of them {gone[0].id} of {gone[0].actor}"
        if reply.empty:
            detail = f"the feed is empty, where {before.call} showed {counted(len(before.rows), 'row')}"
        found.append(ReadViolation(ReadSeverity.LOST, gone[0].id, detail))
    settled = _settled(now.rows, before, now, reply.at - before.begun)
    strange = [row for row in _newer(settled, before) if row.id not in known]
    if strange:
        familiar = {*before.rows.column("actor"), reply.me}
        foreign = [row for row in strange if row.actor not in familiar]
        row = (foreign or strange)[0]
        owners = ", ".join(list(dict.fromkeys(row.actor for row in foreign or strange))[:NAMED])
        detail = f"{len(strange)} old rows of {owners}, which the feed that {before.call} showed did not hold"
        severity = ReadSeverity.FOREIGN if foreign and before.rows else ReadSeverity.LOST
        found.append(ReadViolation(severity, row.id, detail))
    return 1


def _seen(reply: CheckedReply) -> FeedSeen:
    values: list[str] = []
    for row in reply.rows[:FEED_ROWS]:
        at, id_, actor = row.get("created_at"), row.get("id"), row.get("user_id")
        if type(at) is str and type(id_) is str and type(actor) is str:
            values += intern(at), intern(id_), intern(actor)  # many phones are shown the same rows
    rows = FlatRows(FeedRowSeen, values)
    limit = reply.asked("p_limit")
    whole = type(limit) is int and len(reply.rows) <= min(limit, FEED_ROWS) and len(rows) == len(reply.rows)
    return FeedSeen(rows, whole, reply.call, reply.begun, reply.at)


def _newer(rows: Sequence[FeedRowSeen], than: FeedSeen) -> Sequence[FeedRowSeen]:
    """Those that `than` would hold if they were in that feed: newer than its last row."""
    if than.whole:
        return rows
    if not than.rows:
        return []
    last = than.rows[-1]
    return [row for row in rows if row > last]


def _settled(rows: Sequence[FeedRowSeen], feed: FeedSeen, other: FeedSeen, behind_s: float) -> list[FeedRowSeen]:
    """Those that existed when `feed` was read: by the database's own clock, as the newest rows show it.

    :param behind_s: `feed` was read at most so many seconds before `other`.
    """
    edges = []
    try:
        if feed.rows:
            edges.append(datetime.fromisoformat(feed.rows[0].created_at) - LATE)
        if other.rows:
            edges.append(datetime.fromisoformat(other.rows[0].created_at) - LATE - timedelta(seconds=behind_s))
        edge = max(edges).isoformat()
    except (ValueError, TypeError, OverflowError):
        return []
    return [row for row in rows if row.created_at < edge]


FEED_STAYS = ReadRule("feed-stays", FEEDS, _check)
