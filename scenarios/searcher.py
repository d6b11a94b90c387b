"""Searches for titles, looks at some, notes one."""

from __future__ import annotations

from harness.client.api.shapes import SearchHit
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.library import to_watchlist_from_search
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.presence import maybe_look_away
from harness.load.locust_adapter import PhoneUser

_TEXT = """
love night star house last dark king blood city summer girl road moon world dead life day river fire dream war wild
heart lost home black white golden secret winter island train garden shadow mountain ocean mirror storm
"""
WORDS = tuple(_TEXT.split())
"""What people look for: words that titles are made of. Our choice; the contract has no search log."""


class Searcher(PhoneUser):
    """Types a few queries into the search field."""

    weight = 2

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        await phone.pause(phone.behaviour.draws("searcher", "landing_s", 0.0))
        search = Search(phone)
        search.open()
        for _ in range(round(phone.behaviour.draws("searcher", "queries"))):
            text = " ".join(
                phone.behaviour.rng.of("words").sample(WORDS, k=round(phone.behaviour.draws("searcher", "words")))
            )
            gaps = [phone.behaviour.draws("searcher", "key_s") for _ in text[1:]]
            found = await search.type(text, gaps)
            await phone.pause(phone.behaviour.draws("searcher", "read_s"))
            if phone.behaviour.chance("searcher", "titles") and found:
                await self._look_closer(phone, phone.behaviour.pick("title", found))
            if phone.behaviour.chance("searcher", "chips"):
                await search.choose("movie")
                await phone.pause(phone.behaviour.draws("searcher", "read_s"))
                await search.choose("all")
            if phone.behaviour.chance("searcher", "people"):
                await search.people(text)
            await maybe_look_away(phone, "searcher")
        search.leave()

    async def _look_closer(self, phone: Device, found: SearchHit) -> None:
        if phone.behaviour.chance("searcher", "watchlist"):
            await to_watchlist_from_search(phone, found.title, found.kind)
        title = TitlePage(phone, found.title)
        if await title.open():
            await phone.pause(phone.behaviour.draws("searcher", "title_s"))
        title.leave()
