"""Finding people by name: profiles, their figures, whom one follows, one after another (contract 6.7)."""

from __future__ import annotations

from urllib.parse import quote

from harness.client.api.calls import PEOPLE_FOLLOWED, PEOPLE_SEARCH, PEOPLE_STATS
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.avatars import Avatars
from harness.client.screens.reading import AGAIN_AFTER_S, joined, rows, texts
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

PEOPLE = Rules(stale_s=900.0, gc_s=1800.0, on_focus=False)


def find_people(phone: Device, text: str) -> CachedQuery[list[str]]:
    """Ids of those found. Only the profiles' own failure fails it; the next text aborts it."""
    name = text.strip().lstrip("@")
    return CachedQuery(
        ("search", "people", name, phone.user_id),
        lambda: _fetch(phone, name),
        PEOPLE,
        again_after_s=AGAIN_AFTER_S,
        abortable=True,
    )


async def _fetch(phone: Device, name: str) -> Fetched[list[str]]:
    escaped = name.replace("%", "\\%").replace("_", "\\_")
    found = await rows(phone, PEOPLE_SEARCH, quote(escaped, safe=""))
    if found.value is None:
        return Fetched(found.outcome)
    people = texts(found.value, "id")
    phone.notes.did(UserAction.FOUND_PEOPLE, name, number=len(people))
    if people:
        await rows(phone, PEOPLE_STATS, joined(people))
    await rows(phone, PEOPLE_FOLLOWED, phone.user_id)
    await Avatars.of(phone).resolve(texts(found.value, "avatar_url"))
    return Fetched(Outcome.OK, people)
