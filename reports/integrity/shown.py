"""What people were shown, against what they could see: rules that need the target's own state (I67 to I72).

Asked after the run, of replies that were kept in outline (`harness.core.read_log`) and of people whose view was read
(`harness.evidence.readers`). Nothing is said about what this run's own writes may have changed between the reply and
the end, nor about what was written shortly before a reply: transactions that were still open then. What else is asked
of kept replies (I73 to I81) has modules of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.client.checks.asked_many import FEEDS
from harness.client.checks.owner import LISTS
from harness.client.checks.read_samples import NO_ID
from harness.core import ids
from reports.integrity.columns import text
from reports.integrity.messages import StoredMessages
from reports.integrity.model import SHOWN, Check, Offender
from reports.integrity.texts import QUESTIONS
from reports.integrity.view import Shown, Touched, View
from reports.integrity.writes import Writes

OPEN_US = 30_000_000
"""So long a transaction may be open, and what it writes be dated before anybody sees it."""
PAST_US = 600_000_000
"""Rows of the feed that are this much older than the run are nobody's of the run, whatever a phone's clock says."""
HEARD_US = 5_000_000
"""A message that was acknowledged so long before a page was asked for is on it, whoever asks: the run's own clocks."""
FOLLOWED = frozenset(("people_followed", "stories_followed"))
NAMED = 3


class Looked(Protocol):
    """Somebody's look at something: who asked what, and when it was answered, microseconds of the run."""

    @property
    def account(self) -> bytes: ...
    @property
    def call(self) -> str: ...
    @property
    def at_us(self) -> int: ...


@dataclass(slots=True)
class Findings:
    """Of one rule. count: of what breaks it, however many are shown of them."""

    asked: int = 0
    count: int = 0
    offenders: list[Offender] = field(default_factory=list)

    def finds(self, one: Looked, words: str, **ids: bytes | str) -> None:
        """A reply that breaks it."""
        self.count += 1
        if len(self.offenders) >= SHOWN:
            return
        named = {name: id_ if isinstance(id_, str) else text(id_) for name, id_ in ids.items()}
        named = {"person": text(one.account), **named}
        self.offenders.append(Offender(ids=named, text=f"{one.call}: {words}", at_s=round(one.at_us / 1e6, 3)))

    def check(self, id_: str) -> Check:
        """What comes of it."""
        return QUESTIONS[id_].answered(self.asked, self.count, tuple(self.offenders))


def checks(kept: list[Shown], seen: View, touched: Touched, zero_us: int) -> Iterator[Check]:
    """Every rule that was asked anything. zero_us: the run's zero on the target's clock, epoch."""
    found = {id_: Findings() for id_ in ("I67", "I68", "I69", "I71", "I72")}
    for one in kept:
        if one.account not in seen.follows or one.account not in touched.known:
            continue
        if one.call in FEEDS:
            _strangers(found["I67"], one, seen, touched)
            _past(found["I68"], one, seen, touched, zero_us)
        elif one.call in LISTS:
            _others_rooms(found["I67"], one, seen)
            _rooms(found["I69"], one, seen, zero_us)
        elif one.call in FOLLOWED:
            _followed(found["I72"], one, seen, touched, zero_us)
        elif one.call == "library_list":
            _others_library(found["I67"], one, seen)
            _library(found["I72"], one, seen, touched, zero_us)
        elif one.call == "diary_stats":
            _figures(found["I71"], one, seen, touched, zero_us)
        elif one.subject is not None and one.call in ("library_entry", "own_rating"):
            _title(found["I72"], one, one.subject, seen, touched, zero_us)
    return (findings.check(id_) for id_, findings in found.items() if findings.asked)


def _strangers(found: Findings, one: Shown, seen: View, touched: Touched) -> None:
    """Everybody in a feed is who asked, or is followed by them."""
    found.asked += len(one.owners)
    may = seen.follows[one.account]
    strange = [
        who for who in one.owners if who != one.account and who not in may and (one.account, who) not in touched.follows
    ]
    if strange:
        named = ", ".join(text(who) for who in list(dict.fromkeys(strange))[:NAMED])
        words = f"shown {len(strange)} of {len(one.owners)} rows of people whom they do not follow: {named}"
        found.finds(one, words, of=strange[0])


def _past(found: Findings, one: Shown, seen: View, touched: Touched, zero_us: int) -> None:
    """A feed holds everything of its people that is older than the run and newer than its last row."""
    edge = zero_us - PAST_US
    actors = [one.account]
    for who, since in seen.follows[one.account].items():
        if (one.account, who) not in touched.follows and since < edge and who not in seen.private:
            actors.append(who)
    if any(who not in seen.activity for who in actors):
        return
    oldest = None if one.whole else one.oldest_us
    if oldest is None and not one.whole:
        return
    there = set(one.ids)
    expected = [
        (id_, who)
        for who in actors
        for id_, at in seen.activity[who].items()
        if at < edge and (oldest is None or at > oldest)
    ]
    found.asked += len(expected)
    gone = [(id_, who) for id_, who in expected if id_ not in there]
    if gone:
        words = f"{len(gone)} of {len(expected)} rows are missing, of them one of {text(gone[0][1])}"
        if not one.ids:
            words = f"empty, where there are {len(expected)} rows of them and whom they follow"
        found.finds(one, words, row=gone[0][0])


