"""What was shown, held against the same questions after the run: what a cache, a lagging copy or a layer in between
makes of replies is named, and what people themselves change meanwhile is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from harness.client.checks.asked_many import LIMITS
from harness.client.checks.read_checks import ReadChecks
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.shown_again import AGAIN
from harness.core.call_names import CALL_NAMES
from harness.core.outcome import Outcome
from harness.core.read_log import PRINTS_AT_ONCE, KeptReply, ReadLog
from harness.core.reply_print import FIELDS_AT_MOST, ROWS_AT_MOST, printed
from harness.core.rows import made
from harness.core.tables import READ_AGAIN, SCHEMAS
from harness.probes import again_chosen
from harness.probes.ask_again import CALLS
from reports.integrity import shown_again
from reports.integrity.model import Check

ME, YOU = bytes([1]) * 16, bytes([2]) * 16
ZERO_US = 1_000_000_000_000_000
TITLES = [{"id": f"t{number}", "omdb_writer": f"W{number}", "omdb_fetched_at": "2026-01-01"} for number in range(6)]
REVIEWS = [{"id": "r1", "rating": 7}, {"id": "r2", "rating": 9}]


class Told:
    """Replies of a run, and what the same questions brought after it."""

    def __init__(self) -> None:
        self.log = ReadLog()
        self.answers: list[tuple[Any, ...]] = []

    def look(
        self, call: str, rows: list[Any], after: list[Any] | None, *, me: bytes = ME, at: int = 60, made_us: Any = ()
    ) -> None:
        arguments, how = f'["{len(self.answers)}"]', AGAIN[call]
        kept = KeptReply(me, arguments, "null", printed(rows, how.key))
        self.log.keep_print(at * 1_000_000, at * 1_000_000, 3, call, kept)
        dates = b"".join(one.to_bytes(8, "big") for one in (made_us or [0] * len(after or [])))
        answer = (None,) * 4 if after is None else (*printed(after, how.key), dates)
        self.answers.append((0, me, call, arguments, "null", *answer))

    def check(self) -> Check | None:
        taken = dict(made(self.log.take()))
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*self.answers, strict=True), SCHEMAS[READ_AGAIN], strict=True)
        ]
        taken[READ_AGAIN] = pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[READ_AGAIN])
        found = list(shown_again.checks(lambda table, names: [taken[table].select(names)], ZERO_US))
        return found[0] if found else None


def changed(row: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return row | fields


def told(call: str, pairs: Sequence[tuple[list[Any], list[Any] | None]], **how: Any) -> Check | None:
    story = Told()
    for shown, after in pairs:
        story.look(call, shown, after, **how)
    return story.check()


def test_the_same_again_holds() -> None:
    check = told("title_detail", [([row], [row]) for row in TITLES])
    assert check is not None
    assert (check.id, check.status) == ("I80", "held")
    assert check.looked_at == 6 * (1 + 1 + 2)  # whether it is empty, whether its row is known, each field that stays


@pytest.mark.parametrize(
    ("call", "shown", "after", "words"),
    [
        ("title_detail", lambda row: [changed(row, omdb_writer="?")], lambda row: [row], "another omdb_writer than"),
        ("title_detail", lambda row: [], lambda row: [row], "empty, where the same question brings 1 row"),
        ("home_feed", lambda row: [row | {"payload": {"rating": 3}}], lambda row: [row | {"payload": {"rating": 2}}],
         "home_feed: another payload.rating than the same question brings after the run"),
        ("suggested_stats", lambda row: [{"user_id": row["id"] + "?"}], lambda row: [{"user_id": row["id"]}],
         "1 of 1 row unknown to the same question after the run"),
        ("tmdb_search", lambda row: [{"media_type": "tv", "id": 1 + TITLES.index(row), "name": "x"}],
         lambda row: [{"media_type": "tv", "id": 1 + TITLES.index(row), "name": "y"}], "another name than"),
    ],
)  # fmt: skip
def test_what_a_layer_in_between_made_up_is_named(call: str, shown: Any, after: Any, words: str) -> None:
    check = told(call, [(shown(row), after(row)) for row in TITLES])
    assert check is not None
    assert check.status == "broken"
    assert words in check.offenders[0].text
    assert check.offenders[0].ids["person"] == "01010101-0101-0101-0101-010101010101"


def test_a_row_that_somebody_changed_since_is_no_fault() -> None:
    one = changed(TITLES[0], omdb_writer="now another")
    check = told("title_detail", [([TITLES[0]], [one])] * 5 + [([row], [row]) for row in TITLES])
    assert check is not None
    assert check.status == "held"
    check = told("title_detail", [([TITLES[0]], [one])] * 5)
    assert check is not None
    assert check.status == "held", "one row alone, however often it was looked at"


def test_two_replies_show_nothing() -> None:
    check = told("title_detail", [([changed(row, omdb_writer="?")], [row]) for row in TITLES[:2]])
    assert check is not None
    assert check.status == "held"


def test_figures_that_move_and_messages_that_were_edited_are_left_alone() -> None:
    moved = [
        ([{"user_id": f"u{n}", "followers_count": n}], [{"user_id": f"u{n}", "followers_count": 9}]) for n in range(6)
    ]
    check = told("people_stats", moved)
    assert check is not None
    assert check.status == "held"
    edited = [
        ([{"id": f"m{n}", "text": "a", "meta": {}}], [{"id": f"m{n}", "text": "b", "meta": {"editedAt": "now"}}])
        for n in range(6)
    ]
    assert told("messages_poll", edited) is None
    later = [
        ([{"conversation_id": f"c{n}", "last_message_id": "a", "last_message_username": "x"}],
         [{"conversation_id": f"c{n}", "last_message_id": "b", "last_message_username": "y"}])
        for n in range(6)
    ]  # fmt: skip
    check = told("conversation_list", later)
    assert check is not None
    assert check.status == "held"


def test_a_row_that_was_stored_before_is_missed_in_a_single_reply() -> None:
    early, late = ZERO_US + 29_000_000, ZERO_US + 31_000_000
    check = told("title_reviews", [([REVIEWS[0]], REVIEWS)], made_us=(early, early))
    assert check is not None
    assert check.status == "broken"
    assert check.offenders[0].text == "title_reviews: 1 of 2 rows missing that had been stored before it was asked"
    assert check.offenders[0].ids["row"] == "r2"
    check = told("title_reviews", [([REVIEWS[0]], REVIEWS)], made_us=(early, late))
    assert check is not None
    assert check.status == "held", "half a minute is left to whichever transaction wrote it"


def named(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "rating": number} for number in numbers]


def test_what_moved_up_since_another_one_was_deleted_was_not_missing() -> None:
    """Of a title's reviews the newest two are asked for, of reactions the first ones are kept."""
    dated = {number: ZERO_US + number * 1_000_000 for number in (1, 2, 3)}
    check = told("title_reviews", [(named(3, 2), named(3, 1))], made_us=(dated[3], dated[1]))
    assert check is not None
    assert check.status == "held", "the second one was deleted, and the first one came up"
    check = told("title_reviews", [(named(3, 1), named(3, 2))], made_us=(dated[3], dated[2]))
    assert check is not None
    assert check.status == "held", "nobody knows where the first one stood"
    check = told("title_reviews", [(named(3, 1), [*named(3, 2), *named(1)])], made_us=(dated[3], dated[2], dated[1]))
    assert check is not None
    assert [one.ids["row"] for one in check.offenders] == ["r2"], "it stands before one that came"
    check = told("title_reviews", [(named(3, 1), [*named(3, 2), *named(1)])], made_us=(dated[3], dated[1], dated[1]))
    assert check is not None
    assert check.status == "held", "of two at one instant either comes first"


