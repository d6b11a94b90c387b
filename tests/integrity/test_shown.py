"""What people were shown, against what they could see: each rule finds what a target would do, and is silent where the
run itself, or a transaction under way, may have made the difference."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.read_samples import NO_ID, SAMPLED
from harness.client.checks.settings_outline import settings_outline
from harness.core.ledger import WriteKind, WriteStep
from harness.core.read_log import SAMPLES_AT_ONCE, ReadLog, ReadSample
from harness.core.rows import made
from harness.evidence import readers, store
from harness.evidence.rows import batch
from harness.evidence.tables import MESSAGES, READERS_JOBS, READERS_LIST_ITEMS, READERS_LISTS, REMOVED_FILES
from harness.record.probe_results import ProbeAnswer, Probes
from harness.record.store import open_run
from reports.integrity import (
    assistant_busy,
    files_gone,
    frames,
    hints,
    lists_newest,
    lists_shown,
    markers_shown,
    messages,
    own_figures,
    pages_dated,
    settings_served,
    shown,
)
from reports.integrity.check import in_words, integrity
from reports.integrity.model import Check, Integrity
from reports.integrity.texts import QUESTIONS
from reports.integrity.view import Hint, Shown, Touched, View
from reports.integrity.view import shown as kept
from reports.integrity.writes import of_kind
from tests.integrity.build import CONVERSATION, TAG, ZERO, Story, raw

ME, FRIEND, STRANGER, SHY = (bytes([number]) * 16 for number in (1, 2, 3, 4))
ROOM, OTHER_ROOM, FILM, SERIES = (bytes([number]) * 16 for number in (11, 12, 21, 22))
ROWS = tuple(bytes([number]) * 16 for number in range(31, 36))
ZERO_US = 1_000_000_000_000_000
BOTH = ((ME, FRIEND), (ME, STRANGER))
LONG_AGO = ZERO_US - 2 * shown.PAST_US

SEEN = View(
    follows={ME: {FRIEND: LONG_AGO - 10, SHY: LONG_AGO - 10}},
    rooms={ME: {ROOM: LONG_AGO, OTHER_ROOM: LONG_AGO}},
    library={ME: {FILM: "watched", SERIES: "watching"}},
    ratings={ME: {FILM: "8.0"}},
    activity={
        ME: {ROWS[0]: LONG_AGO, ROWS[1]: LONG_AGO - 1},
        FRIEND: {ROWS[2]: LONG_AGO - 2, ROWS[4]: ZERO_US + 5},
        SHY: {ROWS[3]: LONG_AGO},
    },
    private=frozenset((SHY,)),
    entries={ROWS[0]: ME, ROWS[1]: ME, ROWS[2]: STRANGER, ROWS[3]: STRANGER},
    noted={ME: {FILM: LONG_AGO, SERIES: LONG_AGO}},
)
NOTHING = Touched(frozenset((ME,)), frozenset(), frozenset())
FEED = Shown(40_000_000, 41_000_000, ME, "home_feed", None, True, None, ROWS[:3], (ME, ME, FRIEND), "", None, None)
LIST = FEED._replace(call="conversation_list", ids=(ROOM, OTHER_ROOM), owners=())
FOLLOWED = FEED._replace(call="people_followed", ids=(FRIEND, SHY), owners=())
STORIES = FOLLOWED._replace(call="stories_followed")
DIARY = FEED._replace(call="diary_stats", ids=(), owners=(), first=1, second=1)
ENTRY = FEED._replace(call="library_entry", ids=(), owners=(), subject=FILM, detail="watched")
RATING = ENTRY._replace(call="own_rating", detail="8")
WROTE_FILM = replace(NOTHING, titles=frozenset(((ME, FILM),)))
NOTED_LATE = replace(SEEN, noted={ME: {FILM: LONG_AGO, SERIES: ZERO_US + 39_000_000}})
LIBRARY = FEED._replace(call="library_list", ids=(FILM, SERIES), owners=ROWS[:2], detail="watched,watching")
HEALTHY = [FEED, LIST, FOLLOWED, DIARY, ENTRY, RATING, ENTRY._replace(subject=ROOM, detail=""), LIBRARY]


def asked(one: Shown | list[Shown], seen: View = SEEN, touched: Touched = NOTHING) -> dict[str, Check]:
    return {check.id: check for check in shown.checks(one if isinstance(one, list) else [one], seen, touched, ZERO_US)}


def test_what_is_as_it_is_stored_holds() -> None:
    found = asked(HEALTHY)
    assert {id_: (check.status, check.looked_at) for id_, check in found.items()} == {
        "I67": ("held", 7),
        "I68": ("held", 3),
        "I69": ("held", 2),
        "I71": ("held", 2),
        "I72": ("held", 7),
    }


@pytest.mark.parametrize(
    ("one", "id_", "words"),
    [
        (
            FEED._replace(owners=(ME, STRANGER, FRIEND)),
            "I67",
            f"home_feed: shown 1 of 3 rows of people whom they do not follow: {uuid.UUID(bytes=STRANGER)}",
        ),
        (LIST._replace(ids=(ROOM, OTHER_ROOM, FILM)), "I67", "shown 1 of 3 conversations that they are not in"),
        (FEED._replace(ids=(), owners=()), "I68", "home_feed: empty, where there are 3 rows of them"),
        (FEED._replace(ids=ROWS[:2], owners=(ME, ME)), "I68", "1 of 3 rows are missing, of them one of"),
        (
            FEED._replace(ids=(ROWS[0], ROWS[2]), owners=(ME, FRIEND), whole=False, oldest_us=LONG_AGO - 2),
            "I68",
            "1 of 2 rows are missing",
        ),
        (LIST._replace(ids=(ROOM,)), "I69", "1 of 2 conversations are missing"),
        (LIST._replace(ids=()), "I69", "2 of 2 conversations are missing"),
        (FOLLOWED._replace(ids=(FRIEND,)), "I72", "1 of 2 whom they follow are missing"),
        (FOLLOWED._replace(ids=(FRIEND, SHY, STRANGER)), "I72", "1 whom they do not follow are listed as followed"),
        (STORIES._replace(ids=(STRANGER,), whole=False), "I72", "1 whom they do not follow are listed as followed"),
        (STORIES._replace(ids=(SHY,)), "I72", "stories_followed: 1 of 2 whom they follow are missing"),
        (DIARY._replace(first=2), "I71", "counts 2 titles as watched, where 1 are stored"),
        (DIARY._replace(second=0), "I71", "counts 0 titles as rated, where 1 are stored"),
        (ENTRY._replace(detail=""), "I72", "library_entry: shown as nothing, and stored as watched"),
        (ENTRY._replace(subject=ROOM), "I72", "shown as watched, and stored as nothing"),
        (RATING._replace(detail="3"), "I72", "own_rating: shown as 3, and stored as 8.0"),
        (LIBRARY._replace(ids=(FILM,), owners=ROWS[:1], detail="watched"), "I72", "1 of 2 titles of their library"),
        (LIBRARY._replace(ids=(), owners=(), detail=""), "I72", "2 of 2 titles of their library are missing"),
        (LIBRARY._replace(ids=(FILM, ROOM)), "I72", "1 titles are listed that are not in their library"),
        (LIBRARY._replace(detail="watched,watched"), "I72", "1 titles are not as they are stored, one watched instead"),
    ],
)
def test_what_a_target_shows_wrongly_is_named(one: Shown, id_: str, words: str) -> None:
    broken = {key: check for key, check in asked(one).items() if check.status == "broken"}
    assert list(broken) == [id_]
    assert words in broken[id_].offenders[0].text
    assert broken[id_].offenders[0].ids["person"] == str(uuid.UUID(bytes=ME))


@pytest.mark.parametrize("titles", [(FILM, SERIES), (ROOM, OTHER_ROOM), (FILM, ROOM)])
@pytest.mark.parametrize("touched", [NOTHING, replace(NOTHING, titles=frozenset(((ME, FILM), (ME, ROOM))))])
def test_somebody_elses_library_is_foreign_whatever_titles_it_has(titles: tuple[bytes, ...], touched: Touched) -> None:
    found = asked(LIBRARY._replace(ids=titles, owners=ROWS[2:4]), SEEN, touched)["I67"]
    assert found.status == "broken"
    assert "library_list: shown 2 of 2 rows of other people's libraries" in found.offenders[0].text
    assert found.offenders[0].ids["of"] == str(uuid.UUID(bytes=STRANGER))


def test_foreign_rows_are_what_is_said_first() -> None:
    check = asked(FEED._replace(owners=(ME, STRANGER, FRIEND)))["I67"]
    found = Integrity(status="broken", text="", checks=(check,))
    assert found.foreign == ((check.sentence,), ())


@pytest.mark.parametrize(
    ("one", "seen", "touched"),
    [
        # whom this run followed, or no longer follows
        (FEED._replace(owners=(ME, STRANGER, FRIEND)), SEEN, replace(NOTHING, follows=frozenset(((ME, STRANGER),)))),
        (FEED._replace(ids=ROWS[:2], owners=(ME, ME)), SEEN, replace(NOTHING, follows=frozenset(((ME, FRIEND),)))),
        (
            FOLLOWED._replace(ids=(SHY, STRANGER)),
            SEEN,
            replace(NOTHING, follows=frozenset(((ME, FRIEND), (ME, STRANGER)))),
        ),
        # a follow of the run's time by somebody else's phone
        (FEED._replace(ids=ROWS[:2], owners=(ME, ME)), replace(SEEN, follows={ME: {FRIEND: ZERO_US}}), NOTHING),
        (FOLLOWED._replace(ids=(SHY,)), replace(SEEN, follows={ME: {FRIEND: ZERO_US + 39_000_000, SHY: 0}}), NOTHING),
        (ENTRY._replace(subject=SERIES, detail=""), NOTED_LATE, NOTHING),
        (DIARY._replace(first=0), replace(SEEN, noted={ME: {FILM: ZERO_US + 39_000_000}}), NOTHING),
        # people whose activity was not read, or whose writes nobody can tell
        (FEED._replace(ids=(), owners=()), replace(SEEN, activity={ME: {}}), NOTHING),
        (FEED._replace(ids=(), owners=(STRANGER,)), SEEN, replace(NOTHING, known=frozenset())),
        (FEED._replace(ids=(), owners=(STRANGER,)), replace(SEEN, follows={}), NOTHING),
        # a page that ends before, a list that may go on, a conversation that was just made
        (FEED._replace(ids=ROWS[:1], owners=(ME,), whole=False, oldest_us=LONG_AGO), SEEN, NOTHING),
        (LIST._replace(ids=(), whole=False), SEEN, NOTHING),
        (LIST._replace(ids=(ROOM,)), replace(SEEN, rooms={ME: {ROOM: 0, OTHER_ROOM: ZERO_US + 39_000_000}}), NOTHING),
        (FOLLOWED._replace(ids=(), whole=False), SEEN, NOTHING),
        # titles that the run wrote to
        (LIBRARY._replace(ids=(SERIES,), owners=ROWS[1:2], detail="watching"), SEEN, WROTE_FILM),
        (LIBRARY._replace(detail="dropped,watching"), SEEN, WROTE_FILM),
        (LIBRARY._replace(ids=(FILM,), owners=ROWS[:1], detail="watched", whole=False), SEEN, NOTHING),
        (LIBRARY._replace(ids=(FILM,), owners=ROWS[:1], detail="watched"), NOTED_LATE, NOTHING),
        (LIBRARY._replace(detail="watched,watched"), NOTED_LATE, NOTHING),
        (DIARY._replace(first=2), SEEN, replace(NOTHING, titles=frozenset(((ME, ROOM),)))),
        (DIARY._replace(first=0, second=0), SEEN, replace(NOTHING, titles=frozenset(((ME, FILM),)))),
        (RATING._replace(detail=""), SEEN, NOTHING),  # as shipped nobody may read ratings
        (ENTRY._replace(detail=""), SEEN, replace(NOTHING, titles=frozenset(((ME, FILM),)))),
    ],
)
def test_silent_where_it_cannot_be_sure(one: Shown, seen: View, touched: Touched) -> None:
    assert {check.status for check in asked(one, seen, touched).values()} <= {"held"}


PAGE = FEED._replace(call="messages_poll", subject=raw(CONVERSATION), owners=())


def talked(*sent: tuple[float, float | None]) -> tuple[Story, list[bytes]]:
    """Messages sent at some instants, and acknowledged at others or never; all are stored."""
    story, ids = Story(), []
    for at, heard in sent:
        row = uuid.uuid4()
        steps = [(WriteStep.SENT, at)] + ([] if heard is None else [(WriteStep.ACKNOWLEDGED, heard)])
        _, id_ = story.write(WriteKind.MESSAGE, at, *steps, subject=CONVERSATION, row=str(row))
        story.message(at, id_, id=row.bytes)
        ids.append(row.bytes)
    return story, ids


def page(story: Story, one: Shown) -> Check:
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)
    return next(iter(shown.pages([one], writes, stored)))


def test_a_page_holds_what_was_acknowledged_before_to_anybody() -> None:
    story, ids = talked((1, 1.2), (2, 2.2), (38, 38.1), (3, None))
    assert page(story, PAGE._replace(ids=(ids[1], ids[0]))).status == "held"  # asked for at 40 s
    found = page(story, PAGE._replace(ids=(ids[1],)))
    assert (found.status, found.looked_at, found.count) == ("broken", 2, 1)
    assert "1 of 2 messages are missing that were acknowledged before" in found.offenders[0].text
    assert found.offenders[0].ids["message"] == str(uuid.UUID(bytes=ids[0]))
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)
    late = shown.pages([PAGE._replace(ids=(ids[1],))], writes, stored, {0: 60_000_000})
    assert list(late) == [], "acknowledged after the page, by a clock that is a minute behind"
    oldest = round(ZERO.timestamp() * 1e6) + 1_500_000
    assert page(story, PAGE._replace(ids=(ids[1],), whole=False, oldest_us=oldest)).status == "held"


def test_a_whole_page_has_the_last_message_of_the_list_before() -> None:
    story, (first, last) = talked((38, 38.1), (39, 39.1))
    room = raw(CONVERSATION)
    listed = LIST._replace(begun_us=30_000_000, at_us=31_000_000, ids=(ROOM, room), owners=(NO_ID, last))
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)

    def pages(ids: tuple[bytes, ...], one: Shown = listed, **more: Any) -> list[str]:
        looks = [one, PAGE._replace(ids=ids, **more)]
        return [check.status for check in shown.pages(looks, writes, stored)]

    assert pages((last, first)) == ["held"]
    assert pages((first,)) == ["broken"]
    assert pages(()) == ["broken"]
    assert pages((first,), whole=False) == []
    assert pages((first,), account=FRIEND) == [], "others' lists may be older"
    assert pages((first,), listed._replace(at_us=40_500_000)) == [], "the list came after the page was asked for"
    assert pages((first,), listed._replace(owners=(NO_ID, NO_ID))) == []


def test_messages_are_dated_as_they_are_stored_whoever_looks() -> None:
    story, ids = talked((1, 1.2), (2, 2.2))
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)
    made_at = dict(zip(stored.table["id"].to_pylist(), stored.created.tolist(), strict=True))
    before_the_run = bytes([99]) * 16

    def dates(*by: int) -> dict[str, Check]:
        at = [*(made_at[id_] + late for id_, late in zip(ids[::-1], by, strict=True)), 7]
        one = PAGE._replace(ids=(*ids[::-1], before_the_run), owners=tuple(t.to_bytes(16) for t in at))
        return {check.id: check for check in pages_dated.checks([one], stored)}

    found = dates(0, 1_000)["I78"]
    assert (found.status, found.looked_at) == ("held", 2)
    found = dates(-18_000_000_000, -18_000_000_000)["I78"]
    assert (found.status, found.count) == ("broken", 1)
    words = "messages_poll: 2 of 2 messages are dated otherwise than they are stored, one by -18,000.0 s"
    assert words in found.offenders[0].text
    assert dates(0, 2_500)["I78"].status == "broken"
    assert list(pages_dated.checks([PAGE._replace(ids=(ids[1], ids[0]))], stored)) == [], "of an older record"


MARKED_US = 1_772_355_600_000_000
FIVE_HOURS_US = 18_000_000_000


class Markers:
    """What people marked, and what polls of 40 s then say of each marker."""

    def __init__(self) -> None:
        self.story = Story()
        self.story.ledger.intend(WriteKind.PERSON, 1, 0.0, subject=str(uuid.UUID(bytes=ME)))

    def write(self, sent: float, heard: float | None, key: int, step: WriteStep = WriteStep.ACKNOWLEDGED) -> None:
        ledger = self.story.ledger
        entry = ledger.intend(WriteKind.READ, 1, sent, subject=CONVERSATION, key=key)
        ledger.step(entry, WriteStep.SENT, sent)
        if heard is not None:
            ledger.step(entry, step, heard)

    def poll(self, *times: int, who: tuple[bytes, ...] = (ME,), **changes: Any) -> list[Check]:
        owners = tuple(at.to_bytes(16) for at in times)
        one = FEED._replace(
            call="read_receipts_poll", account=FRIEND, subject=raw(CONVERSATION), ids=who, owners=owners
        )
        writes = frames.writes(self.story.ledger_rows, [WriteKind.READ])
        return list(markers_shown.checks([one._replace(**changes)], writes))


def marked(*writes: tuple[float, float | None, int]) -> Markers:
    found = Markers()
    for write in writes:
        found.write(*write)
    return found


def test_a_marker_that_others_poll_is_as_new_as_what_was_acknowledged_before() -> None:
    twice = marked((10, 10.2, MARKED_US), (20, 20.2, MARKED_US + 10_000_000))
    (found,) = twice.poll(MARKED_US + 10_000_000)
    assert (found.id, found.status, found.looked_at) == ("I81", "held", 1)
    assert twice.poll(MARKED_US + 90_000_000)[0].status == "held", "of a later session, or another phone"
    (found,) = twice.poll(MARKED_US + 10_000_000 - FIVE_HOURS_US)
    assert (found.status, found.offenders[0].ids["of"]) == ("broken", str(uuid.UUID(bytes=ME)))
    assert "shows a read marker 18,000.0 s older than what was acknowledged" in found.offenders[0].text
    assert twice.poll(MARKED_US)[0].status == "broken", "the one before"
    assert twice.poll(0)[0].offenders[0].text.endswith("without a time")


def test_a_marker_that_may_be_another_writes_accuses_nobody() -> None:
    at_once = marked((10, 12, MARKED_US), (11, 13, MARKED_US + 1_000_000))
    assert at_once.poll(MARKED_US)[0].status == "held", "either may be stored last"
    assert at_once.poll(MARKED_US - FIVE_HOURS_US)[0].status == "broken"
    unheard = marked((20, 20.2, MARKED_US), (19, None, MARKED_US - 1_000_000))
    assert unheard.poll(MARKED_US - 1_000_000)[0].status == "held", "may be stored at any time"
    late = marked((10, 10.2, MARKED_US + 9_000_000))
    late.write(5, 9, MARKED_US, WriteStep.UNANSWERED)  # the phone waits no longer, and it is stored afterwards
    assert late.poll(MARKED_US)[0].status == "held"
    late = marked((10, 10.2, MARKED_US + 9_000_000))
    late.write(5, 9, MARKED_US, WriteStep.UNSETTLED)  # a gateway that gave up
    assert late.poll(MARKED_US)[0].status == "held"
    turned_back = marked((20, 20.2, MARKED_US), (39, 39.2, MARKED_US - 90_000_000))
    assert turned_back.poll(MARKED_US - 90_000_000)[0].status == "held", "a clock that was set"
    by_the_server = marked((20, 20.2, MARKED_US), (30, 30.2, 0))
    assert by_the_server.poll(MARKED_US - FIVE_HOURS_US) == []


def test_markers_of_which_nothing_is_known_are_not_asked() -> None:
    one = marked((20, 20.2, MARKED_US))
    assert one.poll() == [], "of an older record"
    assert one.poll(who=()) == [], "marked unread"
    assert one.poll(7, who=(STRANGER,)) == [], "of nobody of this run"
    assert one.poll(7, begun_us=25_000_000) == [], "acknowledged less than five seconds before"
    assert one.poll(7, MARKED_US, who=(ME, ME)) == [], "rows that are there twice are another rule's"
    refused = Markers()
    refused.write(20, 20.2, MARKED_US, WriteStep.REFUSED)
    assert refused.poll(7) == []


def test_the_first_replies_are_kept_and_then_one_a_second() -> None:
    log = ReadLog()
    assert sum(log.wants("home_feed", 0.0) for _ in range(SAMPLES_AT_ONCE + 50)) == SAMPLES_AT_ONCE
    assert sum(log.wants("home_feed", second / 10) for second in range(600)) == 59
    assert log.wants("diary_stats", 0.0)


def test_an_outline_comes_back_as_it_was_noted() -> None:
    log = ReadLog(worker=3)
    log.sampled(1, 2, 7, "home_feed", ReadSample(ME, None, False, 5, ROWS[0] + ROWS[1], ME + FRIEND))
    rows = made(log.take())
    found = list(kept(lambda table, columns: [batch.select(columns) for name, batch in rows if name == table]))
    assert found == [Shown(1, 2, ME, "home_feed", None, False, 5, ROWS[:2], (ME, FRIEND), "", None, None)]
    assert log.take() == []
    on_the_runs_clock = kept(lambda table, columns: [rows[0][1].select(columns)], {3: 90, 4: 7})
    assert [(one.begun_us, one.at_us) for one in on_the_runs_clock] == [(91, 92)]


@pytest.mark.parametrize("told", ["2026-01-01T12:00:00", "2026-01-01", "infinity", "", None])
def test_an_instant_of_no_zone_is_not_taken_for_one_of_this_machine(told: str | None) -> None:
    page = CheckedReply("messages_poll", str(uuid.UUID(bytes=ME)), (CONVERSATION,), None, [])
    page.data = [{"id": str(uuid.UUID(bytes=one)), "created_at": told} for one in ROWS]
    kept_ = SAMPLED["messages_poll"](page)
    assert kept_ is not None
    assert (kept_.oldest_us, kept_.owners) == (None, b"")


def test_those_who_saw_an_empty_feed_are_read_first_and_whole_feeds_only() -> None:
    log = ReadLog()
    for account, call, ids in ((ME, "diary_stats", b""), (FRIEND, "home_feed", ROWS[0]), (STRANGER, "home_feed", b"")):
        log.sampled(0, 0, 1, call, ReadSample(account, ids=ids))
    chosen = readers.chosen(batch.select(readers.SAMPLE_COLUMNS) for _, batch in made(log.take()))
    assert chosen == [STRANGER, FRIEND, ME]
    many = [number.to_bytes(16, "big") for number in range(readers.ACTORS_AT_MOST)]
    follows = [(STRANGER, FRIEND), *((FRIEND, one) for one in many), (ME, SHY)]
    assert readers.actors(chosen, follows) == [STRANGER, FRIEND, ME, SHY]


def newest(story: Story, *lists: Shown) -> Check:
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)
    return next(iter(lists_newest.checks(lists, writes, stored)))


def test_a_list_is_as_new_as_what_was_acknowledged_before_to_anybody() -> None:
    story, ids = talked((1, 1.2), (2, 2.2), (38, 38.1), (3, None))
    room = LIST._replace(ids=(raw(CONVERSATION),))  # asked for at 40 s
    for last in ids[1:]:
        assert newest(story, room._replace(owners=(last,))).status == "held"
    found = newest(story, room._replace(owners=(ids[0],)), room._replace(owners=(ROWS[0],)))
    assert (found.status, found.looked_at, found.count) == ("broken", 2, 2), "an older one, and one of before the run"
    assert found.offenders[0].ids["message"] == str(uuid.UUID(bytes=ids[1]))
    assert "older than one that was acknowledged before" in found.offenders[0].text
    story.message(2.5, None, id=ROWS[1])  # the assistant's, or anybody's who is not of this run
    assert newest(story, room._replace(owners=(ROWS[1],))).status == "held"
    assert "shows no message" in newest(story, room._replace(owners=(NO_ID,))).offenders[0].text
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    stored = messages.matched(writes, story.stored(MESSAGES), TAG)
    early = room._replace(begun_us=6_000_000, owners=(ROWS[0],))  # less than five seconds after the first
    assert list(lists_newest.checks([early, room], writes, stored)) == [], "and an outline without last messages"


STATS = ENTRY._replace(call="own_stats", subject=None, detail="", first=3)


COUNTED_LATER = replace(SEEN, following={ME: 3}, follows={ME: {FRIEND: ZERO_US - 1}})


def stats(seen: View, touched: Touched, *numbers: int | None) -> list[Check]:
    looks = [STATS._replace(first=number, begun_us=place) for place, number in enumerate(numbers)]
    return list(own_figures.checks(looks, seen, touched, ZERO_US))


def test_the_own_figures_are_those_of_the_own_row() -> None:
    counted = replace(SEEN, following={ME: 3}, follows={ME: {FRIEND: ZERO_US - 2 * own_figures.WEEK_US}})
    assert [check.status for check in stats(counted, NOTHING, 3, 3)] == ["held"]
    (found,) = stats(counted, NOTHING, 9, 4)
    assert (found.id, found.status, found.count) == ("I74", "broken", 2)
    assert "follows 9 by what is shown, and 3 by the row that is stored" in found.offenders[0].text
    (found,) = stats(counted, NOTHING, 2)
    assert (found.status, found.count) == ("broken", 1), "whom they follow they have followed for weeks"
    (found,) = stats(counted, NOTHING, 3, 8, 3)
    assert (found.status, found.count) == ("broken", 1)


def test_own_figures_that_are_stored_are_not_empty() -> None:
    counted = replace(SEEN, following={ME: 3}, follows={ME: {FRIEND: ZERO_US - 2 * own_figures.WEEK_US}})
    (found,) = stats(counted, NOTHING, None, None)
    assert (found.status, found.count) == ("broken", 2)
    assert "own_stats: empty, where the row that is stored says that they follow 3" in found.offenders[0].text


@pytest.mark.parametrize(
    ("seen", "touched", "numbers"),
    [
        (COUNTED_LATER, NOTHING, (None, None)),  # the row may have been made in mid-run  # counted anew in mid-run
        (COUNTED_LATER, NOTHING, (2, 2)),  # or right after it
        (replace(SEEN, following={ME: 3}), NOTHING, (5, 3)),  # nobody knows whom they followed no longer
        (replace(SEEN, following={ME: 3}), replace(NOTHING, follows=frozenset(((ME, STRANGER),))), (9, 4)),
        (replace(SEEN, following={ME: 3}), replace(NOTHING, known=frozenset()), (9, 4)),
        (replace(SEEN, following={ME: 3}, follows={ME: {FRIEND: ZERO_US + 1}}), NOTHING, (9, 4)),  # somebody else's run
        (SEEN, NOTHING, (9, 4)),
    ],
)
def test_figures_that_a_deployment_may_have_counted_anew(
    seen: View, touched: Touched, numbers: tuple[int | None, ...]
) -> None:
    assert {check.status for check in stats(seen, touched, *numbers)} <= {"held"}


HINTS = FEED._replace(call="assistant_suggestions", ids=(), owners=(), detail="home:v1")


def hinted(*created_s: float, key: str = "home:v1", dismissed: bool = False) -> View:
    made = [
        Hint(id_, key, ZERO_US + round(at * 1e6), dismissed) for id_, at in zip(cycle(ROWS), created_s, strict=False)
    ]
    return replace(SEEN, hints={ME: made})


def asked_hints(seen: View, *looks: Shown, unsure_us: int = 0) -> list[Check]:
    return list(hints.checks(looks, seen, ZERO_US, unsure_us))


def test_suggestions_that_were_made_for_a_question_are_in_its_answer() -> None:
    seen = hinted(40.5, 40.5, 40.5)  # asked for from 40 s to 41 s
    assert [check.status for check in asked_hints(seen, HINTS._replace(ids=ROWS[:3]))] == ["held"]
    (found,) = asked_hints(seen, HINTS)
    assert (found.id, found.status, found.looked_at) == ("I75", "broken", 1)
    assert "empty, where 3 suggestions were made for this question, under home:v1" in found.offenders[0].text
    (found,) = asked_hints(seen, HINTS._replace(ids=(STRANGER, FRIEND)))  # those that somebody had before
    assert (found.id, found.status, found.looked_at) == ("I75", "broken", 1)
    assert "2 suggestions, and none of the 3 that were made for this question" in found.offenders[0].text
    assert [check.status for check in asked_hints(seen, HINTS._replace(ids=(STRANGER, ROWS[0])))] == ["held"]


@pytest.mark.parametrize(
    ("seen", "looks", "unsure_us"),
    [
        (hinted(39.9, 41.1), [HINTS], 0),  # for another question, before or after
        (hinted(40.5, key="swipe:v1"), [HINTS], 0),
        (hinted(40.5, dismissed=True), [HINTS], 0),
        (hinted(*[40.5] * hints.A_DAY), [HINTS], 0),  # so many a day
        (hinted(40.5), [HINTS, HINTS._replace(begun_us=40_200_000)], 0),  # two questions at once
        (hinted(40.5), [HINTS, HINTS._replace(begun_us=37_500_000, ids=ROWS[:1])], 1_000_000),
        (SEEN, [HINTS], 0),  # suggestions were not read
    ],
)
def test_an_assistant_may_be_silent(seen: View, looks: list[Shown], unsure_us: int) -> None:
    assert {check.status for check in asked_hints(seen, *looks, unsure_us=unsure_us)} <= {"held"}


STATUS = FEED._replace(call="assistant_status", subject=raw(CONVERSATION), ids=(), owners=(), first=0, second=1)


@pytest.mark.parametrize(
    ("status", "made_s", "changed_s", "unsure_s", "holds"),
    [
        ("done", 5.0, 10.5, 0.0, True),  # asked at 40 s: what closed it may not have been seen yet
        ("done", 5.0, 9.5, 0.0, False),
        ("failed", 5.0, 9.5, 0.0, False),
        ("done", 5.0, 9.5, 1.0, True),
        ("processing", 5.0, 9.5, 0.0, True),
        ("pending", 40.9, 40.9, 0.0, True),
        ("pending", 41.1, 41.1, 0.0, False),  # made after the answer came
        ("pending", 41.1, 41.1, 0.2, True),
    ],
)
def test_who_is_told_that_the_assistant_is_busy_has_an_answer_to_come(
    tmp_path: Path, status: str, made_s: float, changed_s: float, unsure_s: float, holds: bool
) -> None:
    assert list(assistant_busy.checks([STATUS], tmp_path, ZERO_US, 0)) == [], "jobs were not read"
    at = [datetime.fromtimestamp(ZERO_US / 1e6 + seconds, UTC).isoformat() for seconds in (made_s, changed_s)]
    row = {"id": ROWS[0], "user_id": ME, "conversation_id": raw(CONVERSATION)}
    rows = [hexed(row) | {"created_at": at[0], "updated_at": at[1], "status": status}]
    store.keep(tmp_path, READERS_JOBS, [batch(READERS_JOBS, rows)])
    idle, others = STATUS._replace(second=0), STATUS._replace(account=STRANGER, second=0)
    (found,) = assistant_busy.checks([STATUS, idle, others], tmp_path, ZERO_US, round(unsure_s * 1e6))
    assert (found.id, found.looked_at, found.status) == ("assistant typing", 3, "held" if holds else "broken")
    (found,) = assistant_busy.checks([STATUS._replace(account=STRANGER, first=1)], tmp_path, ZERO_US, 0)
    assert "the assistant types, and no answer was to come" in found.offenders[0].text, "it is somebody else's"


def test_of_assistants_whose_jobs_were_not_read_nothing_is_said(tmp_path: Path) -> None:
    rooms = [number.to_bytes(16, "big") for number in range(1, readers.ASKED_AT_MOST + 11)]
    busy = [STATUS._replace(subject=room, detail=str(uuid.UUID(bytes=room))) for room in rooms for _ in range(2)]
    log = ReadLog()
    for one in busy:
        log.sampled(0, 1, 1, one.call, ReadSample(one.account, one.subject, detail=one.detail, first=0, second=1))
    samples = [taken for _, taken in made(log.take())]
    read = readers.asked([taken.select(readers.ASKED_COLUMNS) for taken in samples], {STATUS.call})
    at = datetime.fromtimestamp(ZERO_US / 1e6, UTC).isoformat()
    row = {"created_at": at, "updated_at": at, "status": "processing"}
    rows = [row | hexed({"id": room, "user_id": ME, "conversation_id": room}) for room in read]
    store.keep(tmp_path, READERS_JOBS, [batch(READERS_JOBS, rows)])
    (found,) = assistant_busy.checks(busy, tmp_path, ZERO_US, 0)
    assert (found.status, found.looked_at) == ("held", 2 * readers.ASKED_AT_MOST)


def outline(**settings: object) -> str:
    told = settings_outline({"version": 7, "settings": settings})
    assert told is not None
    return told[1]


SERVED = FEED._replace(call="app_settings", ids=(), owners=(), first=7, detail=outline(ttl_ms=30_000, page=20))


def before(version: int, told: str) -> Probes:
    answer = ProbeAnswer(id="fresh settings", status="held", told=json.dumps([version, told]))
    return Probes(answers=(ProbeAnswer(id="expired token", status="held"), answer))


def test_settings_of_one_version_are_the_same_for_everybody() -> None:
    assert [check.status for check in settings_served.checks([SERVED] * 2, before(7, SERVED.detail))] == ["held"]
    assert [check.status for check in settings_served.checks([SERVED] * 2, None)] == ["held"]
    other = SERVED._replace(detail=outline(ttl_ms=30_001, page=20))
    (found,) = settings_served.checks([other] * 3, before(7, SERVED.detail))
    assert (found.id, found.status, found.count) == ("I76", "broken", 3), "everybody gets the same wrong one"
    assert "version 7 has ttl_ms 30001, where 30000 were answered before the load" in found.offenders[0].text
    (found,) = settings_served.checks([SERVED, other, SERVED], None)
    assert (found.status, found.count) == ("broken", 1)
    (found,) = settings_served.checks([SERVED, SERVED, SERVED._replace(detail=outline(page=20))], None)
    assert "version 7 has ttl_ms nothing, where 30000 others were served" in found.offenders[0].text


def test_settings_that_somebody_changed_meanwhile() -> None:
    newer = SERVED._replace(first=8, detail=outline(ttl_ms=1, page=20))
    assert list(settings_served.checks([SERVED, newer], before(7, SERVED.detail))) == []
    assert list(settings_served.checks([newer], before(7, SERVED.detail))) == []
    assert list(settings_served.checks([], before(7, SERVED.detail))) == []


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers())))
def test_settings_in_outline_are_equal_where_they_are(settings: dict[str, object]) -> None:
    try:
        data = orjson.loads(orjson.dumps({"version": 1, "settings": settings}))
    except (TypeError, orjson.JSONEncodeError):  # lone surrogates, numbers that JSON has not
        return
    turned = {"version": 1, "settings": dict(reversed(data["settings"].items()))}
    assert settings_outline(data) == settings_outline(turned)
    assert (settings_outline(data) is None) == (not 0 < len(data["settings"]) <= 64)


def test_pages_and_lists_are_asked_of_a_table_that_is_read_column_by_column(tmp_path: Path) -> None:
    story, ids = talked((1, 1.2), (2, 2.2), (38, 38.1), (3, None))
    story.message(2.5, None, id=ROWS[0])  # nobody's, and newer than what was acknowledged
    whole = story.stored(MESSAGES)
    store.keep(tmp_path, MESSAGES, whole.to_batches(max_chunksize=2))
    by_column = store.by_column(tmp_path, MESSAGES, whole.column_names)
    assert by_column is not None
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    lists = [LIST._replace(ids=(raw(CONVERSATION),), owners=(last,)) for last in (ids[0], ids[1], ROWS[0])]
    pages = [PAGE._replace(ids=(ids[1],)), PAGE._replace(ids=(ids[1], ids[0]))]
    found = []
    for table in (whole, by_column):
        stored = messages.matched(writes, table, TAG)
        found.append([*lists_newest.checks(lists, writes, stored), *shown.pages(pages, writes, stored)])
    assert [(check.id, check.looked_at, check.count) for check in found[0]] == [("I73", 3, 1), ("I70", 4, 1)]
    assert found[0] == found[1]


def test_public_lists_and_titles_of_lists_are_there(tmp_path: Path) -> None:
    early, late = (datetime.fromtimestamp((ZERO_US + by) / 1e6, UTC) for by in (-5_000_000, 39_000_000))
    ask = ",".join(one.hex() for one in (ME, FRIEND))
    stories = FEED._replace(call="stories_lists", ids=(ROWS[0],), owners=(FRIEND,), detail=ask)
    titles = stories._replace(
        call="list_items", ids=(FILM, SERIES), owners=ROWS[:2], detail=f"{ROWS[0].hex()},{ROWS[1].hex()}"
    )
    assert list(lists_shown.checks([stories, titles], tmp_path, ZERO_US)) == [], "nobody read them"
    rows = [
        {"id": id_, "updated_at": at, "user_id": of, "is_public": public}
        for id_, of, at, public in (
            (ROWS[0], FRIEND, early, True),
            (ROWS[1], FRIEND, early, False),
            (ROWS[2], FRIEND, late, True),
            (ROWS[3], STRANGER, early, True),
            (ROWS[4], FRIEND, None, True),  # a deployment without the date: nobody knows since when it is there
        )
    ]
    store.keep(tmp_path, READERS_LISTS, [batch(READERS_LISTS, [{**row, **hexed(row)} for row in rows])])
    rows = [
        {"id": ME, "created_at": at, "list_id": of, "title_id": title}
        for of, title, at in (
            (ROWS[0], FILM, early),
            (ROWS[1], SERIES, early),
            (ROWS[1], FILM, late),
            (ROWS[0], SERIES, None),
        )
    ]
    store.keep(tmp_path, READERS_LIST_ITEMS, [batch(READERS_LIST_ITEMS, [{**row, **hexed(row)} for row in rows])])
    oldest = ZERO_US - 6_000_000
    newest = stories._replace(call="public_lists", ids=ROWS[:4], owners=(), detail="", whole=False, oldest_us=oldest)
    healthy = [
        newest,
        newest._replace(ids=(), oldest_us=ZERO_US),
        stories,
        titles,
        titles._replace(call="stories_items"),
        titles._replace(ids=(), owners=(), whole=False),
    ]
    (found,) = lists_shown.checks(healthy, tmp_path, ZERO_US)
    assert (found.id, found.status, found.looked_at) == ("I79", "held", 7)
    for bad, words in (
        (stories._replace(ids=(), owners=()), "stories_lists: 1 of 1 public lists are missing"),
        (newest._replace(ids=(), whole=True), "public_lists: 2 of 2 public lists are missing"),
        (newest._replace(ids=ROWS[:1]), "public_lists: 1 of 2 public lists are missing"),
        (titles._replace(ids=(), owners=()), "list_items: 2 of 2 titles of lists are missing"),
        (titles._replace(ids=(FILM, FILM)), "1 of 2 titles of lists are missing"),
    ):
        (found,) = lists_shown.checks([bad], tmp_path, ZERO_US)
        assert found.status == "broken"
        assert words in found.offenders[0].text


def hexed(row: dict[str, Any]) -> dict[str, Any]:
    """With its ids as readers bring them."""
    return {name: str(uuid.UUID(bytes=value)) for name, value in row.items() if isinstance(value, bytes)}


def test_a_file_whose_removal_was_acknowledged_is_gone(tmp_path: Path) -> None:
    removed = FEED._replace(call="attachment_remove", ids=(), owners=(), detail="message_attachments/a/b/1.png")
    assert list(files_gone.checks([removed], tmp_path)) == [], "storage was not asked"
    for there, status in ((False, "held"), (True, "broken")):
        rows = [{"name": removed.detail, "there": there}, {"name": "another", "there": True}]
        store.keep(tmp_path, REMOVED_FILES, [batch(REMOVED_FILES, rows)])
        (found,) = files_gone.checks([removed, FEED], tmp_path)
        assert (found.id, found.status, found.looked_at) == ("I77", status, 1)
    assert "1.png was acknowledged as removed, and is there" in found.offenders[0].text


def test_replies_that_are_wrong_are_not_called_lost_data() -> None:
    found = [asked(FEED._replace(ids=(), owners=()))["I68"], asked(LIST._replace(ids=()))["I69"]]
    assert in_words(found, 40) == "2 checks of 40 found replies that say something else than is stored"
    found.append(QUESTIONS["I03"].answered(3, 1, ()))
    assert in_words(found, 40) == (
        "1 check of 40 found data that is lost, doubled or misplaced, "
        "and 2 checks found replies that say something else than is stored"
    )


def test_older_records_know_nothing_of_it() -> None:
    record = open_run(Path(__file__).parents[1] / "data" / "records" / "v2-shown").checked()
    asked_ = {check.id for check in integrity(record).checks}
    assert asked_ & {"I67", "I70"}
    assert not asked_ & {"I73", "I74", "I75", "I76", "I77", "I78", "I79", "I81"}
