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

ALONE = "account"
"""The area of what everything else stands on."""

AREAS: Mapping[str, tuple[str, ...]] = {
    ALONE: (
        "app_settings",
        "experiments",
        "onboarding_*",
        "own_preferences",
        "own_profile",
        "own_profile_public",
        "presence",
        "profile_names",
        "sign_*",
        "token_refresh",
        "user",
        "user_update",
        "realtime:join",
        "realtime:system",
        "realtime:heartbeat",
    ),
    "events": ("swipe_events", "title_event"),
    "decks": ("background_deck", "home_deck", "landing_*", "swipe_deck"),
    "titles": (
        "catalog_sync_batch",
        "library_*",
        "own_rating",
        "rating_write",
        "review_write",
        "title_detail",
        "title_feedback",
        "title_page",
        "title_preview",
        "title_ra*",
        "title_reviews",
    ),
    "social": ("diary_stats", "follow", "friends_watching", "home_feed", "own_stats", "people_*", "unfollow"),
    "search": ("media_search", "search_titles", "tmdb_*"),
    "assistant": ("assistant_*", "suggestion_shown"),
    "messages": (
        "attachment_*",
        "avatar_sign",
        "blocked_check",
        "conversation_list*",
        "create_direct_conversation",
        "last_active",
        "message_*",
        "messages_*",
        "prefs_*",
        "profiles_public",
    ),
    "receipts": ("delivery_*", "mark_*", "react", "reactions_poll", "read_*", "unreact"),
    "live": ("realtime:message*", "realtime:presence", "realtime:typing", "typing_broadcast"),
}

STORED: Mapping[str, str] = {
    **dict.fromkeys(("I01", "I02", "I03", "I04", "I05", "I06", "I51", "I53", "I63", "event day"), "events"),
    **dict.fromkeys(("I09", "I10", "I11", "I12", "I13", "foreign decks"), "decks"),
    **dict.fromkeys(("I18", "I19 lost", "I19 refused", "I52", "I54", "I58", "I64", "order"), "messages"),
    **dict.fromkeys(("I20", "I21", "I22", "unknown messages"), "messages"),
    **dict.fromkeys(("I23", "I24", "I25", "I26", "I27", "I28", "I55", "I56", "I57"), "receipts"),
    **dict.fromkeys(("I30", "I60", "I61", "I62", "I66"), "titles"),
    "I59": "social",
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