def test_of_more_reactions_than_are_kept_one_that_was_taken_off_lets_another_in() -> None:
    before = named(*range(ROWS_AT_MOST))
    after = named(*range(1, ROWS_AT_MOST + 1))
    made_us = [ZERO_US + 1 + number for number in range(ROWS_AT_MOST)]
    check = told("reactions_poll", [(before, after)], made_us=made_us)
    assert check is not None
    assert check.status == "held"
    check = told("reactions_poll", [(before[:50] + named(*range(51, ROWS_AT_MOST + 1)), after)], made_us=made_us)
    assert check is not None
    assert [one.ids["row"] for one in check.offenders] == ["r50"]


@pytest.mark.parametrize(
    "call", ["home_feed", "friends_watching", "conversation_list", "suggested_overlap", "search_titles"]
)
def test_what_people_made_in_the_run_was_not_there_before(call: str) -> None:
    """On a fresh target nobody has done anything, and whoever opens the app first has no conversation."""
    rows = [{"id": "1", "conversation_id": "1", "user_id": "1", "title_id": "1"}]
    assert told(call, [([], rows)] * 6) is None


@pytest.mark.parametrize("call", ["people_search", "stories_followed", "suggested_stats"])
def test_others_may_come_first_where_nobody_asked_for_an_order(call: str) -> None:
    how = AGAIN[call]
    full = [{how.key[0]: f"a{number}"} for number in range(LIMITS[call])]
    others = [{how.key[0]: f"b{number}"} for number in range(LIMITS[call])]
    check = told(call, [(full, others)] * 6)
    assert check is None or check.status == "held"
    check = told(call, [(full, others[:-1])] * 6)
    assert check is not None
    assert check.status == "broken", "there would have been a place for them"


