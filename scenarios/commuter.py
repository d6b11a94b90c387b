"""Swipes on the way to work: tunnels, other apps, and a system that may end the app."""

from __future__ import annotations

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.commute import kill, plan_outages, use_another_app
from harness.load.locust_adapter import PhoneUser
from scenarios.swiper import GESTURE_SHARES, GESTURES


class Commuter(PhoneUser):
    """Swipes like a swiper; the network goes in the middle of it and comes back."""

    weight = 2

    async def session(self, phone: Device) -> None:
        if not await open_app(phone):
            return
        page = SwipePage(phone)
        if not await page.open():
            phone.notes.could_not_go_on("swipe_deck")
            return
        plan_outages(phone, tunnels(phone))
        for _ in range(round(phone.behaviour.draws("commuter", "swipes"))):
            card = await page.next_card()
            if card is None:
                break
            gesture = phone.behaviour.rng.of("gesture").choices(GESTURES, GESTURE_SHARES)[0]
            await page.look_and_swipe(card, phone.behaviour.draws("commuter", "dwell_s"), gesture)
            if phone.behaviour.chance("commuter", "looks_away"):
                await use_another_app(phone, phone.behaviour.draws("commuter", "away_s"))
        if phone.behaviour.chance("commuter", "killed"):
            kill(phone)


def tunnels(phone: Device) -> list[tuple[float, float]]:
    """Outages one after another: seconds from now, seconds long."""
    found, after = [], 0.0
    for _ in range(round(phone.behaviour.draws("commuter", "tunnels"))):
        after += phone.behaviour.draws("commuter", "daylight_s")
        seconds = phone.behaviour.draws("commuter", "tunnel_s")
        found.append((after, seconds))
        after += seconds
    return found
