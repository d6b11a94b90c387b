"""Keeps a phone signed in: sign-in, sign-up, and the two ways a page refreshes its token (contract 1.1, 1.2)."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING

from harness.client.api import retry
from harness.client.api.calls import PROFILE_NAMES, SIGN_IN, SIGN_UP, TOKEN_REFRESH
from harness.client.auth.account import Account
from harness.client.auth.edge_store import EdgeStore
from harness.client.interruptible_sleep import SessionClosed
from harness.core.outcome import Outcome

if TYPE_CHECKING:
    from harness.client.device import Device


class SignedOut(SessionClosed):
    """A refresh was refused for good: the app is back at its sign-in form, and this session is over."""


TICK_S = 30.0
"""auth-js looks at the token this often while the tab is visible, and refreshes when three ticks or less remain."""


class TokenManager:
    """One phone's. The account itself lies on the phone, where requests find it."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self.lost = False  # whether a refused refresh ended the stored session

    async def sign_in(self) -> Outcome:
        """With e-mail and password, unless a session is stored on the device."""
        phone = self._phone
        if phone.account is not None or self._mint():
            return Outcome.OK
        body = {
            "email": phone.person.email,
            "password": phone.kit.people.secrets.password,
            "gotrue_meta_security": {},
        }
        reading = await phone.request(SIGN_IN, body=body)
        if reading.outcome is Outcome.OK:
            phone.account = Account.from_reply(reading.data, phone.now())
            if phone.account is None:
                return Outcome.SOFT_FAILURE
        return reading.outcome

    async def sign_up(self, password: str, display_name: str, username: str) -> Outcome:
        """Make the account of the phone's person. OK without an account on the phone: the target confirms by mail."""
        phone = self._phone
        body = {
            "email": phone.person.email,
            "password": password,
            "data": {"display_name": display_name, "username": username},
            "gotrue_meta_security": {},
            "code_challenge": None,
            "code_challenge_method": None,
        }
        reading = await phone.request(SIGN_UP, body=body)
        if reading.outcome is not Outcome.OK:
            return reading.outcome
        phone.account = Account.from_reply(reading.data, phone.now())
        if phone.account is not None:
            await phone.request(PROFILE_NAMES, phone.user_id, body={"display_name": display_name, "username": username})
        return Outcome.OK

    async def tick(self) -> None:
        """The auth client's own timer, for as long as the page lives."""
        phone = self._phone
        while True:
            await phone.pause(TICK_S)
            if phone.visible:
                await self.refresh_if_due()

    async def refresh_if_due(self) -> None:
        """What `getSession` does before every request of a signed-in person."""
        phone = self._phone
        account = phone.account
        if account is None or not account.due(phone.wall_now()):
            return
        async with account.refreshing:
            # Who waited for the lock may find the work done, or the session lost.
            if phone.account is account and account.due(phone.wall_now()):
                await self._refresh(account)

    async def refresh_now(self) -> bool:
        """As the app's one raw call does when it was refused (contract 0.2); whether the token changed."""
        phone = self._phone
        account = phone.account
        if account is None:
            return False
        before = account.access_token
        async with account.refreshing:
            if phone.account is account and account.access_token == before:
                await self._refresh(account)
        return phone.account is not None and phone.account.access_token != before

    async def refresh_for(self, store: EdgeStore) -> None:
        """The second store's own refresh: forced, because it never heard of the first one (quirk C)."""
        phone = self._phone
        account = phone.account
        if account is None:
            return
        async with account.refreshing:
            if phone.account is account and store.due(phone.now()) and await self._refresh(account):
                store.take(account)

    async def _refresh(self, account: Account) -> bool:
        """With the account's lock held. Whether the account has fresh tokens now."""
        phone = self._phone
        if self._mint():
            fresh = phone.account
            if fresh is not None:  # the account object stays the one whose lock is held
                account.adopt(fresh)
                phone.account = account
            phone.page.live.signed_in_anew()
            return True
        begun, failures = phone.now(), 0
        while True:
            reading = await phone.request(TOKEN_REFRESH, body={"refresh_token": account.refresh_token})
            if reading.outcome is Outcome.OK:
                renewed = account.renew(reading.data, phone.now())
                phone.page.live.signed_in_anew()
                return renewed
            status, failures = reading.status or None, failures + 1
            delay = retry.refresh_delay(failures, status, phone.now() - begun)
            if delay is None:
                break
            await asyncio.sleep(delay)
        if retry.refresh_loses_session(status):
            phone.account = None
            self.lost = True
        return False

    def _mint(self) -> bool:
        """Make the session ourselves where the target's JWT secret was given; False where it was not."""
        phone = self._phone
        secret, person = phone.kit.people.secrets.jwt_secret, phone.person
        if not secret or person.user_id is None:
            return False
        phone.account = Account.minted(person.user_id, person.email, secret, now=phone.now(), epoch=time())
        return True
