"""Parts of the app whose verdicts do not touch, so that a run can hold one mutant of each. (pure)

Who is told apart in such a run is told by name: a row of the catch-all by its operation or call, a rule of reading by
the call whose reply broke it, a rule of stored rows by the part of the app that writes them. Sign-in and what else
everybody needs first is alone in its run, because nothing behind it would happen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from harness.prove.mutants.catalogue import Mutant

ALONE = "signing in"
"""The area of what everything else stands on."""

AREAS: Mapping[str, tuple[str, ...]] = {
    ALONE: ("own_profile", "sign_in", "token_refresh", "user"),
    "newcomers": ("onboarding_*", "profile_names", "sign_up", "user_update"),
    "opening": ("app_settings", "experiments", "own_preferences", "own_profile_public", "presence"),
    "events": ("swipe_events", "title_event"),
    "decks": ("background_deck", "home_deck", "landing_*", "swipe_deck", "trending_*"),
    "titles": (
        *("hero_details", "seed_title", "title_detail", "title_feedback", "title_page", "title_preview", "title_ra*"),
        *("title_reviewers", "title_reviews"),
    ),
    "library": (
        *("catalog_sync_batch", "catalogue_upsert", "library_*", "own_rating", "own_ratings", "rating_write"),
        *("recent_watched", "review_write"),
    ),
    "feed": ("diary_stats", "friends_watching", "home_feed", "own_stats"),
    "people": ("follow", "friend_count", "people_*", "profile_cards", "suggested_*", "unfollow"),
    "lists": ("list_items", "public_lists", "stories_*"),
    "search": ("media_search", "search_titles", "tmdb_*"),
    "assistant": ("assistant_*", "suggestion_shown"),
    "messages": ("attachment_*", "message_*", "messages_*"),
    "chats": (
        "avatar_sign",
        "blocked_check",
        "conversation_list*",
        "create_direct_conversation",
        "last_active",
        "prefs_*",
        "profiles_public",
    ),
    "receipts": ("delivery_*", "mark_*", "react", "reactions_poll", "read_*", "unreact"),
    "live": ("realtime:*", "typing_broadcast"),
}

STORED: Mapping[str, str] = {
    **dict.fromkeys(("I01", "I02", "I03", "I04", "I05", "I06", "I51", "I53", "I63"), "events"),
    **dict.fromkeys(("event day", "left offline"), "events"),
    **dict.fromkeys(("I09", "I10", "I11", "I12", "I13", "foreign decks"), "decks"),
    **dict.fromkeys(("I18", "I19 lost", "I19 refused", "I52", "I54", "I58", "I64", "order"), "messages"),
    **dict.fromkeys(("I20", "I21", "I22"), "chats"),
    **dict.fromkeys(("I23", "I24", "I25", "I26", "I27", "I28", "I55", "I56", "I57"), "receipts"),
    **dict.fromkeys(("I30", "I60", "I61", "I62", "I66"), "library"),
    "I59": "people",
    "I59 dated": "people",
    "last seen": "opening",
    "I73": "chats",
    "I74": "feed",
    "I75": "assistant",
    "assistant typing": "assistant",
    "I76": "opening",
    "I77": "messages",
    "I78": "messages",
    "I79": "lists",
    "I81": "receipts",
    "delivery": "live",
}
"""Rules of stored rows: the area of the calls that write these rows. Rules about several areas are left out."""


def area(place: str) -> str:
    """Of a call or channel. :raises KeyError: a name that no area has."""
    for name, patterns in AREAS.items():
        if any(fnmatchcase(place, pattern) for pattern in patterns):
            return name
    raise KeyError(place)


def groups(mutants: Iterable[Mutant], together: int) -> tuple[tuple[Mutant, ...], ...]:
    """At most `together` in each, no two of one area, those of `ALONE` by themselves; the largest groups first."""
    waiting: dict[str, list[Mutant]] = {}
    for one in mutants:
        waiting.setdefault(area(one.place.name), []).append(one)
    found: list[tuple[Mutant, ...]] = [(one,) for one in waiting.pop(ALONE, [])]
    while any(waiting.values()):
        fullest = sorted((name for name in waiting if waiting[name]), key=lambda name: -len(waiting[name]))
        found.append(tuple(waiting[name].pop(0) for name in fullest[: max(1, together)]))
    return tuple(sorted(found, key=lambda group: -len(group)))


def dealt(mutants: Sequence[Mutant], sample: int, seed: int) -> tuple[Mutant, ...]:
    """So many of them, from all places by turns; which of a place's, and which place first, by the seed."""
    dice = random.Random(seed)
    places: dict[str, list[Mutant]] = {}
    for one in mutants:
        places.setdefault(one.place.name, []).append(one)
    for own in places.values():
        dice.shuffle(own)
    order = sorted(places)
    dice.shuffle(order)
    found: list[Mutant] = []
    while len(found) < sample and any(places.values()):
        found += [places[name].pop() for name in order if places[name]]
    return tuple(found[:sample])
