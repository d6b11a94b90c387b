"""One device with one signed-in person: identity, token, connections, queue; what every session stands on.

A phone lives as long as the run and serves one session at a time; between sessions its connections are closed and
everything a browser keeps (device session id, session token, event queue) stays.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from time import monotonic, time
from types import TracebackType
from typing import Any, Protocol

import orjson

from harness import __version__, ids
from harness.config.draw import draw
from harness.config.models import Distribution
from harness.outcome import Outcome
from harness.people import People
from harness.phone import retry
from harness.phone.account import Account
from harness.phone.calls import SIGN_IN, TOKEN_REFRESH, Call, Caller, Service
from harness.phone.chat_calls import SpecialCall
from harness.phone.classify import Reading, read
from harness.phone.courier import Courier
from harness.phone.link import Change, Link
from harness.phone.memory import Memory
from harness.phone.outbox import Storage
from harness.phone.wire import Origin, Wire, WireError
from harness.pulse import Pulse, SessionClosed

CLIENT_INFO = b"x-client-info: supabase-js-web/2.90.1\r\n"
CLIENT = CLIENT_INFO + b"user-agent: movinesta-harness/" + __version__.encode() + b"\r\n"
OFFLINE = "offline"
"""The code of a request that found no network."""
CONNECTIONS = 6
"""What a browser opens to one origin over HTTP/1.1; most of the time one is in use."""


class Observer(Protocol):
    """Who wants to know how attempts and operations ended. Instants are loop time, lengths seconds."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None: ...

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None: ...

    def problem(self, error: BaseException) -> None: ...


@dataclass(frozen=True, slots=True)
class PhoneKit:
    """What all phones of a worker share."""

    loop: asyncio.AbstractEventLoop
    zero: float  # loop time of the run's zero
    pulse: Pulse
    origin: Origin
    tls: ssl.SSLContext | None
    people: People
    run_tag: int
    seed: int
    behaviour: Mapping[str, Mapping[str, Distribution]]
    observer: Observer


