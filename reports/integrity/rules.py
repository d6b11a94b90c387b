"""The rules of single tables, asked of what was read (contract 8.3, I09 to I30)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from harness.core.ledger import WriteKind
from harness.evidence import store
from harness.evidence.tables import (
    CONVERSATIONS,
    DELIVERIES,
    FEATURES,
    IMPRESSIONS,
    LIBRARY,
    MESSAGES,
    PARTICIPANTS,
    REACTIONS,
    READS,
    REQUESTS,
    StoredTable,
)
from reports.integrity import conversations, decks, frames, library
from reports.integrity.columns import text
from reports.integrity.model import SHOWN, Check, Offender
from reports.integrity.texts import QUESTIONS
from reports.integrity.writes import LedgerRows

LIBRARY_EVENTS = frozenset({"status", "watchlist", "rating"})
"""Events whose background work writes the library too, in an order that nobody promises (contract 3.5)."""


def rules(folder: Path, rows: LedgerRows, read_at: pd.Timestamp) -> Iterator[Check]:
    """Every rule whose tables were read. `read_at`: when that was."""
    seen = _Evidence(folder)
    yield from _talk(seen, rows, read_at)
    yield from _served(seen, rows)
    yield from _library(seen, rows)


class _Evidence:
    """Tables as frames, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: dict[str, pd.DataFrame | None] = {}

    def of(self, *tables: StoredTable) -> list[pd.DataFrame] | None:
        """All of them, or None when one was not read."""
        for table in tables:
            if table.name not in self._frames:
                found = store.kept(self._folder, table)
                self._frames[table.name] = None if found is None else conversations.frame(found)
        frames_ = [self._frames[table.name] for table in tables]
        return None if any(frame is None for frame in frames_) else [frame for frame in frames_ if frame is not None]


def _talk(seen: _Evidence, rows: LedgerRows, read_at: pd.Timestamp) -> Iterator[Check]:
    if (found := seen.of(MESSAGES, PARTICIPANTS, CONVERSATIONS)) is not None:
        messages, participants, rooms = found
        yield _asked("I20", len(messages), conversations.strangers(messages, participants), "id", "conversation_id")
        yield _asked("I21", len(rooms), conversations.stale(rooms, messages), "id")
        yield _asked("I22", len(rooms), conversations.mixed_pairs(rooms, participants), "id")
    if (found := seen.of(DELIVERIES, MESSAGES, PARTICIPANTS)) is not None:
        receipts, messages, participants = found
        key = ("conversation_id", "message_id", "user_id")
        yield _asked("I23", len(receipts), conversations.repeated(receipts, key), *key)
        wrong = conversations.misplaced_deliveries(receipts, messages, participants)
        yield _asked("I24", len(receipts), wrong, "message_id", "user_id")
    if (found := seen.of(READS, MESSAGES)) is not None:
        reads, messages = found
        marks = frames.writes(rows, [WriteKind.READ])
        marks = marks[marks["acknowledged"] & marks["user_id"].notna()]
        marks = marks.rename(columns={"subject": "conversation_id", "object": "message_id"})
        marks = marks[["conversation_id", "user_id", "message_id"]]
        yield _asked("I25", len(reads), conversations.misplaced_reads(reads, messages), "conversation_id", "user_id")
        strange = conversations.implausible_reads(reads, messages, read_at)
        yield _asked("I26", len(reads), strange, "conversation_id", "user_id")
        behind = conversations.regressed_reads(marks, reads, messages)
        yield _asked("I27", len(marks), behind, "conversation_id", "user_id")
    if (found := seen.of(REACTIONS)) is not None:
        key = ("message_id", "user_id", "emoji")
        yield _asked("I28", len(found[0]), conversations.repeated(found[0], key), "message_id", "user_id")


def _served(seen: _Evidence, rows: LedgerRows) -> Iterator[Check]:
    served = frames.writes(rows, [WriteKind.DECK]).rename(
        columns={"subject": "rec_request_id", "object": "deck_id", "number": "cards", "key": "limit"}
    )
    if (found := seen.of(IMPRESSIONS, REQUESTS, FEATURES)) is None:
        return
    impressions, requests, features = found
    ours = impressions[impressions["rec_request_id"].isin(served["rec_request_id"])]
    yield _asked("I09", len(ours), conversations.repeated(ours, ("user_id", "dedupe_key")), "user_id", "rec_request_id")
    yield _asked("I10", len(served), decks.malformed(ours), "rec_request_id")
    yield _asked("I11", len(served), decks.miscounted(served, ours), "rec_request_id")
    yield _asked("I12", len(served), decks.unrequested(served, requests), "rec_request_id", "deck_id")
    yield _asked("foreign decks", len(served), decks.foreign(served, ours), "rec_request_id", "user_id")
    yield _asked("I13", len(ours), decks.featureless(ours, features), "rec_request_id", "media_item_id")


def _library(seen: _Evidence, rows: LedgerRows) -> Iterator[Check]:
    if (found := seen.of(LIBRARY)) is None:
        return
    key = ("user_id", "title_id")
    yield _asked("I29", len(found[0]), conversations.repeated(found[0], key), *key)
    writes = frames.writes(rows, [WriteKind.LIBRARY, WriteKind.UNLIBRARY])
    writes = writes[writes["user_id"].notna()].rename(columns={"subject": "title_id"})
    events = frames.intended(rows, WriteKind.EVENT, LIBRARY_EVENTS).rename(columns={"subject": "title_id"})
    mixed = pd.MultiIndex.from_frame(events[events["user_id"].notna()][list(key)])
    writes = writes[~pd.MultiIndex.from_frame(writes[list(key)]).isin(mixed)]
    writes = writes.assign(status=writes["detail"].where(writes["kind"] == WriteKind.LIBRARY, library.GONE))
    wrong, judged = library.differing(writes, found[0])
    yield _asked("I30", judged, wrong, *key)


def _asked(id_: str, looked_at: int, offending: pd.DataFrame, *named: str) -> Check:
    shown = offending.head(SHOWN)[list(named)].to_dict("records")
    offenders = tuple(
        Offender(ids={str(name).removesuffix("_id").replace("_", " "): text(value) for name, value in row.items()})
        for row in shown
    )
    return QUESTIONS[id_].answered(looked_at, len(offending), offenders)
