"""No more rows than were asked for (I42). (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation

LIMITS: Mapping[str, int] = {
    "messages_poll": 40,
    "messages_older": 40,
    "title_reviews": 2,
    "landing_titles": 10,
    "search_titles": 20,
    "trending_titles": 60,
    "public_lists": 6,
    "list_items": 36,
    "suggested_ratings": 40,
    "suggested_stats": 60,
    "suggested_profiles": 40,
    "suggested_overlap": 2000,
    "stories_followed": 40,
    "stories_lists": 240,
    "stories_items": 400,
    "library_list": 500,
    "recent_watched": 1,
    "hero_details": 1,
    "seed_title": 1,
    "people_search": 20,
    "prefs_probe": 1,
    "own_profile": 1,
    "own_profile_public": 1,
    "own_stats": 1,
    "own_preferences": 1,
    "title_detail": 1,
    "title_preview": 1,
    "title_page": 1,
    "library_entry": 1,
    "own_rating": 1,
    "title_feedback": 1,
    "last_active": 1,
}
"""Of the paths: `limit=`, or one row by its key."""
DECKS = frozenset(("background_deck", "landing_deck", "home_deck", "swipe_deck", "onboarding_deck"))
FEEDS = frozenset(("home_feed", "friends_watching"))
FEED_LIMIT = 200


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.call in LIMITS:
        limit, came = LIMITS[reply.call], len(reply.rows)
    else:
        asked = reply.asked("p_limit" if reply.call in FEEDS else "limit")
        if type(asked) is not int or asked < 1:
            return 0
        if reply.call in FEEDS:
            limit, came = min(asked, FEED_LIMIT) + 1, len(reply.rows)  # one more says that there is more (contract 4)
        else:
            items = reply.data.get("cards" if reply.call in DECKS else "results") if type(reply.data) is dict else None
            limit, came = asked, len(items) if type(items) is list else 0
    if came > limit:
        found.append(ReadViolation(ReadSeverity.WRONG, "", f"asked for at most {limit} rows, got {came}"))
    return 1


ASKED_MANY = ReadRule("asked-many", frozenset(LIMITS) | DECKS | FEEDS | {"media_search"}, _check)
