"""Signs up, meets the taste page, takes a first look. On a device of their own (`harness.client.auth.newcomers`)."""

from __future__ import annotations

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.onboarding import FEWEST_LIKES, TastePage, newcomers_phone, sign_up
from harness.load.locust_adapter import PhoneUser


class Newcomer(PhoneUser):
    """Fills in the sign-up form, finds an empty taste page, reloads, picks some titles, lands."""

    weight = 1

    async def session(self, phone: Device) -> None:
        new = newcomers_phone(phone)
        try:
            await self._first_visit(new)
        finally:
            await new.end()
            new.discard()

    async def _first_visit(self, phone: Device) -> None:
        await phone.pause(phone.behaviour.draws("newcomer", "form_s"))
        if not await sign_up(phone):
            return
        page = TastePage(phone)
        cards = await page.open()
        if not cards:  # as shipped always: nothing that needs a signed-in person works before a reload
            page.leave()
            await phone.pause(phone.behaviour.draws("newcomer", "puzzled_s"))
            if not await open_app(phone, landing=False):
                return
            page = TastePage(phone)
            cards = await page.open()
            if not cards:
                phone.notes.could_not_go_on("onboarding_deck")
        liked = phone.behaviour.rng.of("liked").sample(
            cards, k=min(len(cards), round(phone.behaviour.draws("newcomer", "likes")))
        )
        for _ in liked:
            await phone.pause(phone.behaviour.draws("newcomer", "pick_s"))
        if len(liked) < FEWEST_LIKES:
            return
        if await page.finish(liked):
            await phone.pause(phone.behaviour.draws("newcomer", "landing_s", 0.0))
        else:
            phone.notes.could_not_go_on("onboarding_finish")
