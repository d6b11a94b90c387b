"""How many rows a request wrote, as far as its reply tells: the contract's amplification, sections 3.5 and 8.2. (pure)

Counted are rows that the target inserted or updated for what the reply acknowledged: by the request itself, its
triggers, and one upsert of the limiter for a rated edge call. What the target does later on its own account (rollups,
taste vectors) is not known here and not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.client.api.classify import Reading

DECKS = frozenset(("background_deck", "landing_deck", "home_deck", "swipe_deck", "onboarding_deck"))
EVENTS = frozenset(("swipe_events", "title_event"))
RATED = 1  # upsert of `rate_limits` (7.3)

ROWS: Mapping[str, int] = {
    "sign_in": 3,  # refresh token, session, its user's last sign-in: platform knowledge
    "token_refresh": 3,
    "sign_up": 6,  # user, token, session; profile, preferences, stats by trigger (1.4)
    "user_update": 1,
    "profile_names": 1,
    "presence": 1,
    "media_search": RATED,
    "tmdb_configuration": RATED,
    "tmdb_search": RATED,
    "tmdb_external_ids": RATED,
    "assistant_suggestions": RATED,
    "suggestion_shown": RATED,
    "assistant_reply": 3 + RATED,  # the answer, its conversation; the job was written with the question
    "library_write": 2,  # the entry, and the feed's row by trigger: at most
    "library_delete": 1,
    "catalogue_upsert": 1,
    "follow": 1,
    "unfollow": 1,
    "message_send": 2,  # the message, and its conversation by trigger
    "message_edit": 1,
    "message_delete": 1,
    "delivery_receipt": 1,
    "read_receipt": 1,
    "mark_read": 1,
    "prefs_write": 1,
    "prefs_delete": 1,
    "react": 1,
    "unreact": 1,
    "create_direct_conversation": 3,  # the conversation and two members; on reuse fewer
    "attachment_upload": 1,
    "attachment_remove": 1,
}


def rows_written(call: str, reading: Reading) -> int:
    """Of one answered request; 0 for reads and for what was refused."""
    if call in DECKS:
        return _deck(reading.data) if reading.outcome.good else 0
    if call in EVENTS:
        return _events(reading.data)
    return ROWS.get(call, 0) if reading.outcome.good else 0


def _deck(data: Any) -> int:
    """An impression and a feature row a card, the request's own, the limiter's."""
    cards = data.get("cards") if isinstance(data, dict) else None
    return 2 * len(cards) + 1 + RATED if isinstance(cards, list) else RATED


def _events(data: Any) -> int:
    """A row an accepted event, and the limiter's, whatever the answer says."""
    accepted = data.get("acceptedClientEventIds") if isinstance(data, dict) else None
    return (len(accepted) if isinstance(accepted, list) else 0) + RATED
