"""Whom one might follow: the people with the most followers, by what they rated alike (contract 6.7)."""

from __future__ import annotations

from harness.client.api.calls import (
    PEOPLE_FOLLOWED,
    SUGGESTED_OVERLAP,
    SUGGESTED_PROFILES,
    SUGGESTED_RATINGS,
    SUGGESTED_STATS,
)
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.avatars import Avatars
from harness.client.screens.reading import AGAIN_AFTER_S, joined, rows, texts
from harness.core.outcome import Outcome

CANDIDATES = 40
FAVOURITES = 30
"""Of the own ratings, best first, so many titles are compared."""
FEWEST_FAVOURITES = 5
SUGGESTED = Rules(stale_s=300.0, gc_s=1800.0)


def suggested_people(phone: Device, visit: int) -> CachedQuery[int]:
    """How many came. Only the profiles' own failure fails it."""
    return CachedQuery(
        ("suggested-people", str(visit), phone.user_id), lambda: _fetch(phone), SUGGESTED, again_after_s=AGAIN_AFTER_S
    )


async def _fetch(phone: Device) -> Fetched[int]:
    me = phone.user_id
    followed = texts((await rows(phone, PEOPLE_FOLLOWED, me)).value or (), "followed_id")
    rated = (await rows(phone, SUGGESTED_RATINGS, me)).value or ()
    favourites = texts([row for row in rated if isinstance(row.get("rating"), int | float)][:FAVOURITES], "title_id")
    popular = texts((await rows(phone, SUGGESTED_STATS)).value or (), "user_id")
    known = {me, *followed}
    candidates = [person for person in popular if person not in known][:CANDIDATES]
    if not candidates:
        return Fetched(Outcome.OK, 0)
    profiles = await rows(phone, SUGGESTED_PROFILES, joined(candidates))
    if profiles.value is None:
        return Fetched(profiles.outcome)
    if len(favourites) >= FEWEST_FAVOURITES:
        await rows(phone, SUGGESTED_OVERLAP, joined(candidates), joined(favourites))
    await Avatars.of(phone).resolve(texts(profiles.value, "avatar_url"))
    return Fetched(Outcome.OK, len(profiles.value))
