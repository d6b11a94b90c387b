"""Defects that somebody plants into a target, each in a real run's record, judged by the normal command: the exit code,
and the words that say what it is. `docs/what-the-verdict-sees.md` lists them.

The records are healthy as they are. Kinds, not cases: what hits everybody, one person, or one row alike.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core.errors import ExitCode
from harness.core.ledger import WriteKind
from harness.core.tables import READ_SAMPLES, SCHEMAS
from harness.evidence import store
from harness.evidence.tables import (
    CONVERSATIONS,
    DELIVERIES,
    EVENTS,
    FOLLOWS,
    LIBRARY,
    MESSAGES,
    REACTIONS,
    READS,
    REVIEWS,
    StoredTable,
)
from harness.record.store import open_run
from reports.frames import load
from reports.integrity import frames
from reports.integrity.check import integrity
from reports.verdict import Verdict, judge_frames

RECORDS = Path(__file__).parents[1] / "data" / "records"
Frame = pd.DataFrame
Alter = Callable[[Frame, Path], Frame]


def judged(folder: Path) -> Verdict:
    """As `harness report` does it, without its files."""
    run = open_run(folder).checked()
    return judge_frames(load(run), integrity=integrity(run))


def alter(folder: Path, table: StoredTable, change: Alter) -> None:
    path = store.path_of(folder, table)
    rows = change(pq.read_table(path, schema=table.schema).to_pandas(types_mapper=pd.ArrowDtype), folder)
    pq.write_table(pa.Table.from_pandas(rows, table.schema, preserve_index=False), path)


def told(verdict: Verdict) -> str:
    """All that a reader of the verdict's first page and of the table of checks sees."""
    checks = verdict.integrity.broken
    offenders = [f"{one.text} {one.ids}" for check in checks for one in check.offenders]
    named = [text for check in checks for text in (check.title, check.look_at)]
    return "\n".join([verdict.sentence, *verdict.reasons, *offenders, *named])


# ---- what a target does to rows ----------------------------------------------------------------------------------


def differs(*places: int) -> Alter:
    """Another value in some fields of every row, by their places in the content."""

    def change(rows: Frame, _: Path) -> Frame:
        rows["content"] = [whole ^ 1 for whole in rows["content"]]
        rows["parts"] = [parts ^ sum(1 << 8 * place for place in places) for parts in rows["parts"]]
        return rows

    return change


def of_one_person(change: Alter) -> Alter:
    """The same for the rows of one person alone."""

    def once(rows: Frame, folder: Path) -> Frame:
        mine = rows["user_id"] == rows["user_id"].value_counts().index[0]
        both: Frame = pd.concat([change(rows[mine].copy(), folder), rows[~mine]])
        return both

    return once


def gone(rows: Frame, _: Path) -> Frame:
    return rows.iloc[:0]


def first_gone(rows: Frame, _: Path) -> Frame:
    return rows.iloc[1:]


def again(rows: Frame, _: Path) -> Frame:
    copies = rows.sort_values("created_at" if "created_at" in rows else "updated_at").tail(2).copy()
    copies["id"] = [uuid.uuid4().bytes for _ in range(2)]
    return pd.concat([rows, copies])


def swapped_likes(rows: Frame, _: Path) -> Frame:
    other = {"like": "dislike", "dislike": "like"}
    hit = rows["event_type"].isin(list(other))
    rows["event_type"] = rows["event_type"].map(lambda type_: other.get(type_, type_))
    rows["content"] = [whole ^ flag for whole, flag in zip(rows["content"], hit, strict=True)]
    return rows


def moved(column: str, **by: float) -> Alter:
    def change(rows: Frame, _: Path) -> Frame:
        rows[column] = rows[column] + timedelta(**by)
        return rows

    return change


def a_day_on(rows: Frame, _: Path) -> Frame:
    rows["created_at"] = rows["created_at"] + timedelta(days=1)
    rows["event_day"] = [day + timedelta(days=1) for day in rows["event_day"]]
    return rows


def others(column: str) -> Alter:
    """Every row carries the value of the next row that has another one."""

    def change(rows: Frame, _: Path) -> Frame:
        values = rows[column].tolist()
        known = list(dict.fromkeys(values))
        rows[column] = [known[(known.index(value) + 1) % len(known)] for value in values]
        if column == "media_item_id":  # which an event's content holds
            rows["content"] = [whole ^ 1 for whole in rows["content"]]
        return rows

    return change


def inverse(rows: Frame, _: Path) -> Frame:
    rows["follower_id"], rows["followed_id"] = rows["followed_id"].copy(), rows["follower_id"].copy()
    return rows


def other_emoji(rows: Frame, _: Path) -> Frame:
    rows["emoji"] = "💩"
    return rows


def other_status(rows: Frame, _: Path) -> Frame:
    rows["status"] = "dropped"
    return rows