def _others_rooms(found: Findings, one: Shown, seen: View) -> None:
    """Every conversation of the list is one's own: nobody leaves one in a run."""
    found.asked += len(one.ids)
    strange = [room for room in one.ids if room not in seen.rooms[one.account]]
    if strange:
        words = f"shown {len(strange)} of {len(one.ids)} conversations that they are not in"
        found.finds(one, words, conversation=strange[0])


def _rooms(found: Findings, one: Shown, seen: View, zero_us: int) -> None:
    """The list holds every conversation that somebody was in by then."""
    if not one.whole:
        return
    until = zero_us + one.begun_us - OPEN_US
    expected = [room for room, since in seen.rooms[one.account].items() if since < until]
    found.asked += len(expected)
    there = set(one.ids)
    gone = [room for room in expected if room not in there]
    if gone:
        found.finds(one, f"{len(gone)} of {len(expected)} conversations are missing", conversation=gone[0])


def _followed(found: Findings, one: Shown, seen: View, touched: Touched, zero_us: int) -> None:
    """Whom one follows, but for those whom this run followed or no longer follows, and whom somebody else, as the same
    person, followed since; of a part, nobody else."""
    until, follows = zero_us + one.begun_us - OPEN_US, seen.follows[one.account]
    sure = {who for who, since in follows.items() if since < until and (one.account, who) not in touched.follows}
    there = {who for who in one.ids if (one.account, who) not in touched.follows}
    found.asked += len(sure)
    if one.whole and (gone := sure - there):
        found.finds(one, f"{len(gone)} of {len(sure)} whom they follow are missing", followed=min(gone))
    elif more := there - follows.keys():
        found.finds(one, f"{len(more)} whom they do not follow are listed as followed", followed=min(more))


def _figures(found: Findings, one: Shown, seen: View, touched: Touched, zero_us: int) -> None:
    """The diary counts the rows that are there, but for titles that this run wrote to, or anybody else since."""
    until, noted = zero_us + one.begun_us - OPEN_US, seen.noted.get(one.account, {})
    late = {title for title, at in noted.items() if at >= until and _sure(one, title, touched)}
    open_ = sum(account == one.account for account, _ in touched.titles) + len(late)
    library, ratings = seen.library[one.account], seen.ratings[one.account]
    watched = sum(
        status == "watched" and title not in late and _sure(one, title, touched) for title, status in library.items()
    )
    rated = sum(_sure(one, title, touched) for title in ratings)
    for what, told, least in (("watched", one.first, watched), ("rated", one.second, rated)):
        found.asked += 1
        if told is not None and not least <= told <= least + open_:
            more = f" and {open_} that were written to since" if open_ else ""
            found.finds(one, f"counts {told} titles as {what}, where {least} are stored{more}")


def _title(found: Findings, one: Shown, title: bytes, seen: View, touched: Touched, zero_us: int) -> None:
    """What is shown of a title that this run did not write to, nor anybody else since, is what is stored."""
    if not _sure(one, title, touched) or (one.call == "own_rating" and not one.detail):
        return  # as shipped nobody may read ratings (trap T16), so none is shown
    noted = seen.noted.get(one.account, {}).get(title, 0)
    if one.call == "library_entry" and noted >= zero_us + one.begun_us - OPEN_US:
        return
    found.asked += 1
    stored = (seen.library if one.call == "library_entry" else seen.ratings)[one.account].get(title, "")
    if _plain(stored) != _plain(one.detail):
        found.finds(one, f"shown as {one.detail or 'nothing'}, and stored as {stored or 'nothing'}", title=title)


def _others_library(found: Findings, one: Shown, seen: View) -> None:
    """No row of a library is another person's: a row never changes hands, whatever is written to it."""
    found.asked += len(one.owners)
    strange = [row for row in one.owners if seen.entries.get(row, one.account) != one.account]
    if strange:
        words = f"shown {len(strange)} of {len(one.owners)} rows of other people's libraries"
        found.finds(one, words, of=seen.entries[strange[0]], row=strange[0])