class Phone:
    """Give it to a persona's `session`; everything a person does goes through it."""

    def __init__(self, kit: PhoneKit, number: int) -> None:
        self.kit = kit
        self.person = kit.people.person(number)
        self.device_session = str(
            uuid.UUID(int=random.Random(f"device {self.person.email}").getrandbits(128), version=4)
        )
        self.in_use = asyncio.Lock()
        self.account: Account | None = None
        self.storage = Storage()
        self.device = Memory()
        self.page = Memory()
        self.dice = random.Random()
        self.link = Link()
        self.link.watch(self._link_changed, lasting=True)
        self.courier = Courier(self)
        self._wire = self._new_wire()
        self._sequence = 0
        self._intended: float | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._apikey = b"apikey: " + kit.people.secrets.anon_key.encode() + b"\r\n"
        self._signed_out = (
            self._apikey + b"authorization: Bearer " + kit.people.secrets.anon_key.encode() + b"\r\n" + CLIENT
        )

    # ---- session --------------------------------------------------------------------------------------------

    def begin(self, ticket: int, planned: float) -> None:
        """A session begins that was planned at `planned` s since zero; its draws depend on seed and ticket only."""
        self.dice.seed(f"{self.kit.seed} {self.person.number} {ticket}")
        self._intended = self.kit.zero + planned

    async def end(self) -> None:
        """The app is closed: page hidden, queue stored, background work dropped, connections closed."""
        self._intended = None
        self.drop_chores()
        await self.courier.close_app()
        self.page.clear()
        self._cut()
        self.link.reset()

    def _new_wire(self) -> Wire:
        return Wire(self.kit.origin, loop=self.kit.loop, tls=self.kit.tls, connections=CONNECTIONS)

    def _cut(self) -> None:
        """Connections end, with what is under way on them."""
        self._wire.close()
        self._wire = self._new_wire()

    def _link_changed(self, change: Change) -> None:
        if change is Change.OFFLINE:
            self._cut()
        elif change is Change.KILLED:
            self.drop_chores()
            self.page.clear()
            self._cut()

    def discard(self) -> None:
        """The run is over: what the queue still owes becomes part of the record."""
        self.courier.settle()
        self._wire.close()

    def now(self) -> float:
        """Seconds on the loop's clock, read directly: uvloop's own reading has whole milliseconds."""
        return monotonic()

    async def pause(self, seconds: float) -> None:
        """Think, look, type. :raises SessionClosed: when the run closes."""
        await self.kit.pulse.sleep(seconds)

    def draws(self, persona: str, quantity: str) -> float:
        """Draw one value of a persona's behaviour from the profile."""
        return draw(self.kit.behaviour[persona][quantity], self.dice)

    def new_id(self) -> str:
        """A fresh client-made id that carries its position in this run."""
        self._sequence += 1
        return ids.make(self.kit.run_tag, self.person.number, self._sequence)

    def chore(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the session until it ends, like a screen's poller."""
        task = self.kit.loop.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_over)
        return task

    def _chore_over(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, SessionClosed):
            self.kit.observer.problem(error)

    def drop_chores(self) -> None:
        """Leave a screen: what ran beside the session on its behalf stops."""
        for chore in self._chores:
            chore.cancel()

    def operation(self, name: str, *, intended: float | None = None) -> Operation:
        """Measure one thing the person did, as a context manager. The session's first counts from its planned start."""
        if intended is None:
            intended, self._intended = self._intended, None
        return Operation(self, name, self.now() if intended is None else intended)

    # ---- identity -------------------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        """:raises RuntimeError: before sign-in."""
        if self.account is None:
            raise RuntimeError("nobody is signed in on this phone")
        return self.account.user_id

    async def sign_in(self) -> Outcome:
        """With e-mail and password, unless a session is stored on the device."""
        if self.account is not None:
            return Outcome.OK
        if self._mint():
            return Outcome.OK
        body = {
            "email": self.person.email,
            "password": self.kit.people.secrets.password,
            "gotrue_meta_security": {},
        }
        reading = await self.request(SIGN_IN, body=body)
        if reading.outcome is Outcome.OK:
            self.account = Account.from_reply(reading.data, self.now())
            if self.account is None:
                return Outcome.SOFT_FAILURE
        return reading.outcome

    def _mint(self) -> bool:
        """Make the session ourselves where the target's JWT secret was given; False where it was not."""
        secret, person = self.kit.people.secrets.jwt_secret, self.person
        if not secret or person.user_id is None:
            return False
        self.account = Account.minted(person.user_id, person.email, secret, now=self.now(), epoch=time())
        return True

    async def _refresh_if_due(self) -> None:
        account = self.account
        if account is None or not account.due(self.now()):
            return
        async with account.refreshing:
            if not account.due(self.now()) or self._mint():
                return
            begun, failures = self.now(), 0
            while True:
                reading = await self.request(TOKEN_REFRESH, body={"refresh_token": account.refresh_token})
                if reading.outcome is Outcome.OK:
                    account.renew(reading.data, self.now())
                    return
                status, failures = reading.status or None, failures + 1
                delay = retry.refresh_delay(failures, status, self.now() - begun)
                if delay is None:
                    break
                await asyncio.sleep(delay)
            if retry.refresh_loses_session(status):
                self.account = None

    async def refresh_session(self) -> bool:
        """Renew the token now, as the app's one raw call does when refused (contract 0.2); whether it changed."""
        account = self.account
        if account is None:
            return False
        before, account.expires_at = account.access_token, self.now()
        await self._refresh_if_due()
        return self.account is not None and self.account.access_token != before

    # ---- requests -------------------------------------------------------------------------------------------

    async def request(self, call: Call, *arguments: str, body: Any = None, raw: bytes | None = None) -> Reading:
        """Make a call as the app does, with the tries its callers make; the last try's reading.

        `body` is encoded as JSON; `raw` is sent as it is. Never raises but for cancellation.
        """
        if call.signed_in:
            await self._refresh_if_due()
        payload = raw if raw is not None else (None if body is None else orjson.dumps(body))
        path = call.path.format(*arguments) if arguments else call.path
        headers = self._headers(call)
        reading = await self._with_transport_retries(call, path, headers, payload)
        for delay in retry.query_delays() if call.caller is Caller.QUERY else ():
            if reading.outcome.good:
                break
            await asyncio.sleep(delay)
            reading = await self._with_transport_retries(call, path, headers, payload)
        return reading

    async def _with_transport_retries(self, call: Call, path: str, headers: bytes, payload: bytes | None) -> Reading:
        status, reading = await self._attempt(call, path, headers, payload)
        for delay in retry.transport_delays(call.method):
            if not retry.transport_retries(call.method, status):
                break
            await asyncio.sleep(delay)
            status, reading = await self._attempt(call, path, headers, payload)
        return reading

    async def _attempt(
        self, call: Call, path: str, headers: bytes, payload: bytes | None
    ) -> tuple[int | None, Reading]:
        """One wire request. The status is None when there was no complete answer."""
        observer, begun = self.kit.observer, self.now()
        if not self.link.online:
            return None, Reading(Outcome.NETWORK, code=OFFLINE)  # no packet, hence no attempt
        try:
            reply = await self._wire.send(call.method, path, headers, payload, timeout_s=call.timeout_s)
        except WireError as error:
            at = begun if error.sent_at is None else error.sent_at
            outcome, code = (error.outcome, error.detail) if self.link.online else (Outcome.NETWORK, OFFLINE)
            observer.attempt(call.method, call.name, outcome, at, self.now() - at, 0, code)
            return None, Reading(outcome, code=code)
        except asyncio.CancelledError:
            observer.attempt(call.method, call.name, Outcome.GAVE_UP, begun, self.now() - begun, 0, "cancelled")
            raise
        reading = (call.reader if isinstance(call, SpecialCall) else read)(call.service, reply.status, reply.body)
        observer.attempt(
            call.method, call.name, reading.outcome, reply.sent_at, reply.server_s, reply.bytes_in, reading.code
        )
        return reply.status, reading

    def _headers(self, call: Call) -> bytes:
        """Header profiles of contract section 0.1."""
        if call.signed_in and self.account is not None:
            block = self._apikey + self.account.authorization + CLIENT
        else:
            block = self._signed_out
        if isinstance(call, SpecialCall) and call.bare:
            return (block if call.client_info else block.replace(CLIENT_INFO, b"")) + call.headers
        if call.service is Service.REST:
            if call.method in ("GET", "HEAD"):
                block += b"accept-profile: public\r\n"
            else:
                block += b"content-profile: public\r\ncontent-type: application/json\r\n"
            if b"accept:" not in call.headers:
                block += b"accept: */*\r\n"
        elif call.service is Service.AUTH:
            block += b"x-supabase-api-version: 2024-01-01\r\n"
            if call.method != "GET":
                block += b"content-type: application/json;charset=UTF-8\r\n"
        else:
            request_id = uuid.UUID(int=self.dice.getrandbits(128), version=4)
            block += b"content-type: application/json\r\nx-request-id: " + str(request_id).encode() + b"\r\n"
        return block + call.headers


class Operation:
    """One thing the person did, from intent to done. Leaving by exception means the phone gave up."""

    __slots__ = ("_phone", "intended", "name", "outcome")

    def __init__(self, phone: Phone, name: str, intended: float) -> None:
        self._phone = phone
        self.name = name
        self.intended = intended
        self.outcome: Outcome | None = None

    def ends(self, outcome: Outcome) -> bool:
        """Note how it ended so far; the first outcome that is not good stays. Returns whether it is good."""
        if self.outcome is None or self.outcome.good:
            self.outcome = outcome
        return outcome.good

    def __enter__(self) -> Operation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = Outcome.GAVE_UP if kind is not None else (self.outcome or Outcome.OK)
        phone = self._phone
        phone.kit.observer.operation(self.name, outcome, self.intended, phone.now() - self.intended)
