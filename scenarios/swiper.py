"""Swipes decks: what most people open the app for."""

from __future__ import annotations

from harness.client.api.shapes import Card
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.library import to_watchlist_from_title
from harness.client.screens.browse.swipe import Button, SwipePage
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.presence import maybe_look_away
from harness.load.locust_adapter import PhoneUser

GESTURES = ("like", "dislike", "skip")
GESTURE_SHARES = (0.30, 0.45, 0.25)
"""Our assumption: the contract has no usage figures. Load depends little on it, decks somewhat (blocked titles)."""


class Swiper(PhoneUser):
    """Opens the swipe page and swipes until bored; the outbox batches the gestures."""

    weight = 5

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        await phone.pause(phone.behaviour.draws("swiper", "landing_s", 0.0))
        page = SwipePage(phone)
        if not await page.open() and not await page.retry():
            phone.notes.could_not_go_on("swipe_deck")
            return
        for _ in range(round(phone.behaviour.draws("swiper", "swipes"))):
            card = await page.next_card()
            if card is None:
                phone.notes.could_not_go_on("swipe_deck")
                return
            gesture = phone.behaviour.rng.of("gesture").choices(GESTURES, GESTURE_SHARES)[0]
            self._note(phone, page, card)
            await page.look_and_swipe(card, phone.behaviour.draws("swiper", "dwell_s"), gesture, self._button(phone))
            if phone.behaviour.chance("swiper", "titles"):
                page.leave()
                await self._look_closer(phone, card)
                page = SwipePage(phone)
                if not await page.open():
                    phone.notes.could_not_go_on("swipe_deck")
                    return
            await maybe_look_away(phone, "swiper")

    def _note(self, phone: Device, page: SwipePage, card: Card) -> None:
        """What some tap under a card before they swipe it."""
        if phone.behaviour.chance("swiper", "rates"):
            page.rate(card, phone.behaviour.rng.of("stars").randint(1, 10) / 2)
        if phone.behaviour.chance("swiper", "marks_watched"):
            page.mark_watched(card)
        if phone.behaviour.chance("swiper", "bookmarks"):
            page.put_on_watchlist(card)

    def _button(self, phone: Device) -> Button | None:
        """Now and then one of the two buttons instead of a gesture."""
        if phone.behaviour.chance("swiper", "not_interested"):
            return "not_interested"
        return "more_like_this" if phone.behaviour.chance("swiper", "more_like_this") else None

    async def _look_closer(self, phone: Device, card: Card) -> None:
        """The title's own page; coming back from it mounts the swipe page anew, with a deck of its own."""
        title = TitlePage(phone, card.title)
        if await title.open():
            await phone.pause(phone.behaviour.draws("swiper", "title_s"))
            if phone.behaviour.chance("swiper", "watchlist"):
                await to_watchlist_from_title(phone, card.title, card.kind)
        title.leave()