def _library(found: Findings, one: Shown, seen: View, touched: Touched, zero_us: int) -> None:
    """The titles of a library and what is noted of each, but for those that somebody wrote to in the run."""
    statuses = one.detail.split(",") if one.ids else []
    listed = {
        title: status
        for title, row, status in zip(one.ids, one.owners, statuses, strict=True)
        if _sure(one, title, touched) and seen.entries.get(row, one.account) == one.account
    }
    until, noted = zero_us + one.begun_us - OPEN_US, seen.noted.get(one.account, {})
    stored = seen.library[one.account]
    sure = {t: status for t, status in stored.items() if _sure(one, t, touched) and noted.get(t, 0) < until}
    found.asked += len(sure)
    gone = [title for title in sure if title not in one.ids]
    if more := [title for title in listed if title not in stored]:
        found.finds(one, f"{len(more)} titles are listed that are not in their library", title=more[0])
    elif one.whole and gone:
        found.finds(one, f"{len(gone)} of {len(sure)} titles of their library are missing", title=gone[0])
    elif wrong := [title for title, status in sure.items() if listed.get(title, status) != status]:
        words = f"{len(wrong)} titles are not as they are stored, one {listed[wrong[0]]} instead of {sure[wrong[0]]}"
        found.finds(one, words, title=wrong[0])


def _sure(one: Shown, title: bytes, touched: Touched) -> bool:
    return (one.account, title) not in touched.titles


def _plain(value: str) -> str:
    try:
        return f"{float(value):g}"
    except ValueError:
        return value


def pages(
    kept: list[Shown], writes: Writes, stored: StoredMessages, ahead_us: Mapping[int, int] = MappingProxyType({})
) -> Iterator[Check]:
    """A page of a conversation holds every message that was acknowledged to anybody before it was asked for, and the
    last one that the list showed its reader (I70). ahead_us: as of `reports.integrity.view.shown`."""
    asked = [one for one in kept if one.call == "messages_poll" and one.subject is not None]
    if not asked:
        return
    rooms = acknowledged(writes, stored, {one.subject for one in asked if one.subject is not None}, ahead_us)
    found = Findings()
    _listed(found, kept, asked)
    for one in asked:
        if one.subject is None or one.subject not in rooms or (one.oldest_us is None and not one.whole):
            continue
        heard, rows_, created = rooms[one.subject]
        known = bisect_right(heard, one.begun_us - HEARD_US)
        oldest = None if one.whole else one.oldest_us
        expected = [
            id_ for id_, at in zip(rows_[:known], created[:known], strict=True) if oldest is None or at > oldest
        ]
        there = set(one.ids)
        found.asked += len(expected)
        gone = [id_ for id_ in expected if id_ not in there]
        if gone:
            words = f"{len(gone)} of {len(expected)} messages are missing that were acknowledged before"
            found.finds(one, words, conversation=one.subject, message=gone[0])
    if found.asked:
        yield found.check("I70")


def _listed(found: Findings, kept: list[Shown], asked: list[Shown]) -> None:
    """Whole pages have the message that the list before showed as the last one: deleting leaves its row."""
    lists: dict[bytes, list[Shown]] = defaultdict(list)
    for one in kept:
        if one.call in LISTS and len(one.owners) == len(one.ids):
            lists[one.account].append(one)
    for page in asked:
        before = [one for one in lists[page.account] if one.at_us <= page.begun_us]
        if not page.whole or page.subject is None or not before:
            continue
        newest = max(before, key=lambda one: one.at_us)
        last = dict(zip(newest.ids, newest.owners, strict=True)).get(page.subject, NO_ID)
        found.asked += last != NO_ID
        if last != NO_ID and last not in page.ids:
            found.finds(page, "the message is missing that the list showed as the last one", message=last)


def acknowledged(
    writes: Writes, stored: StoredMessages, asked: Iterable[bytes], ahead_us: Mapping[int, int]
) -> dict[bytes, tuple[list[int], list[bytes], list[int]]]:
    """By conversation: when each message was acknowledged (ascending), its row, and when that is dated. Of messages
    with one row: of several, one may have come after the first word."""
    rooms = pa.array(sorted(asked), pa.binary(16))
    in_them = np.asarray(pc.is_in(stored.table["conversation_id"], value_set=rooms), dtype=np.bool_)
    copies = np.bincount(stored.write[stored.write >= 0], minlength=len(writes))
    rows = np.flatnonzero(in_them & (stored.write >= 0))
    write = stored.write[rows]
    sure = writes.acknowledged[write] & (copies[write] == 1)
    rows, heard = rows[sure], writes.first_acknowledged[write][sure]
    maker = (writes.place[write][sure] & np.uint64(0xFFFFFFFF)) >> np.uint64(ids.WORKER_SHIFT)
    for worker, by in ahead_us.items():
        heard = np.where(maker == np.uint64(worker), heard + by, heard)
    order = np.argsort(heard, kind="stable")
    taken = pa.array(rows[order])
    chosen = pa.table({name: stored.table[name].take(taken) for name in ("conversation_id", "id")})
    found: dict[bytes, tuple[list[int], list[bytes], list[int]]] = defaultdict(lambda: ([], [], []))
    for room, id_, at, dated in zip(
        chosen["conversation_id"].to_pylist(),
        chosen["id"].to_pylist(),
        heard[order].tolist(),
        stored.created[rows[order]].tolist(),
        strict=True,
    ):
        told, rows_, created = found[room]
        told.append(at)
        rows_.append(id_)
        created.append(dated)
    return found
