"""The landing page, `/search` before anything was typed (contract 2.6, 10.1 row 6)."""

from __future__ import annotations

from harness.client.screens.browse.discover import SearchRoute
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.screen import Screen


class Landing(Screen):
    """One visit to it."""

    name = "landing"

    async def open(self) -> bool:
        """From arriving to what is trending and what friends watch; whether both came."""
        phone, route = self.phone, SearchRoute.of(self.phone)
        route.enter()
        self.opens()
        HintChip.of(phone).show("search")
        with phone.notes.operation("landing") as operation:
            trending, friends = route.trending, route.friends_watching
            queries = phone.page.queries
            good = operation.ends((await queries.settled(friends)).outcome)
            return operation.ends((await queries.settled(trending)).outcome) and good

    def leave(self) -> None:
        """The person goes on."""
        if self._opened:
            SearchRoute.of(self.phone).leave()
        super().leave()