def test_titles_that_were_brought_up_to_date() -> None:
    fresh = {"tmdb_vote_count": 1, "tmdb_popularity": 1.5, "omdb_imdb_votes": "9", "omdb_fetched_at": "2026-01-02"}
    check = told("title_detail", [([row], [row | fresh]) for row in TITLES])
    assert check is not None
    assert check.status == "held"
    found = [
        ([{"id": f"t{n}", "omdb_imdb_rating": None}], [{"id": f"t{n}", "omdb_imdb_rating": 7.1}]) for n in range(6)
    ]
    check = told("search_titles", found)
    assert check is not None
    assert check.status == "held", "the app fetches the scores of what it finds"
    unscored = [
        ([row | {"tmdb_release_date": "2019-05-17"}], [row | {"tmdb_release_date": "2019-01-01"}]) for row in TITLES
    ]
    for call in ("search_titles", "media_search"):
        check = told(call, unscored)
        assert check is not None
        assert check.status == "held", "and writes those without one"
    check = told("search_titles", [(after, before) for before, after in found])
    assert check is not None
    assert check.status == "broken"


def test_fields_of_which_one_side_kept_no_number_are_not_compared() -> None:
    wide = {f"f{number}": number for number in range(FIELDS_AT_MOST)}
    pairs = [([{"id": f"t{n}", "x": 1, **wide}], [{"id": f"t{n}", **wide, "x": 1}]) for n in range(6)]
    check = told("title_preview", pairs)
    assert check is not None
    assert check.status == "held"


def test_what_was_not_answered_again_asks_nothing() -> None:
    assert told("title_detail", [([row], None) for row in TITLES]) is None


def test_a_few_replies_are_kept_and_ever_fewer() -> None:
    log = ReadLog()
    assert sum(log.wants_print("home_feed", False, 0.0) for _ in range(50)) == PRINTS_AT_ONCE
    kept = sum(log.wants_print("home_feed", False, second / 10) for second in range(864_000))
    assert 20 < kept < 90
    assert log.wants_print("home_feed", True, 86_400.0)


def test_a_phone_keeps_question_and_rows_and_nothing_under_planned_faults() -> None:
    kept: list[KeptReply] = []
    me = "01010101-0101-4101-8101-010101010101"

    def fails(error: Exception) -> None:
        raise error

    checks = ReadChecks(
        lambda *_: None, lambda *_: None, fails, prints=lambda *_: True, printed=lambda _, one: kept.append(one)
    )
    reply = CheckedReply(
        "tmdb_search", me, (), {"path": "/search/multi"}, {"data": {"results": [{"media_type": "tv", "id": 7}]}}
    )
    checks.ends(reply, Outcome.OK)
    assert [(one.arguments, one.body, one.shown.keys) for one in kept] == [("[]", '{"path":"/search/multi"}', "tv/7")]
    reply.copies = True
    checks.ends(reply, Outcome.OK)
    checks.ends(CheckedReply("tmdb_search", me, (), b"no JSON", {}), Outcome.OK)
    checks.ends(CheckedReply("tmdb_search", me, (), None, {}), Outcome.SERVER_ERROR)
    assert len(kept) == 1


def test_only_calls_that_ask_are_asked_again() -> None:
    assert set(AGAIN) == set(CALLS) <= CALL_NAMES
    for call in CALLS.values():
        assert call.method == "GET" or call.name in (
            *("home_feed", "friends_watching", "conversation_list", "media_search", "tmdb_search", "tmdb_external_ids"),
        )


def test_few_people_are_asked_as_and_what_is_rare_first() -> None:
    log = ReadLog()
    for person in range(100):
        account = person.to_bytes(16, "big")
        log.keep_print(
            0, 0, person, "title_detail", KeptReply(account, f'["{person}"]', "null", printed([{"id": 1}], ["id"]))
        )
    rare = KeptReply((99).to_bytes(16, "big"), "[]", "null", printed([], ["id"]))
    log.keep_print(0, 0, 99, "people_search", rare)
    ((_, batch),) = made(log.take())
    found = again_chosen.chosen([batch])
    assert next(iter(found)) == 99
    questions = [one.call for theirs in found.values() for one in theirs]
    assert questions.count("title_detail") == again_chosen.OF_A_CALL
    assert questions.count("people_search") == 1
    assert len(found) <= again_chosen.PEOPLE_AT_MOST
