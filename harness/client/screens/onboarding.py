"""Signing up and the taste page (contract 1.1, 1.2 quirk B, 2.6, 6.5).

As shipped a newcomer meets two defects. The page was loaded signed out, so after the sign-up it has no token for edge
calls, and the taste page gets no deck until the person reloads (quirk B). And the likes they pick are refused with 500
every time (trap T15); the app goes on all the same.
"""

from __future__ import annotations

import secrets

from harness.client.api.calls import ONBOARDING_DECK, ONBOARDING_LIKES, USER_UPDATE
from harness.client.api.shapes import Card
from harness.client.auth.newcomers import newcomer
from harness.client.cache.queries import CachedQuery
from harness.client.cache.query_cache import HOME_DECK
from harness.client.device import Device
from harness.client.screens.app import enter, open_signed_out
from harness.client.screens.browse.decks import fetch_deck
from harness.client.screens.browse.landing import Landing
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.clock import utc_now
from harness.core.outcome import Outcome
from harness.core.people import Person

DECK = 24
FEWEST_LIKES, MOST_LIKES = 5, 20
_PASSWORD_BYTES = 12


def newcomers_phone(phone: Device) -> Device:
    """The device of somebody new, in place of this session's own. Whoever asks for it ends and discards it."""
    new = newcomer(phone.kit.run_tag, phone.notes.ticket, phone.kit.people.pattern)
    return phone.guest(Person(phone.person.number, new.email))


async def sign_up(phone: Device) -> bool:
    """The sign-up form, and into the app without a reload; False when there is no session afterwards.

    A target that confirms addresses by mail answers without a session: the person sees a notice, and that was it.
    """
    new = newcomer(phone.kit.run_tag, phone.notes.ticket, phone.kit.people.pattern)
    password = phone.kit.people.secrets.password.reveal() or secrets.token_urlsafe(_PASSWORD_BYTES)
    await open_signed_out(phone)
    phone.notes.did(UserAction.SIGN_UP)
    with phone.notes.operation("sign_up") as operation:
        outcome = await phone.auth.sign_up(password, new.display_name, new.username)
        if not operation.ends(outcome):
            phone.notes.could_not_get_in(outcome)
            return False
    if phone.auth.account is None:
        return False
    phone.notes.did(UserAction.ENTER)
    await enter(phone, landing=False)
    return True


class TastePage(Screen):
    """The page behind the onboarding gate. It asks for its deck when it opens."""

    name = "taste"

    async def open(self) -> list[Card]:
        """From the gate to titles to choose from; empty when no deck came."""
        self.opens()
        with self.phone.notes.operation("onboarding_deck") as operation:
            fetched = await self.show(_deck(self.phone))
            operation.ends(fetched.outcome)
        return fetched.value or []

    async def finish(self, liked: list[Card]) -> bool:
        """Send what was picked, five to twenty titles, then pass the gate and land; False when the gate stays shut.

        :raises ValueError: fewer than five; the page's button is disabled then.
        """
        if len(liked) < FEWEST_LIKES:
            raise ValueError(f"the page wants {FEWEST_LIKES} titles, not {len(liked)}")
        phone = self.phone
        phone.notes.did(UserAction.LIKED, number=len(liked))
        body = {
            "sessionId": phone.local.session_id,
            "mediaItemIds": [card.title for card in liked[:MOST_LIKES]],
            "preferredGenres": [],
        }
        with phone.notes.operation("onboarding_finish") as operation:
            await phone.api.request(ONBOARDING_LIKES, body=body)
            passed = operation.ends(await pass_gate(phone))
        self.leave()
        if passed:
            page = Landing(phone)
            page.stays()
            await page.open()
        return passed


async def pass_gate(phone: Device) -> Outcome:
    """Tell the account that onboarding is over."""
    body = {"data": {"onboarded": True}, "code_challenge": None, "code_challenge_method": None}
    return (await phone.api.request(USER_UPDATE, body=body)).outcome


def _deck(phone: Device) -> CachedQuery[list[Card]]:
    seed = f"onb:{utc_now()[:10]}"
    return CachedQuery(
        ("onboarding_deck", phone.user_id),
        lambda: fetch_deck(phone, ONBOARDING_DECK, "trending", DECK, seed),
        HOME_DECK,
        again_after_s=1.0,
    )
