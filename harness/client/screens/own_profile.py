"""Who one is, as the app's frame and the home screen show it: three requests in a row (contract 10.1 row 5)."""

from __future__ import annotations

from harness.client.api.calls import OWN_PREFERENCES, OWN_PROFILE, OWN_PROFILE_PUBLIC, OWN_STATS
from harness.client.api.shapes import rows as counted
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.avatars import Avatars
from harness.client.screens.reading import AGAIN_AFTER_S, one, texts
from harness.core.outcome import Outcome

PREFERENCES = Rules(stale_s=300.0)


def own_profile(phone: Device) -> CachedQuery[bool]:
    """The profile, its mark of verification, its figures. No profile is a failure; the mark may be missing."""
    return CachedQuery(("profile", "current", phone.user_id), lambda: _fetch(phone), again_after_s=AGAIN_AFTER_S)


async def _fetch(phone: Device) -> Fetched[bool]:
    profile = await one(phone, OWN_PROFILE, phone.user_id)
    if not profile.value:
        return Fetched(profile.outcome if profile.value is None else Outcome.SOFT_FAILURE)
    await Avatars.of(phone).resolve(texts([profile.value], "avatar_url"))
    for call in (OWN_PROFILE_PUBLIC, OWN_STATS):
        fetched = await one(phone, call, phone.user_id)
        if fetched.value is None:
            return Fetched(fetched.outcome)
    return Fetched(Outcome.OK, True)


def preferences(phone: Device) -> CachedQuery[int]:
    """Whether the assistant may give hints. A failure counts as yes."""

    async def fetch() -> Fetched[int]:
        reading = await phone.api.request(OWN_PREFERENCES, phone.user_id)
        return Fetched(Outcome.OK, counted(reading.data) or 0)

    return CachedQuery(("assistant", "prefs", phone.user_id), fetch, PREFERENCES)
