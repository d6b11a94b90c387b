"""Stories above the home screen: each followed person's newest list with its first title's poster (contract 10.2)."""

from __future__ import annotations

import re
from typing import Any

from harness.client.api.calls import LIBRARY_TITLES, PROFILE_CARDS, STORIES_FOLLOWED, STORIES_ITEMS, STORIES_LISTS
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.avatars import Avatars
from harness.client.screens.reading import AGAIN_AFTER_S, joined, rows, texts
from harness.core.outcome import Outcome

PEOPLE = 41
STORIES = Rules(stale_s=30.0)
_TOP = re.compile(r"top\s+movies", re.IGNORECASE)


def stories(phone: Device) -> CachedQuery[int]:
    """How many people were asked about. Whom one follows, their profiles and lists may fail it; posters may not."""
    return CachedQuery(("home", "stories", phone.user_id), lambda: _fetch(phone), STORIES, again_after_s=AGAIN_AFTER_S)


async def _fetch(phone: Device) -> Fetched[int]:
    me = phone.user_id
    followed = await rows(phone, STORIES_FOLLOWED, me)
    if followed.value is None:
        return Fetched(followed.outcome)
    people = list(dict.fromkeys((me, *texts(followed.value, "followed_id"))))[:PEOPLE]
    profiles = await rows(phone, PROFILE_CARDS, joined(people))
    if profiles.value is None:
        return Fetched(profiles.outcome)
    await Avatars.of(phone).resolve(texts(profiles.value, "avatar_url"))
    lists = await rows(phone, STORIES_LISTS, joined(people))
    if lists.value is None:
        return Fetched(lists.outcome)
    if shown := primary_lists(lists.value, people, me):
        items = (await rows(phone, STORIES_ITEMS, joined(shown))).value or []
        if covers := first_titles(items):
            await rows(phone, LIBRARY_TITLES, joined(covers))
    return Fetched(Outcome.OK, len(people))


def primary_lists(lists: list[dict[str, Any]], people: list[str], me: str) -> list[str]:
    """The list of each person that is shown, newest first: the one of their top movies, else the first one. (pure)

    Of others only public ones count.
    """
    chosen = []
    for person in people:
        theirs = [row for row in lists if row.get("user_id") == person and (person == me or row.get("is_public"))]
        top = [row for row in theirs if isinstance(name := row.get("name"), str) and _TOP.search(name)]
        chosen += texts((top or theirs)[:1], "id")
    return list(dict.fromkeys(chosen))


def first_titles(items: list[dict[str, Any]]) -> list[str]:
    """The first title of each list. (pure)"""
    covers: dict[str, str] = {}
    for row in items:
        of, title = row.get("list_id"), row.get("title_id")
        if isinstance(of, str) and isinstance(title, str):
            covers.setdefault(of, title)
    return list(dict.fromkeys(covers.values()))
