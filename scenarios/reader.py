"""Reads the home feed, page by page, and what it leads to."""

from __future__ import annotations

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.feed import Lead
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.library import Diary, follow, review, set_status, to_watchlist_from_title, unfollow
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.presence import maybe_look_away
from harness.load.locust_adapter import PhoneUser
from scenarios import texts


class Reader(PhoneUser):
    """Opens the app, reads a few pages of what friends watched, looks at a title or two, closes it."""

    weight = 3

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        await phone.pause(phone.behaviour.draws("reader", "landing_s", 0.0))
        home = Home(phone)
        page = await home.open()
        for _ in range(round(phone.behaviour.draws("reader", "pages")) - 1):
            if page is None:
                phone.notes.could_not_go_on("home_feed")
                break
            await phone.pause(phone.behaviour.draws("reader", "read_s"))
            if phone.behaviour.chance("reader", "titles") and page.leads:
                home.leave()
                await self._look_closer(phone, phone.behaviour.pick("title", page.leads))
                home.back()
            await maybe_look_away(phone, "reader")
            page = await home.more()
        await phone.pause(phone.behaviour.draws("reader", "read_s"))
        home.leave()
        if phone.behaviour.chance("reader", "diary"):
            await self._diary(phone)

    async def _look_closer(self, phone: Device, row: Lead) -> None:
        """The title's page in the place of home, and what people do there."""
        title = TitlePage(phone, row.title)
        if await title.open():
            await phone.pause(phone.behaviour.draws("reader", "title_s"))
            if phone.behaviour.chance("reader", "like"):
                await title.like()
            if phone.behaviour.chance("reader", "watchlist"):
                await to_watchlist_from_title(phone, row.title, row.kind)
            if phone.behaviour.chance("reader", "watched"):
                await set_status(phone, row.title, row.kind, "watched")
            if phone.behaviour.chance("reader", "review"):
                said = texts.text(phone.behaviour.rng.of("review_text"), "Better than I thought.")
                await review(phone, row.title, row.kind, phone.behaviour.rng.randint(1, 10), said)
        title.leave()
        # Drawn first: what the feed shows must not move the draws.
        if phone.behaviour.chance("reader", "follow"):
            second_thoughts_s = phone.behaviour.draws("reader", "read_s")
            if row.actor not in (None, phone.user_id):
                # Whoever comes up in the feed is followed already, so a second follow would only ever be refused.
                await unfollow(phone, str(row.actor))
                await phone.pause(second_thoughts_s)
                await follow(phone, str(row.actor))

    async def _diary(self, phone: Device) -> None:
        diary = Diary(phone)
        if await diary.open():
            await phone.pause(phone.behaviour.draws("reader", "read_s"))
        diary.leave()
