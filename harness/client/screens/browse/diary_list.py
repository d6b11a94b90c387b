"""The whole library as the home screen shows it: entries, then their titles, then how one rated them (contract 6.7)."""

from __future__ import annotations

from harness.client.api.calls import LIBRARY_LIST, LIBRARY_TITLES, OWN_RATINGS
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.device import Device
from harness.client.screens.reading import AGAIN_AFTER_S, joined, rows, texts
from harness.core.outcome import Outcome


def diary_list(phone: Device) -> CachedQuery[int]:
    """How many entries. Titles and ratings may fail without failing it."""
    return CachedQuery(("diary", "library", phone.user_id), lambda: _fetch(phone), again_after_s=AGAIN_AFTER_S)


async def _fetch(phone: Device) -> Fetched[int]:
    entries = await rows(phone, LIBRARY_LIST, phone.user_id)
    if entries.value is None:
        return Fetched(entries.outcome)
    if titles := joined(texts(entries.value, "title_id")):
        await rows(phone, LIBRARY_TITLES, titles)
        await rows(phone, OWN_RATINGS, phone.user_id, titles)
    return Fetched(Outcome.OK, len(entries.value))
