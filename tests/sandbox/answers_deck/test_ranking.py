"""The deck's functions in the database: shipped signatures, reasons, limits, and what happens when they fail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.answers_deck.conftest import SESSION, Swiper

ARGUMENTS = "p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text"
RETURNS = (
    "TABLE(media_item_id uuid, title text, overview text, kind text, release_date date, first_air_date date,"
    " omdb_runtime text, poster_path text, backdrop_path text, vote_average numeric, vote_count integer,"
    " popularity numeric, completeness numeric, source text, why text, friend_ids uuid[])"
)
SIGNATURE = """
select pg_get_function_arguments(oid) as arguments, pg_get_function_result(oid) as result, prosecdef
from pg_proc where pronamespace = 'public'::regnamespace and proname = $1
"""
DECK = "media_swipe_deck_v3"
FAILING = f"""
create function public.{DECK}({ARGUMENTS}) returns {RETURNS} language plpgsql security definer
  set search_path = public, extensions, pg_temp as $$
begin
  if {{when}} then
    raise exception using errcode = '{{state}}', message = '{{message}}';
  end if;
  return query select * from public.{DECK}_safe(p_session_id, p_limit, p_mode, p_kind_filter, p_seed);
end $$
"""


@pytest.mark.parametrize("name", [DECK, f"{DECK}_safe", f"{DECK}_core"])
def test_shipped_signature(swiper: Swiper, name: str) -> None:
    (found,) = swiper.sql(SIGNATURE, name)
    assert (found["arguments"], found["result"], found["prosecdef"]) == (ARGUMENTS, RETURNS, True)


def test_shipped_signature_of_the_typed_one(swiper: Swiper) -> None:
    (found,) = swiper.sql(SIGNATURE, f"{DECK}_typed")
    assert found["arguments"] == ARGUMENTS.replace("p_kind_filter text", "p_kind_filter text[]").replace(
        "p_seed text", "p_seed integer"
    )
    assert found["result"] == RETURNS


def ranking(swiper: Swiper, **arguments: Any) -> Any:
    """The RPC as the real function makes it."""
    swiper.forget()
    given = {"p_session_id": SESSION, "p_limit": 6, "p_mode": "combined", "p_kind_filter": None, "p_seed": "s"}
    body = {**given, **arguments}
    return swiper.person.client.post(f"/rest/v1/rpc/{DECK}", json=body, headers=swiper.person.headers)


def test_all_five_arguments_are_needed(swiper: Swiper) -> None:
    assert len(ranking(swiper).json()) == 6
    reply = swiper.person.client.post(
        f"/rest/v1/rpc/{DECK}", json={"p_session_id": SESSION}, headers=swiper.person.headers
    )
    assert (reply.status_code, reply.json()["code"]) == (404, "PGRST202")


@pytest.mark.parametrize(("limit", "rows"), [(0, 1), (-5, 1), (7, 7), (None, 60)])
def test_limits_are_clamped(swiper: Swiper, limit: int | None, rows: int) -> None:
    assert len(ranking(swiper, p_limit=limit, p_mode="trending").json()) == rows


def test_nobody_gets_more_than_120(swiper: Swiper) -> None:
    body = {"p_session_id": SESSION, "p_limit": 500, "p_mode": "x", "p_kind_filter": "", "p_seed": ""}
    headers = {"apikey": swiper.person.headers["apikey"]}
    assert len(swiper.person.client.post(f"/rest/v1/rpc/{DECK}", json=body, headers=headers).json()) == 120


def test_rows_are_what_the_cards_are_made_of(swiper: Swiper) -> None:
    rows = ranking(swiper, p_limit=60).json()
    reasons = {row["source"]: row["why"] for row in rows}
    assert reasons["trending"] == "Trending on MoviNesta"
    assert reasons["friends"] == "Recommended by friends"
    assert reasons["for_you"] == "Recommended for you" or reasons["for_you"].startswith("Because you liked ")
    for row in rows:
        assert (row["friend_ids"] is not None) == (row["source"] == "friends")
    assert "retrieval_score" not in rows[0]
    assert "position" not in rows[0]


def test_several_kinds_with_commas_between(swiper: Swiper) -> None:
    assert {row["kind"] for row in ranking(swiper, p_kind_filter="Series , anime", p_limit=60).json()} == {
        "series",
        "anime",
    }


def test_nobody_gets_the_popular_titles(swiper: Swiper) -> None:
    body = {"p_session_id": SESSION, "p_limit": 3, "p_mode": "combined", "p_kind_filter": None, "p_seed": "s"}
    headers = {"apikey": swiper.person.headers["apikey"]}
    rows = swiper.person.client.post(f"/rest/v1/rpc/{DECK}", json=body, headers=headers).json()
    assert {(row["source"], row["why"], str(row["friend_ids"])) for row in rows} == {("popular", "Popular picks", "[]")}
    popularity = [row["popularity"] for row in rows]
    assert popularity == sorted(popularity, reverse=True)


def test_a_failing_ranking_is_not_papered_over(swiper: Swiper) -> None:
    """The shipped fallback is for an empty deck, not for a broken one."""
    core = f"public.{DECK}_core(uuid, integer, text, text, text)"
    swiper.sql(f"alter function {core} rename to core_gone")
    try:
        swiper.forget()
        reply = swiper.person.call("media-swipe-deck", {"sessionId": SESSION, "limit": 3})
    finally:
        swiper.sql(f"alter function public.core_gone(uuid, integer, text, text, text) rename to {DECK}_core")
    assert (reply.status_code, reply.json()["code"]) == (500, "RPC_FAILED")
    assert f"{DECK}_core" in reply.json()["message"]


STATEMENT_TIMEOUT = "canceling statement due to statement timeout"


@pytest.mark.parametrize(
    ("when", "state", "message", "failed"),
    [
        ("true", "P0001", "boom", "boom"),
        ("true", "08006", "the server went away", "the server went away"),
        ("true", "57014", STATEMENT_TIMEOUT, STATEMENT_TIMEOUT),
        ("p_limit > 6", "57014", STATEMENT_TIMEOUT, None),
        ("p_limit > 6", "57014", "canceling statement due to user request", "canceling statement due to user request"),
        ("p_limit > 6", "40001", "again", "again"),
        ("p_seed <> 's'", "P0001", "the second attempt", None),
    ],
)
def test_what_a_failure_of_the_ranking_becomes(
    swiper: Swiper, when: str, state: str, message: str, failed: str | None
) -> None:
    """Asked again with the plain limit after a statement timeout, and only then; a failed fill is nobody's business."""
    away = f"public.{DECK}(uuid, integer, text, text, text)"
    swiper.sql(f"alter function {away} rename to deck_away")
    swiper.sql(FAILING.format(when=when, state=state, message=message))
    try:
        swiper.forget()
        body = {"sessionId": SESSION, "limit": 6, "seed": "s", "mode": "trending"}
        reply = swiper.person.call("media-swipe-deck", body)
    finally:
        swiper.sql(f"drop function {away}")
        swiper.sql(f"alter function public.deck_away(uuid, integer, text, text, text) rename to {DECK}")
    if failed is None:
        assert (reply.status_code, len(reply.json()["cards"])) == (200, 6)
    else:
        assert (reply.status_code, reply.json()) == (500, {"ok": False, "code": "RPC_FAILED", "message": failed})
