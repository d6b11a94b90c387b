"""Search: as people type, and what one settled query fans out to (contract 6.2-6.4, 10.2).

The field waits 250 ms for the next key; what stands there then, if it has two characters, is one query:

    media-search        once; when it fails, the same question to the table itself
    tmdb-proxy          /search/multi once, then /<kind>/<id>/external_ids for up to 20 titles at once
    catalog-sync-batch  once, for up to five titles that the catalogue did not know
    people              with the chip "All": profiles with such a name, and whom one follows
    hint                the assistant's, about what was typed

With a chip for titles the page also reads what the person noted about everything found, and writes up to three titles
without a score into the catalogue. None of these failures fails the search; the next settled query aborts the one
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.client.api.shapes import SearchHit
from harness.client.cache.queries import CachedQuery
from harness.client.device import Device
from harness.client.screens.browse.discover import SearchRoute
from harness.client.screens.browse.search_people import find_people
from harness.client.screens.browse.search_titles import FoundTitles, find_titles, noted_about, write_unscored
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction

DEBOUNCE_S = 0.25
SHORTEST = 2
Chip = Literal["all", "movie", "series"]


@dataclass(frozen=True, slots=True)
class Settled:
    """A text that stood still for long enough. `after_s` from the first key; `final` when typing was over."""

    text: str
    after_s: float
    final: bool


def settled(text: str, gaps_s: Sequence[float]) -> list[Settled]:
    """Which texts a debounced field lets through while `text` is typed; `gaps_s` before each key but the first."""
    if len(gaps_s) != max(0, len(text) - 1):
        raise ValueError(f"between the keys of {text!r:.40} are {max(0, len(text) - 1)} gaps, not {len(gaps_s)}")
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
        self.chip: Chip = "all"
        self._text = ""
        self._titles: CachedQuery[FoundTitles] | None = None
        self._people: CachedQuery[list[str]] | None = None
        self._noted: CachedQuery[int] | None = None
        self._written: set[str] = set()

    def open(self) -> None:
        """Tap the field. From the landing page that is the same route, and nothing is read anew."""
        SearchRoute.of(self.phone).enter()
        self.opens()
        self._hint()

    def leave(self) -> None:
        """To another screen."""
        if self._opened:
            SearchRoute.of(self.phone).leave()
        super().leave()

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

    async def choose(self, chip: Chip) -> list[SearchHit]:
        """Tap a chip: what was typed is asked for again, for films or series alone, or for everything."""
        if chip == self.chip or not self._text:
            self.chip = chip
            return []
        self.chip = chip
        with self.phone.notes.operation("search") as operation:
            fetched = await self.phone.page.queries.settled(self._ask(self._text, final=True))
            operation.ends(fetched.outcome)
        return [] if fetched.value is None else list(fetched.value.own)

    async def _final(self, text: str) -> list[SearchHit]:
        with self.phone.notes.operation("search") as operation:
            await self.phone.pause(DEBOUNCE_S)
            fetched = await self.phone.page.queries.settled(self._ask(text, final=True))
            operation.ends(fetched.outcome)
        return [] if fetched.value is None else list(fetched.value.own)

    def _ask(self, text: str, *, final: bool) -> CachedQuery[FoundTitles]:
        chip = self.chip
        self.phone.notes.did(UserAction.QUERY, text if chip == "all" else f"{chip}: {text}", number=int(final))
        query = find_titles(self.phone, text, chip)
        if self._titles is not None and self._titles.key == query.key:
            return self._titles  # nothing changed: the app asks for what it shows already
        self._text = text
        shown: tuple[CachedQuery[Any] | None, ...] = (self._titles, self._people, self._noted)
        for before in shown:
            if before is not None:
                self.unmount(before)
        self._titles, self._people, self._noted = query, None, None
        self.mount(query)
        if chip == "all":
            self._people = find_people(self.phone, text)
            self.mount(self._people)
        else:
            self.phone.background.start(self._look_after(query))
        self._hint()
        return query

    def _hint(self) -> None:
        HintChip.of(self.phone).show("search", {"query": self._text} if self._text else {})

    async def _look_after(self, query: CachedQuery[FoundTitles]) -> None:
        """With a chip for titles: what was noted about those found, and the catalogue's rows of unscored ones."""
        found = (await self.phone.page.queries.settled(query)).value
        if found is None or self._left or self._titles is not query:
            return
        if ids := found.ids:
            self._noted = noted_about(self.phone, ids)
            self.mount(self._noted)
        await write_unscored(self.phone, found, self._written)

    async def people(self, text: str) -> list[str]:
        """The people tab. As shipped nobody may read other people's public profiles, so it stays empty (trap T20)."""
        self.phone.notes.did(UserAction.PEOPLE, text)
        with self.phone.notes.operation("people_search") as operation:
            fetched = await self.show(find_people(self.phone, text))
            operation.ends(fetched.outcome)
        return fetched.value or []