def as_before(kind: WriteKind) -> Alter:
    """Edits, or deletions, are acknowledged and leave the row as it was."""

    def change(rows: Frame, folder: Path) -> Frame:
        writes = frames.writes(open_run(folder).rows, [kind])
        hit = rows["id"].isin(set(writes["object"]))
        rows["content"] = [whole ^ flag for whole, flag in zip(rows["content"], hit, strict=True)]
        rows["parts"] = [parts ^ flag for parts, flag in zip(rows["parts"], hit, strict=True)]
        return rows

    return change


STORED: list[tuple[str, StoredTable, Alter, str, tuple[str, ...]]] = [
    ("likes and dislikes swapped", EVENTS, swapped_likes, "I51", ("Stored events hold what was sent", "type ")),
    (
        "the same for one person",
        EVENTS,
        of_one_person(swapped_likes),
        "I51",
        ("type: dislike was sent, like is stored",),
    ),
    ("events with another person", EVENTS, others("user_id"), "I51", ("another person than was sent",)),
    ("events with another title", EVENTS, others("media_item_id"), "I51", ("title: ", "was sent")),
    ("source of events", EVENTS, differs(3), "I51", ("another source than was sent",)),
    ("swipe stored once more", EVENTS, again, "event day|I01|I63", ("twice",)),
    ("events five hours early", EVENTS, moved("created_at", hours=-5), "I53", ("dated 5.0 h before they were sent",)),
    ("events a day on", EVENTS, a_day_on, "I53", ("dated 24.0 h after they were sent", "whose clock sets it")),
    (
        "day of events",
        EVENTS,
        moved("event_day", days=1),
        "event day",
        ("stored under the day on which they were made",),
    ),
    ("events gone", EVENTS, gone, "I03", ("Every acknowledged event is stored",)),
    ("one event gone", EVENTS, first_gone, "I03", ("1 of 131 acknowledged events is not stored",)),
    ("text of messages", MESSAGES, differs(0, 1), "I52", ("text", "encodings between API and table")),
    ("the same for one person", MESSAGES, of_one_person(differs(0)), "I52", ("than was sent",)),
    ("messages with another sender", MESSAGES, others("user_id"), "I52", ("another sender than was sent",)),
    ("messages elsewhere", MESSAGES, others("conversation_id"), "I52", ("conversation: ", "was sent")),
    ("messages five hours early", MESSAGES, moved("created_at", hours=-5), "I54", ("dated 5.0 h before",)),
    ("messages twice", MESSAGES, again, "I18", ("No message is stored twice",)),
    ("messages gone", MESSAGES, gone, "I19 lost", ("Every acknowledged message is stored",)),
    ("edits that do not edit", MESSAGES, as_before(WriteKind.EDIT), "I58", ("edited, and another text is there",)),
    ("deletions that do not delete", MESSAGES, as_before(WriteKind.DELETE), "I58", ("deleted, and still there",)),
    ("delivery receipts gone", DELIVERIES, gone, "I55", ("before it commits",)),
    ("one receipt gone", DELIVERIES, first_gone, "I55", ("Every acknowledged delivery receipt is stored",)),
    ("receipts of others", DELIVERIES, others("user_id"), "I55", ("Every acknowledged delivery receipt is stored",)),
    ("receipts elsewhere", DELIVERIES, others("conversation_id"), "I24", ("Delivery receipts make sense",)),
    ("markers elsewhere", READS, others("conversation_id"), "I25", ("point into their own conversation",)),
    ("markers of others", READS, others("user_id"), "I27", ("Read markers never go back",)),
    ("markers gone", READS, gone, "I27", ("Read markers never go back",)),
    ("markers under another time", READS, moved("last_read_at", seconds=3), "I56", ("hold what a phone wrote",)),
    ("reactions gone", REACTIONS, gone, "I57", ("as was last acknowledged",)),
    ("reactions with another emoji", REACTIONS, other_emoji, "I57", ("Reactions are there, or gone",)),
    ("reactions of others", REACTIONS, others("user_id"), "I57", ("Reactions are there, or gone",)),
    ("library gone", LIBRARY, gone, "I30", ("want_to_watch was acknowledged last, none is stored",)),
    ("library with another status", LIBRARY, other_status, "I30", ("The library is what was last acknowledged",)),
    ("kind of titles", LIBRARY, differs(1), "I62", ("hold the kind of title that was sent",)),
    ("library twice", LIBRARY, again, "I29", ("One library entry per person and title",)),
    ("follows gone", FOLLOWS, gone, "I59", ("there was acknowledged last, none is stored",)),
    ("follows the other way round", FOLLOWS, inverse, "I59", ("Follows are there, or gone",)),
    ("reviews gone", REVIEWS, gone, "I60", ("stored as it was written",)),
    ("text of reviews", REVIEWS, differs(1), "I60", ("stored as it was written",)),
    ("reviews of others", REVIEWS, others("user_id"), "I60", ("stored as it was written",)),
    ("reviews twice", REVIEWS, again, "I66", ("No review is there that nobody wrote",)),
    (
        "conversations not bumped",
        CONVERSATIONS,
        moved("updated_at", hours=-1),
        "I21",
        ("as new as their newest",),
    ),
]


