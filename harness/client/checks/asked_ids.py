"""Rows are those whose ids were asked for (I42). (pure)

Filters of the paths: `harness.client.api.calls` and `chat_calls`; arguments of functions: contract 3.3, 6.2, 6.5, 6.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, listed, text
from harness.core.read_log import ReadSeverity, ReadViolation

Wanted = Callable[[CheckedReply], frozenset[Any]]


def _one(place: int) -> Wanted:
    return lambda reply: frozenset((reply.arguments[place],))


def _many(place: int) -> Wanted:
    return lambda reply: listed(reply.arguments[place])


COLUMNS: Mapping[str, tuple[str, Wanted]] = {
    "title_detail": ("id", _one(0)),
    "title_preview": ("id", _one(0)),
    "title_page": ("id", _one(0)),
    "title_reviews": ("title_id", _one(0)),
    "title_rating_summary": ("title_id", lambda reply: frozenset((reply.asked("p_title_id"),))),
    "last_active": ("id", _one(0)),
    "profiles_public": ("id", _many(0)),
    "people_stats": ("user_id", _many(0)),
    "delivery_receipts_poll": ("message_id", _many(1)),
    "title_reviewers": ("id", _many(0)),
    "profile_cards": ("id", _many(0)),
    "suggested_profiles": ("id", _many(0)),
    "suggested_overlap": ("user_id", _many(0)),
    "list_items": ("list_id", _many(0)),
    "stories_lists": ("user_id", _many(0)),
    "stories_items": ("list_id", _many(0)),
    "trending_media": ("id", _many(0)),
    "library_titles": ("id", _many(0)),
    "library_statuses": ("title_id", _many(1)),
    "own_ratings": ("title_id", _many(1)),
    "hero_details": ("id", _one(0)),
    "seed_title": ("id", _one(0)),
    "landing_titles": ("kind", lambda _: frozenset(("movie", "series"))),
}


EXTERNAL = "tmdb_external_ids"


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.call == EXTERNAL:
        return _external(reply, found)
    column, wanted = COLUMNS[reply.call]
    asked = wanted(reply)
    for row in reply.rows:
        value = row.get(column)
        if type(value) is not str or value not in asked:
            shown = next(iter(asked)) if len(asked) == 1 else f"one of {len(asked)}"
            detail = f"asked for {column} {shown}, got {text(value)}"
            found.append(ReadViolation(ReadSeverity.WRONG, text(value), detail))
    return len(reply.rows)


def _external(reply: CheckedReply, found: list[ReadViolation]) -> int:
    """TMDb says whose ids it lists; the path that was asked for, as `/movie/7/external_ids`, does so too."""
    body, path = reply.data.get("data") if type(reply.data) is dict else None, reply.asked("path")
    came = body.get("id") if type(body) is dict else None
    if type(came) is not int or type(path) is not str:
        return 0
    if f"/{came}/" not in path:
        found.append(ReadViolation(ReadSeverity.WRONG, str(came), f"asked for {path}, got the ids of TMDb's {came}"))
    return 1


ASKED_IDS = ReadRule("asked-ids", frozenset(COLUMNS) | {EXTERNAL}, _check)
