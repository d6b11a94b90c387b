"""Search: as people type, and what one settled query fans out to (contract 6.2-6.4, 10.2).

The field waits 250 ms for the next key; what stands there then, if it has two characters, is one query:

    media-search        once; when it fails, the same question to the table itself
    tmdb-proxy          /search/multi once, then /<kind>/<id>/external_ids for up to 20 titles at once
    catalog-sync-batch  once, for up to five titles that the catalogue did not know

None of these failures fails the search, and the next settled query aborts the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from harness.client.api import shapes
from harness.client.api.calls import (
    CATALOG_SYNC_BATCH,
    MEDIA_SEARCH,
    PEOPLE_FOLLOWED,
    PEOPLE_SEARCH,
    PEOPLE_STATS,
    SEARCH_TITLES,
    TMDB_EXTERNAL_IDS,
    TMDB_SEARCH,
)
from harness.client.api.shapes import External, SearchHit
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import SEARCH
from harness.client.device import Device
from harness.client.screens.browse.suggestions import show_suggestions
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

DEBOUNCE_S = 0.25
SHORTEST = 2
RESULTS = 20
SYNCED = 5


@dataclass(frozen=True, slots=True)
class Settled:
    """A text that stood still for long enough. `after_s` from the first key; `final` when typing was over."""

    text: str
    after_s: float
    final: bool


def settled(text: str, gaps_s: Sequence[float]) -> list[Settled]:
    """Which texts a debounced field lets through while `text` is typed; `gaps_s` before each key but the first."""
    if len(gaps_s) != max(0, len(text) - 1):
        raise ValueError(f"{len(text)} keys have {max(0, len(text) - 1)} gaps between them, not {len(gaps_s)}")
    found, at = [], 0.0
    for typed in range(1, len(text) + 1):
        final = typed == len(text)
        gap = DEBOUNCE_S if final else gaps_s[typed - 1]
        if gap >= DEBOUNCE_S and len(text[:typed].strip()) >= SHORTEST:
            found.append(Settled(text[:typed].strip(), at + DEBOUNCE_S, final))
        at += gap
    return found


class Search(Screen):
    """One visit to the search screen."""

    name = "search"

    def __init__(self, phone: Device) -> None:
        super().__init__(phone)
        self._shown_query: CachedQuery[list[SearchHit]] | None = None

    def open(self) -> None:
        """Tap the field."""
        self.opens()
        show_suggestions(self, "search")

    async def type(self, text: str, gaps_s: Sequence[float]) -> list[SearchHit]:
        """Type; the titles found for the whole text, empty when it is too short or nothing came.

        The operation runs from the last key to results on screen, the debounce included.
        """
        begun = self.phone.now()
        for step in settled(text, gaps_s):
            await self.phone.pause(max(0.0, begun + step.after_s - DEBOUNCE_S - self.phone.now()))
            if step.final:
                return await self._final(step.text)
            await self.phone.pause(DEBOUNCE_S)
            self._ask(step.text, final=False)
        return []

    async def _final(self, text: str) -> list[SearchHit]:
        with self.phone.notes.operation("search") as operation:
            await self.phone.pause(DEBOUNCE_S)
            fetched = await self.phone.page.queries.settled(self._ask(text, final=True))
            operation.ends(fetched.outcome)
        return fetched.value or []

    def _ask(self, text: str, *, final: bool) -> CachedQuery[list[SearchHit]]:
        self.phone.notes.did(UserAction.QUERY, text, number=int(final))
        if self._shown_query is not None:
            if self._shown_query.key == ("search", "titles", text):
                return self._shown_query  # nothing changed: the app asks for what it shows already
            self.unmount(self._shown_query)
        query = CachedQuery(("search", "titles", text), lambda: _search(self.phone, text), SEARCH, abortable=True)
        self._shown_query = query
        self.mount(query)
        return query

    async def people(self, text: str) -> list[str]:
        """The people tab. As shipped nobody may read other people's public profiles, so it stays empty (trap T20)."""
        self.phone.notes.did(UserAction.PEOPLE, text)
        with self.phone.notes.operation("people_search") as operation:
            fetched = await self.show(
                CachedQuery(("search", "people", text), lambda: _people(self.phone, text), SEARCH)
            )
            operation.ends(fetched.outcome)
        return fetched.value or []


async def _search(phone: Device, text: str) -> Fetched[list[SearchHit]]:
    body = {"query": text, "page": 1, "limit": RESULTS, "filters": {}}
    own = Fetched.of(await phone.api.request(MEDIA_SEARCH, body=body), shapes.found_titles)
    if own.value is None:
        own = Fetched.of(await phone.api.request(SEARCH_TITLES, quote(text, safe="")), shapes.found_titles)
    phone.notes.did(UserAction.RESULTS, text, number=len(own.value or ()))
    body = {"path": "/search/multi", "params": {"query": text, "include_adult": "false", "page": 1}}
    external = shapes.external_titles((await phone.api.request(TMDB_SEARCH, body=body)).data)
    phone.notes.did(UserAction.FOUND, text, number=len(external))
    imdb_ids = await asyncio.gather(*(_imdb_id(phone, title) for title in external))
    known = {title.tmdb for title in own.value or ()}
    unknown = [pair for pair in zip(external, imdb_ids, strict=True) if pair[0].tmdb not in known]
    phone.notes.did(UserAction.UNKNOWN, text, number=len(unknown))
    if unknown:
        await phone.api.request(CATALOG_SYNC_BATCH, body=_batch(unknown[:SYNCED]))
    return Fetched(Outcome.OK, own.value or [])


async def _imdb_id(phone: Device, title: External) -> str | None:
    body = {"path": f"/{title.kind}/{title.tmdb}/external_ids", "params": {}}
    return shapes.imdb_id((await phone.api.request(TMDB_EXTERNAL_IDS, body=body)).data)


def _batch(titles: list[tuple[External, str | None]]) -> dict[str, object]:
    return {
        "items": [
            {"tmdbId": title.tmdb, "imdbId": imdb, "contentType": "series" if title.kind == "tv" else "movie"}
            for title, imdb in titles
        ],
        "options": {"syncOmdb": True, "forceRefresh": False},
    }


async def _people(phone: Device, text: str) -> Fetched[list[str]]:
    found = Fetched.of(await phone.api.request(PEOPLE_SEARCH, quote(text, safe="")), shapes.people)
    phone.notes.did(UserAction.FOUND_PEOPLE, number=len(found.value or ()))
    if found.value:
        await asyncio.gather(
            phone.api.request(PEOPLE_STATS, ",".join(found.value)), phone.api.request(PEOPLE_FOLLOWED, phone.user_id)
        )
    return found
