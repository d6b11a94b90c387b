"""What a deck's body may say, as observed of the real function: bodies, answers, what is remembered of them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.sandbox.answers_deck.conftest import SESSION, Swiper, recorded

BODIES = recorded("bodies.json")
DEEP = f'{{"sessionId": "{SESSION}", "limit": 2, "deep": {"[" * 2000}{"]" * 2000}}}'
REMEMBERED = """
select mode, requested_mode, kind_filter, seed, "limit", session_id::text as session_id, source,
  request_context ->> 'experiments' as experiments
from public.rec_requests where rec_request_id = $1
"""


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["body"].replace(SESSION, "S")[:70])
def test_a_body_is_answered_as_by_the_real_function(swiper: Swiper, case: dict[str, Any]) -> None:
    swiper.forget()
    reply = swiper.person.raw("media-swipe-deck", case["body"].encode())
    assert reply.status_code == case["status"], reply.text
    answer = reply.json()
    if reply.status_code != 200:
        assert answer == case["answer"]
        return
    found = swiper.sql(REMEMBERED, uuid.UUID(answer["recRequestId"]))
    if case["request"] is None:  # half a surrogate pair or a zero: refused by the database, and nobody hears of it
        assert not found
        assert answer["cards"]
        return
    row = {**dict(found[0]), "experiments": json.loads(found[0]["experiments"])}
    assert {name: row[name] for name in case["request"]} == case["request"]
    assert (row["session_id"], row["source"]) == (SESSION, None)


def test_depth_is_no_error(swiper: Swiper) -> None:
    swiper.forget()
    assert swiper.person.raw("media-swipe-deck", DEEP.encode()).status_code == 200


def test_one_string_is_one_genre_with_its_commas(swiper: Swiper) -> None:
    known = {name for card in swiper.cards(mode="trending", limit=60) for name in card["genres"] or ()}
    one, other = sorted(known)[:2]
    either = swiper.cards(mode="trending", limit=60, genresAny=[one, other])
    assert either
    assert all({one, other} & set(card["genres"]) for card in either)
    assert swiper.cards(mode="trending", limit=60, genresAny=f"{one},{other}") == []


def test_who_is_refused_for_the_session_has_experiments_all_the_same(swiper: Swiper) -> None:
    """The session is looked at last. A key of its own, so that no other test is put into an arm."""
    swiper.sql(
        "insert into public.rec_experiments (key, variants, salt, status)"
        """ values ('swipe_rerank_v1', '[{"name": "control", "weight": 1}]', 's', 'active')"""
    )
    try:
        reply = swiper.person.call("media-swipe-deck", {"sessionId": "not one"})
        assigned = swiper.sql(
            "select variant from public.rec_user_experiment_assignments where user_id = $1", uuid.UUID(swiper.id)
        )
    finally:
        swiper.sql("delete from public.rec_user_experiment_assignments")
        swiper.sql("delete from public.rec_experiments where key = 'swipe_rerank_v1'")
    assert (reply.status_code, reply.json()) == (400, {"ok": False, "code": "INVALID_SESSION"})
    assert [row["variant"] for row in assigned] == ["control"]