MEASURED = frozenset(
    (
        *("likes and dislikes swapped", "events with another person", "swipe stored once more", "text of messages"),
        *("events five hours early", "delivery receipts gone", "messages elsewhere", "library gone"),
        *("feeds of others", "feeds empty for some", "pages of messages empty"),
    )
)
"""Asked with every commit; their neighbours, a second each, with the slow tests."""


def params(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row, id=row[0], marks=() if row[0] in MEASURED else pytest.mark.slow) for row in rows]


@pytest.mark.parametrize(("planted", "table", "change", "check", "words"), params(STORED))
def test_what_is_stored_wrongly_is_exit_11_and_named(
    tmp_path: Path, planted: str, table: StoredTable, change: Alter, check: str, words: tuple[str, ...]
) -> None:
    folder = Path(shutil.copytree(RECORDS / "v2-everybody", tmp_path / "run"))
    alter(folder, table, change)
    found = judged(folder)
    assert found.exit_code == ExitCode.DATA, found.reasons
    broken = {one.id for one in found.integrity.broken}
    assert broken & set(check.split("|")), (planted, broken)
    assert [word for word in words if word not in told(found)] == [], told(found)


# ---- what a target shows -----------------------------------------------------------------------------------------


def replies(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = folder / f"{READ_SAMPLES}.parquet"
    rows = pq.read_table(path).to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMAS[READ_SAMPLES]), path)


def of(calls: tuple[str, ...], every: int, change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> Any:
    """Every n-th reply of some calls; the change is told all of them."""

    def altered(rows: list[dict[str, Any]]) -> None:
        chosen = [row for row in rows if row["call"] in calls]
        before = [dict(row) for row in chosen]
        for row in chosen[::every]:
            change(row, before)

    return altered


def emptied(row: dict[str, Any], _: list[dict[str, Any]]) -> None:
    row.update(ids=b"", owners=b"", whole=True, oldest_us=None)


def of_another(row: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    other = next(one for one in rows if one["account"] != row["account"] and one["ids"] != row["ids"])
    row.update({name: other[name] for name in ("ids", "owners", "whole", "oldest_us", "detail", "first", "second")})


def without_the_last(row: dict[str, Any], _: list[dict[str, Any]]) -> None:
    row.update(ids=row["ids"][16:], owners=row["owners"][16:])


def one_more(row: dict[str, Any], _: list[dict[str, Any]]) -> None:
    row["first"] += 40


def as_dropped(row: dict[str, Any], _: list[dict[str, Any]]) -> None:
    row["detail"] = "dropped"


FEEDS = ("home_feed", "friends_watching")
REPLIES = [
    ("feeds of others", of(FEEDS, 1, of_another), "I67", "rows of people whom they do not follow"),
    ("half of all feeds of others", of(FEEDS, 2, of_another), "I67", "rows of people whom they do not follow"),
    ("feeds empty", of(FEEDS, 1, emptied), "I68", "empty, where there are"),
    ("feeds empty for some", of(FEEDS, 9, emptied), "I68", "empty, where there are"),
    ("a row of the feed left out", of(FEEDS, 5, without_the_last), "I68", "rows are missing"),
    ("lists of others", of(("conversation_list",), 1, of_another), "I67", "conversations that they are not in"),
    ("lists empty for some", of(("conversation_list",), 7, emptied), "I69", "conversations are missing"),
    ("a conversation left out", of(("conversation_list",), 3, without_the_last), "I69", "conversations are missing"),
    ("pages of messages empty", of(("messages_poll",), 1, emptied), "I70", "messages are missing"),
    ("the diary counts more", of(("diary_stats",), 4, one_more), "I71", "titles as watched, where"),
    ("library entries of others", of(("library_entry",), 6, as_dropped), "I72", "shown as dropped, and stored as"),
]


@pytest.mark.parametrize(("planted", "change", "check", "words"), params(REPLIES))
def test_what_is_shown_wrongly_is_exit_11_and_named(
    tmp_path: Path, planted: str, change: Callable[[list[dict[str, Any]]], None], check: str, words: str
) -> None:
    folder = Path(shutil.copytree(RECORDS / "v2-shown", tmp_path / "run"))
    replies(folder, change)
    found = judged(folder)
    assert found.exit_code == ExitCode.DATA, found.reasons
    assert check in {one.id for one in found.integrity.broken}, planted
    assert words in told(found)
    if check == "I67":
        words = "looks show people, conversations or entries that are not theirs"
        assert words in found.sentence, "the gravest comes first"


@pytest.mark.parametrize("record", ["v2-everybody", "v2-shown"])
def test_the_records_as_they_are_hold(record: str) -> None:
    found = judged(RECORDS / record)
    assert (found.integrity.status, found.integrity.broken) == ("held", ())
    assert ExitCode.DATA not in found.exit_codes
