"""Keeps a device signed in: sign-in, sign-up, and the two ways a page refreshes its token (contract 1.1, 1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client.api import retry
from harness.client.api.call import Call
from harness.client.api.calls import PROFILE_NAMES, SIGN_IN, SIGN_UP, TOKEN_REFRESH
from harness.client.api.classify import Reading
from harness.client.auth.account import Account
from harness.client.auth.edge_store import EdgeRefusal, EdgeStore
from harness.client.auth.sign_ins import SignIns
from harness.client.clock import DeviceClock
from harness.client.context import Requests
from harness.client.interruptible_sleep import SessionClosed
from harness.client.network_state import NetworkState
from harness.core.clock import WALL
from harness.core.outcome import Outcome
from harness.core.people import Person, Secrets
from harness.core.sign_in import Entry


class SignedOut(SessionClosed):
    """A refresh was refused for good: the app is back at its sign-in form, and this session is over.

    limited: a limit on sign-ins refused it (429), to auth-js an error like any other.
    """

    def __init__(self, *, limited: bool = False) -> None:
        super().__init__()
        self.limited = limited


TICK_S = 30.0
"""auth-js looks at the token this often while the tab is visible, and refreshes when three ticks or less remain."""


class TokenManager:
    """One device's. account: who is signed in, None for nobody. edge: the page's second token store, for edge calls.
    lost: how a refused refresh ended the stored session; None while none has."""

    def __init__(
        self,
        api: Requests,
        clock: DeviceClock,
        network: NetworkState,
        *,
        person: Person,
        secrets: Secrets,
        sign_ins: SignIns | None = None,
        signed_in_anew: Callable[[], None],
    ) -> None:
        """sign_ins: what this worker's people do about it; None: whoever can be minted is.
        signed_in_anew: called when the auth client reports a session with a fresh token."""
        self.account: Account | None = None
        self.edge = EdgeStore()
        self.lost: Outcome | None = None
        self._withheld = False  # the last request found a session that is due and cannot be refreshed
        self.person = person
        self.secrets = secrets
        self.sign_ins = sign_ins or SignIns()
        self._was_in = False  # a session was on this phone: what follows a lost one goes through the form
        self._api = api
        self._clock = clock
        self._network = network
        self._signed_in_anew = signed_in_anew

    @property
    def user_id(self) -> str:
        """:raises SignedOut: when a refused refresh ended the session. :raises RuntimeError: before sign-in."""
        self.require_session()
        if self.account is None:
            raise RuntimeError("nobody is signed in on this phone")
        return self.account.user_id

    def require_session(self) -> None:
        """:raises SignedOut: when a refused refresh ended the session, and nobody has signed in since."""
        if self.account is None and self.lost is not None:
            raise SignedOut(limited=self.lost is Outcome.RATE_LIMITED)

    @property
    def busy(self) -> bool:
        """Whether tokens are being renewed."""
        return self.account is not None and self.account.refreshing.locked()

    def keep(self) -> tuple[Any, ...]:
        """What outlives a session, of plain values."""
        account = self.account
        return None if account is None else account.keep(), self.lost, self._was_in, self._withheld

    def remember(self, kept: tuple[Any, ...]) -> None:
        """What `keep` gave of the same device. For a new one."""
        account, self.lost, self._was_in, self._withheld = kept
        self.account = None if account is None else Account(*account)

    def page_loaded(self) -> None:
        """A page begins with an empty store; the account lies in the device's storage."""
        self.edge = EdgeStore()

    # ---- what requests ask ------------------------------------------------------------------------------------

    def authorization(self, *, edge: bool) -> bytes | None:
        """The header line of a signed-in person's request; None: as nobody, with the anon key.

        The edge store knows neither of sign-outs nor of failed refreshes. To everything else a session that is due and
        could not be refreshed is none, also while its token still holds.
        """
        if edge and self.edge.authorization is not None:
            return self.edge.authorization
        if self.account is None or self._withheld:
            return None
        return self.account.authorization

    async def refused(self, call: Call) -> Reading | None:
        """What the edge store says to an edge call; None when it may go out, with the store's token renewed if due."""
        refusal = self.edge.admit(self.account, require_auth=call.require_auth)
        if refusal is not None:
            outcome = Outcome.AUTH if refusal is EdgeRefusal.AUTH_REQUIRED else Outcome.CLIENT_ERROR
            return Reading(outcome, code=refusal.value)
        if self.edge.due(self._clock.now()):
            await self._refresh_edge()
        return None

    # ---- signing in -------------------------------------------------------------------------------------------

    async def sign_in(self) -> Outcome:
        """With e-mail and password, unless a session is stored on the device, or the limiter's pace has no room."""
        self.lost = None
        if self.account is not None or self._minted_instead():
            return Outcome.OK
        self.sign_ins.note(Entry.PASSWORD)
        body = {
            "email": self.person.email,
            "password": self.secrets.password.reveal(),
            "gotrue_meta_security": {},
        }
        reading = await self._api.request(SIGN_IN, body=body)
        if reading.outcome is Outcome.OK:
            self.account = Account.from_reply(reading.data, self._clock.now())
            if self.account is None:
                return Outcome.SOFT_FAILURE
        return reading.outcome

    async def sign_up(self, password: str, display_name: str, username: str) -> Outcome:
        """Make the account of the device's person. OK without an account: the target confirms by mail."""
        body = {
            "email": self.person.email,
            "password": password,
            "data": {"display_name": display_name, "username": username},
            "gotrue_meta_security": {},
            "code_challenge": None,
            "code_challenge_method": None,
        }
        reading = await self._api.request(SIGN_UP, body=body)
        if reading.outcome is not Outcome.OK:
            return reading.outcome
        self.account = Account.from_reply(reading.data, self._clock.now())
        if self.account is not None:
            await self._api.request(
                PROFILE_NAMES, self.user_id, body={"display_name": display_name, "username": username}
            )
        return Outcome.OK

    # ---- refreshing -------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """The auth client's own timer, for as long as the page lives."""
        while True:
            await self._clock.pause(TICK_S)
            if self._network.visible:
                await self.refresh_if_due()

    def holds(self) -> bool:
        """Whether a request may leave without a look at the token: nearly always. False: `refresh_if_due` first."""
        account = self.account
        if account is not None and account.due(self._clock.wall_now()):
            return False
        self._withheld = False
        return True

    async def refresh_if_due(self) -> None:
        """What `getSession` does before every request of a signed-in person."""
        account = self.account
        if account is None or not account.due(self._clock.wall_now()):
            self._withheld = False
            return
        async with account.refreshing:
            # Who waited for the lock may find the work done, or the session lost.
            waits = self.account is account and account.due(self._clock.wall_now())
            self._withheld = waits and not await self._refresh(account)

    async def refresh_now(self) -> bool:
        """As the app's one raw call does when it was refused (contract 0.2); whether the token changed."""
        account = self.account
        if account is None:
            return False
        before = account.access_token
        async with account.refreshing:
            if self.account is account and account.access_token == before:
                await self._refresh(account)
        return self.account is not None and self.account.access_token != before

    async def _refresh_edge(self) -> None:
        """The second store's own refresh: forced, because it never heard of the first one (quirk C)."""
        store, account = self.edge, self.account
        if account is None:
            return
        async with account.refreshing:
            if self.account is account and store.due(self._clock.now()) and await self._refresh(account):
                store.take(account)

    async def _refresh(self, account: Account) -> bool:
        """With the account's lock held. Whether the account has fresh tokens now."""
        asks = bool(account.refresh_token) and self.sign_ins.may_ask(self._clock.now())
        if not asks and self._mint():
            self.sign_ins.note(Entry.MINTED_REFRESH)
            fresh = self.account
            if fresh is not None:  # the account object stays the one whose lock is held
                account.adopt(fresh)
                self.account = account
            self._signed_in_anew()
            return True
        self.sign_ins.note(Entry.REFRESHED)
        begun, failures = self._clock.now(), 0
        while True:
            reading = await self._api.request(TOKEN_REFRESH, body={"refresh_token": account.refresh_token})
            status = retry.refresh_answer(reading.status, reading.data)
            if status is not None and reading.outcome is Outcome.OK:
                return self._renewed(account, reading)
            failures += 1
            delay = retry.refresh_delay(failures, status, self._clock.now() - begun)
            if delay is None:
                break
            await asyncio.sleep(delay)
        if retry.refresh_loses_session(status):
            self._lose(reading.outcome)
        return False

    def _renewed(self, account: Account, reading: Reading) -> bool:
        """What a good answer brought: fresh tokens, or the end of the session where it names none."""
        if retry.names_no_session(reading.data):
            self._lose(Outcome.SOFT_FAILURE)
            return False
        renewed = account.renew(reading.data, self._clock.now())
        if renewed:
            self._signed_in_anew()
        return renewed

    def _lose(self, outcome: Outcome) -> None:
        self.account = None
        self.lost = outcome

    def _minted_instead(self) -> bool:
        """In place of the form: what the phone had stored when the run began, or because the limiter has no room."""
        stored = not self._was_in and self.sign_ins.stored(self.person.number)
        self._was_in = True
        if (not stored and self.sign_ins.may_ask(self._clock.now())) or not self._mint():
            return False
        self.sign_ins.note(Entry.STORED if stored else Entry.PACED)
        return True

    def _mint(self) -> bool:
        """Make the session ourselves where something to sign with was given; False where it was not."""
        secret, person = self.secrets.jwt_secret.reveal(), self.person
        if not secret or person.user_id is None:
            return False
        self.account = Account.minted(person.user_id, person.email, secret, now=self._clock.now(), epoch=WALL.now())
        return True
