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
    FOLLOWS,
    IMPRESSIONS,
    LAST_SEEN,
    LIBRARY,
    MESSAGES,
    PARTICIPANTS,
    RATINGS,
    REACTIONS,
    READS,
    REQUESTS,
    REVIEWS,
    StoredTable,
)
from reports.integrity import (
    conversations,
    decks,
    follows_dated,
    frames,
    last_seen,
    library,
    nobody,
    receipts,
    reviews,
)
from reports.integrity.columns import text
from reports.integrity.model import SHOWN, Check, Offender
from reports.integrity.texts import QUESTIONS
from reports.integrity.writes import LedgerRows

LIBRARY_EVENTS = frozenset({"status", "watchlist", "rating"})
"""Events whose background work writes the library too, in an order that nobody promises (contract 3.5)."""


def rules(
    folder: Path,
    small: frames.Smaller,
    read_at: pd.Timestamp,
    *,
    ahead_us: int = 0,
    span: tuple[int, int] = (0, 0),
    by_name: bool = True,
) -> Iterator[Check]:
    """Every rule whose tables were read. `small`: the ledger without its large kinds, with LIBRARY_EVENTS. `read_at`:
    when that was, on the generator's clock; the target's is ahead by so many microseconds. `span`: the run's time on
    the target's clock, microseconds since 1970. `by_name`: whether what reading by time left out was asked for; records
    of earlier versions know of the run's own messages only."""
    seen = _Evidence(folder)
    moved = small.events()
    yield from _talk(seen, small, read_at, ahead_us)
    yield from _answered(seen, small, by_name)
    yield from _served(seen, small)
    yield from _library(seen, small, moved)
    yield from _social(seen, small, moved, span)
    yield from _nobodys(seen, small, moved, span)


