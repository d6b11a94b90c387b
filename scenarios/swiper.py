"""Swipes decks: what most people open the app for."""

from __future__ import annotations

from harness.phone.operations.app import open_app
from harness.phone.operations.swipe import SwipePage
from harness.phone.phone import Phone
from harness.shell import PhoneUser

GESTURES = ("like", "dislike", "skip")
GESTURE_SHARES = (0.30, 0.45, 0.25)
"""Our assumption: the contract has no usage figures. Load depends little on it, decks somewhat (blocked titles)."""


class Swiper(PhoneUser):
    """Opens the swipe page and swipes until bored; the outbox batches the gestures."""

    weight = 6

    async def session(self, phone: Phone) -> None:
        if not await open_app(phone):
            return
        page = SwipePage(phone)
        if not await page.open():
            return
        for _ in range(round(phone.draws("swiper", "swipes"))):
            card = await page.next_card()
            if card is None:
                return
            gesture = phone.dice.choices(GESTURES, GESTURE_SHARES)[0]
            await page.look_and_swipe(card, phone.draws("swiper", "dwell_s"), gesture)
