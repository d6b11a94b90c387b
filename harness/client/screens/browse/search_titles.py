"""Finding titles: in the catalogue and at TMDb, and what a titles chip does about those found (contract 6.2-6.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.client.api import shapes
from harness.client.api.calls import (
    CATALOG_SYNC_BATCH,
    CATALOGUE_UPSERT,
    LIBRARY_STATUSES,
    MEDIA_SEARCH,
    OWN_RATINGS,
    SEARCH_TITLES,
    TMDB_EXTERNAL_IDS,
    TMDB_SEARCH,
)
from harness.client.api.shapes import External, SearchHit
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import SEARCH, Rules
from harness.client.device import Device
from harness.client.screens.reading import AGAIN_AFTER_S, joined, part, rows
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

RESULTS = 20
SYNCED = 5
UNSCORED = 3
"""Titles without a score that one answer writes into the catalogue, at most."""
NOTED_AT_ONCE = 200
LANGUAGE = "en-US"
"""The app's language, as TMDb is asked in it."""
NOTED = Rules(stale_s=20.0, gc_s=3600.0, on_focus=False)
_KINDS = (None, "movie", "series")
"""Shown with the chip "All"; the catalogue knows more."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A title that TMDb knows and the catalogue did not answer. id: of its row, once the batch has made one."""

    title: External
    imdb: str | None
    id: str | None

    @property
    def kind(self) -> str:
        """As the catalogue calls it."""
        return "series" if self.title.kind == "tv" else "movie"


@dataclass(frozen=True, slots=True)
class FoundTitles:
    """What one query brought, in the order in which it is shown."""

    own: tuple[SearchHit, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Of everything that has a row in the catalogue."""
        every = [hit.title for hit in self.own] + [one.id for one in self.elsewhere if one.id]
        return list(dict.fromkeys(every))[:NOTED_AT_ONCE]


def find_titles(phone: Device, text: str, chip: str) -> CachedQuery[FoundTitles]:
    """The titles for a text, with a chip. Never a failure; aborted when another text or chip is on screen."""
    return CachedQuery(("search", "titles", text, chip), lambda: _fetch(phone, text, chip), SEARCH, abortable=True)


async def _fetch(phone: Device, text: str, chip: str) -> Fetched[FoundTitles]:
    told = text if chip == "all" else f"{chip}: {text}"
    own = await _own(phone, text, chip)
    phone.notes.did(UserAction.RESULTS, told, number=len(own))
    params = {"language": LANGUAGE, "query": text, "include_adult": False, "page": 1}
    reading = await phone.api.request(TMDB_SEARCH, body={"path": "/search/multi", "params": params})
    external = shapes.external_titles(reading.data)
    phone.notes.did(UserAction.FOUND, told, number=len(external))
    imdb_ids = await asyncio.gather(*(_imdb_id(phone, title) for title in external))
    numbers, imdbs = {hit.tmdb for hit in own}, {hit.imdb for hit in own if hit.imdb}
    unknown = [
        pair for pair in zip(external, imdb_ids, strict=True) if pair[0].tmdb not in numbers and pair[1] not in imdbs
    ]
    phone.notes.did(UserAction.UNKNOWN, told, number=len(unknown))
    synced: dict[tuple[str, int], str] = {}
    if unknown:
        synced = shapes.synced_titles((await phone.api.request(CATALOG_SYNC_BATCH, body=_batch(unknown[:SYNCED]))).data)
    elsewhere = (Elsewhere(title, imdb, None) for title, imdb in unknown)
    rowed = tuple(Elsewhere(one.title, one.imdb, synced.get((one.kind, one.title.tmdb))) for one in elsewhere)
    return Fetched(Outcome.OK, FoundTitles(tuple(own), rowed))


async def _own(phone: Device, text: str, chip: str) -> list[SearchHit]:
    body: dict[str, Any] = {"query": text, "page": 1, "limit": RESULTS, "filters": {"type": chip}}
    if not phone.settings.rerank:
        body["skipRerank"] = True
    own = Fetched.of(await phone.api.request(MEDIA_SEARCH, body=body), shapes.found_titles)
    if own.value is None:
        kind = "" if chip == "all" else f"&kind=eq.{chip}"
        own = Fetched.of(await phone.api.request(part(SEARCH_TITLES), quote(text, safe=""), kind), shapes.found_titles)
    return [hit for hit in own.value or () if chip != "all" or hit.kind in _KINDS]


async def _imdb_id(phone: Device, title: External) -> str | None:
    body = {"path": f"/{title.kind}/{title.tmdb}/external_ids", "params": {"language": LANGUAGE}}
    return shapes.imdb_id((await phone.api.request(TMDB_EXTERNAL_IDS, body=body)).data)


def _batch(titles: list[tuple[External, str | None]]) -> dict[str, object]:
    return {
        "items": [
            {"tmdbId": title.tmdb, "imdbId": imdb, "contentType": "series" if title.kind == "tv" else "movie"}
            for title, imdb in titles
        ],
        "options": {"syncOmdb": True, "forceRefresh": False},
    }


def noted_about(phone: Device, titles: list[str]) -> CachedQuery[int]:
    """What the person noted about these: library entries and ratings at once; how many rows."""
    asked = joined(titles)

    async def fetch() -> Fetched[int]:
        both = await asyncio.gather(
            rows(phone, LIBRARY_STATUSES, phone.user_id, asked), rows(phone, OWN_RATINGS, phone.user_id, asked)
        )
        for fetched in both:
            if fetched.value is None:
                return Fetched(fetched.outcome)
        return Fetched(Outcome.OK, sum(len(fetched.value or ()) for fetched in both))

    key = ("search", "titleDiaryBulk", phone.user_id, ",".join(sorted(titles)))
    return CachedQuery(key, fetch, NOTED, again_after_s=AGAIN_AFTER_S)


async def write_unscored(phone: Device, found: FoundTitles, written: set[str]) -> None:
    """Write up to three titles without a score, one after another; `written` are those that this visit has had."""
    rows_due: list[dict[str, object]] = []
    due = 0
    for hit in found.own:
        key = hit.title
        if due < UNSCORED and key not in written and (hit.imdb or hit.tmdb) and not hit.scored:
            due += 1
            written.add(key)
            rows_due.append(_row(hit.tmdb, hit.imdb, hit.kind, hit.name, hit.year))
    for one in found.elsewhere:
        key = one.id or f"{one.kind}-{one.title.tmdb}"
        if due < UNSCORED and key not in written:
            due += 1
            written.add(key)
            rows_due.append(_row(one.title.tmdb, one.imdb, one.kind, one.title.name or "Untitled", one.title.year))
    for row in rows_due:
        phone.notes.did(UserAction.UNSCORED)
        await phone.api.request(CATALOGUE_UPSERT, body=row)


def _row(tmdb: int | None, imdb: str | None, kind: str | None, name: str, year: int | None) -> dict[str, object]:
    return {
        "tmdb_id": tmdb,
        "omdb_imdb_id": imdb,
        "kind": kind or "movie",
        "tmdb_title": name,
        "tmdb_release_date": None if year is None else f"{year}-01-01",
    }