class _Evidence:
    """Tables as frames, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: dict[str, pd.DataFrame | None] = {}

    def of(self, *tables: StoredTable) -> list[pd.DataFrame] | None:
        """All of them, or None when one was not read."""
        for table in tables:
            if table.file not in self._frames:
                found = store.kept(self._folder, table)
                self._frames[table.file] = None if found is None else conversations.frame(found)
        frames_ = [self._frames[table.file] for table in tables]
        return None if any(frame is None for frame in frames_) else [frame for frame in frames_ if frame is not None]


def _talk(seen: _Evidence, rows: LedgerRows, read_at: pd.Timestamp, ahead_us: int) -> Iterator[Check]:
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
        written = frames.writes(rows, [WriteKind.READ])
        written = written[written["user_id"].notna()]
        written = written.rename(columns={"subject": "conversation_id", "object": "message_id"})
        marks = written[written["acknowledged"]][["conversation_id", "user_id", "message_id"]]
        yield _asked("I25", len(reads), conversations.misplaced_reads(reads, messages), "conversation_id", "user_id")
        strange = conversations.implausible_reads(reads, messages, read_at, ahead_us)
        yield _asked("I26", len(reads), strange, "conversation_id", "user_id")
        behind = conversations.regressed_reads(marks, reads, messages)
        behind = behind.assign(why=conversations.why_behind(behind, written))
        overtaken = behind["why"] == conversations.OVERTAKEN
        yield _asked("I27", len(marks), behind[~overtaken], "conversation_id", "user_id")
        yield _asked("I27 overtaken", len(marks), behind[overtaken], "conversation_id", "user_id")
    if (found := seen.of(REACTIONS)) is not None:
        key = ("message_id", "user_id", "emoji")
        yield _asked("I28", len(found[0]), conversations.repeated(found[0], key), "message_id", "user_id")


def _answered(seen: _Evidence, rows: LedgerRows, by_name: bool) -> Iterator[Check]:
    """Receipts and reactions against the writes that made them."""
    if (found := seen.of(DELIVERIES, MESSAGES)) is not None:
        writes = frames.writes(rows, [WriteKind.DELIVERED]).rename(columns={"object": "message_id"})
        told = len(writes.drop_duplicates(receipts.DELIVERY))
        writes = writes if by_name else writes[writes["message_id"].isin(found[1]["id"])]
        left_out = told - len(writes.drop_duplicates(receipts.DELIVERY))
        note = f"not compared: {left_out:,} of older messages, which this older record did not read" if left_out else ""
        missing, looked_at = receipts.undelivered(writes, found[0])
        yield _asked("I55", looked_at, missing, "message_id", "user_id", note=note)
    if (found := seen.of(READS)) is not None:
        marks = frames.writes(rows, [WriteKind.READ])
        marks = marks.rename(columns={"subject": "conversation_id", "object": "message_id", "key": "marked_us"})
        strange, looked_at = receipts.unwritten_marks(marks, found[0])
        yield _asked("I56", looked_at, strange, "conversation_id", "user_id")
    if (found := seen.of(REACTIONS, MESSAGES)) is not None:
        writes = frames.writes(rows, [WriteKind.REACTION, WriteKind.UNREACTION])
        writes = writes[writes["user_id"].notna()].rename(columns={"subject": "message_id", "detail": "emoji"})
        writes = writes if by_name else writes[writes["message_id"].isin(found[1]["id"])]
        writes = writes.assign(status=_states(writes, WriteKind.REACTION))
        there = found[0].assign(status=library.THERE)
        wrong, judged = library.differing(writes, there, ("user_id", "message_id", "emoji"))
        yield _asked("I57", judged, wrong, "message_id", "user_id")


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


def _library(seen: _Evidence, rows: LedgerRows, moved: pd.DataFrame) -> Iterator[Check]:
    if (found := seen.of(LIBRARY)) is None:
        return
    key = ("user_id", "title_id")
    yield _asked("I29", len(found[0]), conversations.repeated(found[0], key), *key)
    writes = frames.writes(rows, [WriteKind.LIBRARY, WriteKind.UNLIBRARY])
    writes = writes[writes["user_id"].notna()].rename(columns={"subject": "title_id"})
    writes = writes.assign(status=writes["detail"].where(writes["kind"] == WriteKind.LIBRARY, library.GONE))
    moved = moved[moved["detail"] != "rating"]  # ratings are a table of their own
    together = _apart_from(writes, moved[moved["detail"] == "status"])
    writes = _apart_from(writes, moved)
    wrong, judged = library.differing(writes, found[0])
    events = moved.rename(columns={"subject": "title_id"})
    more, also = library.disagreeing(together, events[events["user_id"].notna()], found[0])
    yield _asked("I30", judged + also, pd.concat([wrong, more]), *key)
    if found[0]["content"].notna().all() and writes["content"].notna().all():
        kinds = writes.assign(
            status=writes["content"].astype(str).where(writes["status"] != library.GONE, library.GONE)
        )
        unlike, judged = library.differing(kinds, found[0].assign(status=found[0]["content"].astype(str)))
        unlike = unlike[~pd.MultiIndex.from_frame(unlike[list(key)]).isin(pd.MultiIndex.from_frame(wrong[list(key)]))]
        yield _asked("I62", judged, unlike, *key)


def _social(seen: _Evidence, rows: LedgerRows, moved: pd.DataFrame, span: tuple[int, int]) -> Iterator[Check]:
    """Follows, reviews, ratings. `moved`: events that move the library or rate."""
    if (found := seen.of(FOLLOWS)) is not None:
        writes = frames.writes(rows, [WriteKind.FOLLOW, WriteKind.UNFOLLOW])
        writes = writes[writes["user_id"].notna()].rename(columns={"user_id": "follower_id", "subject": "followed_id"})
        writes = writes.assign(status=_states(writes, WriteKind.FOLLOW))
        wrong, judged = library.differing(writes, found[0].assign(status=library.THERE), ("follower_id", "followed_id"))
        yield _asked("I59", judged, wrong, "follower_id", "followed_id")
        odd, judged = follows_dated.misdated(writes, found[0], span[0])
        yield _asked("I59 dated", judged, odd, "follower_id", "followed_id")
    if (found := seen.of(LAST_SEEN)) is not None:
        writes = frames.writes(rows, [WriteKind.SEEN]).rename(columns={"subject": "account"})
        odd, judged = last_seen.outdated(writes, found[0])
        yield _asked("last seen", judged, odd, "account_id")
    if (found := seen.of(REVIEWS)) is not None:
        writes = frames.writes(rows, [WriteKind.REVIEW])
        writes = writes[writes["user_id"].notna()].rename(columns={"subject": "title_id"})
        stored = found[0][found[0]["user_id"].isin(frames.accounts(rows)["user_id"])]
        yield _asked("I60", int(writes["acknowledged"].sum()), reviews.lost(writes, stored), "user_id", "title_id")
        here = stored[_within(stored["created_at"], span)]
        yield _asked("I66", len(here), reviews.too_many(writes, here), "user_id", "title_id")
    if (found := seen.of(RATINGS)) is not None:
        writes = frames.writes(rows, [WriteKind.RATING])
        writes = writes[writes["user_id"].notna()].rename(columns={"subject": "title_id"})
        writes = writes.assign(status=writes["content"].astype(str))
        writes = _apart_from(writes, moved[moved["detail"] == "rating"])
        wrong, judged = library.differing(writes, found[0].assign(status=found[0]["content"].astype(str)))
        yield _asked("I61", judged, wrong, "user_id", "title_id")


def _nobodys(seen: _Evidence, rows: LedgerRows, moved: pd.DataFrame, span: tuple[int, int]) -> Iterator[Check]:
    """Rows without client-made ids that no write of the run explains, of people with one account."""
    known = frames.accounts(rows)["user_id"]
    users = set(known)
    asked = (
        (DELIVERIES, "created_at", ["message_id", "user_id"], [WriteKind.DELIVERED], "object", None),
        (REACTIONS, "created_at", ["message_id", "user_id"], [WriteKind.REACTION], "subject", None),
        (LIBRARY, "updated_at", ["title_id", "user_id"], [WriteKind.LIBRARY], "subject", moved),
    )
    looked_at, strange = 0, []
    for table, at, key, kinds, names, more in asked:
        if (found := seen.of(table)) is None:
            return
        stored = found[0][_within(found[0][at], span)]
        explained = frames.writes(rows, kinds).rename(columns={names: key[0]})[key]
        if more is not None:
            explained = pd.concat([explained, more.rename(columns={"subject": key[0]})[key]])
        looked_at += int(stored["user_id"].isin(users).sum())
        odd = nobody.rows(stored, at, key, explained, users)
        strange.append(pd.DataFrame({"row_id": odd["id"], "user_id": odd["user_id"]}))
    yield _asked("I65", looked_at, pd.concat(strange), "row_id", "user_id")


def _states(writes: pd.DataFrame, there: WriteKind) -> pd.Series:
    """What each write leaves: a row, or none."""
    return pd.Series(library.GONE, index=writes.index).where(writes["kind"] != there, library.THERE)


def _apart_from(writes: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Writes of titles that no event of the same person may have written too."""
    key = ["user_id", "title_id"]
    mixed = events.rename(columns={"subject": "title_id"})
    mixed = mixed[mixed["user_id"].notna()]
    return writes[~pd.MultiIndex.from_frame(writes[key]).isin(pd.MultiIndex.from_frame(mixed[key]))]


def _within(at: pd.Series, span: tuple[int, int]) -> pd.Series:
    begin, end = (pd.Timestamp(us, unit="us", tz="UTC") for us in span)
    return (at >= begin) & (at <= end)


def _asked(id_: str, looked_at: int, offending: pd.DataFrame, *named: str, note: str = "") -> Check:
    shown = offending.head(SHOWN)
    words = [""] * len(shown)
    if "why" in shown:
        words = shown["why"].tolist()
    elif {"status", "stored"} <= set(shown):
        words = _words(shown)
    offenders = tuple(
        Offender(
            ids={str(name).removesuffix("_id").replace("_", " "): text(value) for name, value in row.items()},
            text=told,
        )
        for row, told in zip(shown[list(named)].to_dict("records"), words, strict=True)
    )
    return QUESTIONS[id_].answered(looked_at, len(offending), offenders, note)


def _words(rows: pd.DataFrame) -> list[str]:
    """What was acknowledged last of each thing, and what is stored; nothing where both are numbers of contents."""
    return [
        "" if str(last).isdigit() else f"{last} was acknowledged last, {stands} is stored"
        for last, stands in zip(rows["status"], rows["stored"], strict=True)
    ]
