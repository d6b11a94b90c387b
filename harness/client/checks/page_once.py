"""A list holds each row once (I43). (pure) The keys: contract 8.1."""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, text
from harness.core.read_log import ReadSeverity, ReadViolation

KEYS: Mapping[str, str] = {
    "conversation_list": "conversation_id",
    "conversation_list_v1": "conversation_id",
    "read_receipts_poll": "user_id",
    "delivery_receipts_poll": "id",
    "reactions_poll": "id",
    "title_reviews": "id",
    "landing_titles": "id",
    "search_titles": "id",
    "trending_titles": "media_item_id",
    "trending_media": "id",
    "public_lists": "id",
    "profile_cards": "id",
    "suggested_stats": "user_id",
    "suggested_profiles": "id",
    "stories_followed": "followed_id",
    "stories_lists": "id",
    "library_list": "title_id",
    "library_titles": "id",
    "library_statuses": "title_id",
    "own_ratings": "title_id",
    "title_reviewers": "id",
    "people_search": "id",
    "people_stats": "user_id",
    "people_followed": "followed_id",
    "profiles_public": "id",
    "media_search": "id",
}


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    column, rows = KEYS[reply.call], reply.rows
    if reply.call == "media_search":
        results = reply.data.get("results") if type(reply.data) is dict else None
        rows = [row for row in results if type(row) is dict] if type(results) is list else []
    ids = [id_ for row in rows if type(id_ := row.get(column)) is str]
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        for id_ in ids:
            if id_ in seen:
                found.append(ReadViolation(ReadSeverity.WRONG, text(id_), f"{column} {id_} comes twice"))
            seen.add(id_)
    return len(rows)


PAGE_ONCE = ReadRule("page-once", frozenset(KEYS), _check)
