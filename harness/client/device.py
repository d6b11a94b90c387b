"""One device with one signed-in person: identity, token, connections, queue; what every session stands on.

A phone lives as long as the run and serves one session at a time; between sessions its connections are closed and
everything a browser keeps (localStorage, session token, event queue) stays. What a tab keeps only in memory is its
`page`, and every session begins with a new one.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeVar

import orjson

from harness import __version__
from harness.client.api import retry, retry_policy
from harness.client.api.call import EDGE_SERVICES, Call, Caller, Service
from harness.client.api.chat_calls import SpecialCall
from harness.client.api.classify import Reading, read
from harness.client.api.retry_policy import Retries
from harness.client.api.rows_written import rows_written
from harness.client.auth.account import Account
from harness.client.auth.edge_store import EdgeRefusal
from harness.client.auth.token_manager import SignedOut, TokenManager
from harness.client.background_tasks import BackgroundTasks
from harness.client.cache.local_storage import LocalStorage
from harness.client.events.event_sender import LAST_FLUSH_S, EventSender
from harness.client.events.outbox import Storage
from harness.client.faults.fault_injector import FaultInjector
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.faults.network_state import NetworkChange, NetworkState
from harness.client.http.client import HttpClient, Origin, WireError
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.memory import Memory
from harness.client.operation import Operation
from harness.client.page import Page
from harness.client.realtime.shared import SharedRealtime
from harness.client.rng import Rng
from harness.client.session_log import SessionLog
from harness.client.write import OFFLINE, Write
from harness.core import ids
from harness.core.actions import UserAction
from harness.core.clock import utc_now
from harness.core.delivery import FactKind
from harness.core.draw import draw
from harness.core.ledger import Ledger, WriteKind
from harness.core.models import Distribution
from harness.core.outcome import Outcome
from harness.core.people import People, Person
from harness.core.retry_policies import RetryPolicy

T = TypeVar("T")

CLIENT_INFO = b"x-client-info: supabase-js-web/2.90.1\r\n"
CLIENT = CLIENT_INFO + b"user-agent: movinesta-harness/" + __version__.encode() + b"\r\n"
CONNECTIONS = 6
"""What a browser opens to one origin over HTTP/1.1; most of the time one is in use."""


class Observer(Protocol):
    """Who wants to know how attempts and operations ended. Instants are loop time, lengths seconds."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None: ...

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None: ...

    def problem(self, error: BaseException) -> None: ...

    def saw(
        self, at: float, kind: FactKind, person: int, conversation: str, key: str, detail: str, mark_us: int | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class DeviceKit:
    """What all phones of a worker share."""

    loop: asyncio.AbstractEventLoop
    zero: float  # loop time of the run's zero
    pulse: InterruptibleSleep
    origin: Origin
    tls: ssl.SSLContext | None
    people: People
    run_tag: int
    seed: int
    behaviour: Mapping[str, Mapping[str, Distribution]]
    observer: Observer
    ledger: Ledger
    worker: int = 0
    sockets: SharedRealtime | None = None  # None: phones use no Realtime
    fault_schedule: FaultSchedule | None = None  # None: nothing goes wrong on purpose
    retry_policy: RetryPolicy = RetryPolicy.SHIPPED
    budget_ratio: float = 0.1


class Exchange(NamedTuple):
    """One wire request and what came back. The status is None when there was no complete answer."""

    status: int | None
    reading: Reading
    bytes_in: int = 0
    connected: bool = False  # on a connection of its own making


class Device:
    """Give it to a persona's `session`; everything a person does goes through it."""

    def __init__(self, kit: DeviceKit, number: int, *, person: Person | None = None) -> None:
        """`person` differs from the target's number `number` only on a newcomer's device (`guest`)."""
        self.kit = kit
        self.person = person or kit.people.person(number)
        self.local = LocalStorage(self.person.email)
        self.in_use = asyncio.Lock()
        self.account: Account | None = None
        self._writes_as = ""  # the account that the ledger knows this phone's writes by
        self.storage = Storage()
        self.device = Memory()
        self.rng = Rng("")
        self.log = SessionLog(-1, kit.zero)
        self.noise = random.Random()  # for what decides nothing: requests beside the session would shift the dice
        self.link = NetworkState()
        self.link.watch(self._link_changed, lasting=True)
        self.event_sender = EventSender(self)
        self.token_manager = TokenManager(self)
        self.ticket = 0
        self.skew_s = 0.0  # by which its clock is ahead
        self.fault_injector = None if kit.fault_schedule is None else FaultInjector(self, kit.fault_schedule)
        self._retries = (
            None
            if kit.retry_policy is RetryPolicy.SHIPPED
            else Retries(kit.retry_policy, kit.budget_ratio, self.noise.random)
        )
        self.new_id = ids.Sequence(kit.run_tag, number, worker=kit.worker)
        self._wire = self._fresh_wire()
        self._intended: float | None = None
        self._thinking: set[asyncio.Task[Any]] = set()
        self._chores = BackgroundTasks(kit.loop, kit.observer.problem, self._thinking)
        self.page = Page(self)
        self._apikey = b"apikey: " + kit.people.secrets.anon_key.encode() + b"\r\n"
        self._signed_out = (
            self._apikey + b"authorization: Bearer " + kit.people.secrets.anon_key.encode() + b"\r\n" + CLIENT
        )

    @property
    def backlog_bytes(self) -> int:
        """What this phone has written and the system has not taken."""
        return self._wire.backlog_bytes

    # ---- session --------------------------------------------------------------------------------------------

    def begin(self, ticket: int, planned: float, persona: str = "") -> None:
        """A session begins that was planned at `planned` s since zero; its draws depend on seed and ticket only."""
        self.ticket = ticket
        self.rng = Rng(f"{self.kit.seed} {self.person.number} {ticket}")
        self.log = SessionLog(ticket, self.now())
        self._intended = self.kit.zero + planned
        if self.fault_injector is not None:
            self.fault_injector.begin(persona)

    async def end(self) -> None:
        """The app is closed: page hidden, queue stored, connections closed. What is under way has one more second."""
        self._intended = None
        if self.fault_injector is not None:
            self.fault_injector.end()
        self.did(UserAction.CLOSED)
        self.link.hide()
        await asyncio.gather(self._chores.finish(LAST_FLUSH_S), self.event_sender.close_app())
        self._turn_page()
        self._cut()
        self.link.reset()

    def _cut(self) -> None:
        """Connections end, with what is under way on them."""
        self._wire.close()
        self._wire = self._fresh_wire()

    def drop_connections(self) -> None:
        """Every connection ends, as when a load balancer is restarted; the network stays, and the app knows nothing."""
        self._cut()
        self.page.live.lost()

    def _link_changed(self, change: NetworkChange) -> None:
        page = self.page
        if change is NetworkChange.OFFLINE:
            self.did(UserAction.OFFLINE)
            self._cut()
            page.live.lost()
        elif change is NetworkChange.ONLINE:
            self.did(UserAction.ONLINE)
            page.live.back()
            page.queries.reconnected()
        elif change is NetworkChange.HIDDEN:
            self.did(UserAction.AWAY)
            page.live.hidden()
        elif change is NetworkChange.VISIBLE:
            self.did(UserAction.BACK)
            self.chore(self.token_manager.refresh_if_due())
            page.live.shown()
            page.queries.focused()
        elif change is NetworkChange.KILLED:
            self.did(UserAction.KILLED)
            page.live.close(killed=True)
            self.load_page()
            self._cut()

    def discard(self) -> None:
        """The run is over: what the queue still owes becomes part of the record."""
        self.event_sender.settle()
        self.page.live.close()
        self._wire.close()

    def guest(self, person: Person) -> Device:
        """Another device for somebody who is not among the target's people, in the middle of this phone's session: a
        newcomer. It draws from this session's dice and counts this phone's ids on; whoever asks for it ends it.

        Its first operation counts from its own beginning: a form is filled in before anything is asked of the server.
        """
        other = Device(self.kit, self.person.number, person=person)
        other.rng, other.new_id, other.ticket, other.log = self.rng, self.new_id, self.ticket, self.log
        if other.fault_injector is not None and self.fault_injector is not None:
            other.fault_injector.begin(self.fault_injector.persona)
        return other

    def now(self) -> float:
        """Seconds on the loop's clock, read directly: uvloop's own reading has whole milliseconds."""
        return monotonic()

    def wall_now(self) -> float:
        """`now` as the phone's own, perhaps wrong, clock has it."""
        return self.now() + self.skew_s

    def wall_clock(self) -> str:
        """The date and time on the phone, as the client sends it."""
        return utc_now(self.skew_s)

    async def pause(self, seconds: float) -> None:
        """Think, look, type. :raises SessionClosed: when the run closes."""
        task = asyncio.current_task()
        assert task is not None
        self._thinking.add(task)
        try:
            await self.kit.pulse.sleep(seconds)
        finally:
            self._thinking.discard(task)

    def draws(self, persona: str, quantity: str, default: float | None = None) -> float:
        """Draw one value of a persona's behaviour from the profile; `default` for a habit that profiles may leave out.

        :raises KeyError: without a default, for a quantity the profile does not have.
        """
        quantities = self.kit.behaviour.get(persona, {})
        if default is not None and quantity not in quantities:
            return default
        value = draw(self.kit.behaviour[persona][quantity], self.rng.of(quantity))
        self.log.drew(quantity, value)
        return value

    def chance(self, persona: str, quantity: str) -> bool:
        """Whether something happens whose share of cases, 0 to 1, is a quantity of the profile; never when absent."""
        if quantity not in self.kit.behaviour.get(persona, {}):
            return False
        return self.rng.of(quantity).random() < self.draws(persona, quantity)

    def pick(self, question: str, things: Sequence[T]) -> T:
        """One of `things`, by the die of this question. :raises IndexError: there are none."""
        return self.rng.pick(question, things)

    def did(self, action: UserAction, subject: str = "", number: int = 1, seconds: float = 0.0) -> None:
        """Write down what the person did or saw, now (`harness.core.actions`)."""
        self.log.did(action, self.now(), subject, number, seconds)

    def chore(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the session that ends with the page: a read for the page's cache, a screen's beat."""
        return self._chores.begin(work)

    def saw(
        self,
        kind: FactKind,
        conversation: str,
        key: str,
        detail: str = "",
        *,
        at: float | None = None,
        mark_us: int | None = None,
    ) -> None:
        """Write down what happened on Realtime, now or at `at` (loop time); see `harness.core.delivery`."""
        if self.kit.sockets is not None:
            at = self.now() if at is None else at
            self.kit.observer.saw(at, kind, self.person.number, conversation, key, detail, mark_us)

    def operation(self, name: str, *, intended: float | None = None) -> Operation:
        """Measure one thing the person did, as a context manager. The session's first counts from its planned start."""
        if intended is None:
            intended, self._intended = self._intended, None
        return Operation(self, name, self.now() if intended is None else intended)

    def write(self, kind: WriteKind, **facts: Any) -> Write:
        """Note in the ledger that this person wants something written, now; `facts` as in `Ledger.intend`."""
        at, number, ledger = self.now() - self.kit.zero, self.person.number, self.kit.ledger
        if self.account is not None and self.account.user_id != self._writes_as:
            self._writes_as = self.account.user_id
            ledger.intend(WriteKind.PERSON, number, at, subject=self._writes_as)
        return Write(self, ledger.intend(kind, number, at, **facts))

    def written(self, kind: WriteKind, id_: str) -> Write:
        """The write noted earlier under a client-made id."""
        return Write(self, self.kit.ledger.entry(kind, id_))

    # ---- the tab --------------------------------------------------------------------------------------------

    def load_page(self) -> Page:
        """The tab loads the app anew: all it had in memory is gone, what ran on the old page's behalf stops."""
        self._chores.drop()
        return self._turn_page()

    def _turn_page(self) -> Page:
        self.page.live.close()
        self.page = Page(self)
        return self.page

    @property
    def visible(self) -> bool:
        """Whether the app is on screen."""
        return self.link.visible

    def hide(self) -> None:
        """The person looks at something else: the outbox sends what it has, pollers and presence rest."""
        self.link.hide()

    def show(self) -> None:
        """The person is back: what is on screen and stale is read again."""
        self.link.show()

    # ---- identity -------------------------------------------------------------------------------------------

    @property
    def device_session(self) -> str:
        """`mediaSwipeSessionId`: one id per device, for life (trap T33)."""
        return self.local.session_id

    @property
    def user_id(self) -> str:
        """:raises SignedOut: when a refused refresh ended the session. :raises RuntimeError: before sign-in."""
        if self.account is None and self.token_manager.lost:
            raise SignedOut
        if self.account is None:
            raise RuntimeError("nobody is signed in on this phone")
        return self.account.user_id

    async def sign_in(self) -> Outcome:
        """With e-mail and password, unless a session is stored on the device."""
        return await self.token_manager.sign_in()

    # ---- requests -------------------------------------------------------------------------------------------

    async def request(self, call: Call, *arguments: str, body: Any = None, raw: bytes | None = None) -> Reading:
        """Make a call as the app does, with the tries its callers make; the last try's reading.

        `body` is encoded as JSON; `raw` is sent as it is. A call that the app itself refuses to send (contract 1.2,
        quirks A and B) ends with status 0 and leaves no attempt. Never raises but for cancellation.
        """
        if call.signed_in:
            await self.token_manager.refresh_if_due()
        if call.service in EDGE_SERVICES and (refused := await self._refused(call)) is not None:
            return refused
        payload = raw if raw is not None else (None if body is None else orjson.dumps(body))
        path = call.path.format(*arguments) if arguments else call.path
        headers = self._headers(call)
        if self._retries is not None and retry_policy.concerns(call):
            return await self._with_policy(self._retries, call, path, headers, payload)
        reading = await self._with_transport_retries(call, path, headers, payload)
        for delay in retry.query_delays() if call.caller is Caller.QUERY else ():
            if reading.outcome.good:
                break
            await asyncio.sleep(delay)
            reading = await self._with_transport_retries(call, path, headers, payload)
        return reading

    async def _refused(self, call: Call) -> Reading | None:
        """What the edge token store says to a call; None when it may go out, with the store's token renewed if due."""
        store = self.page.edge
        refusal = store.admit(self.account, require_auth=call.require_auth)
        if refusal is not None:
            outcome = Outcome.AUTH if refusal is EdgeRefusal.AUTH_REQUIRED else Outcome.CLIENT_ERROR
            return Reading(outcome, code=refusal.value)
        if store.due(self.now()):
            await self.token_manager.refresh_for(store)
        return None

    async def _with_transport_retries(self, call: Call, path: str, headers: bytes, payload: bytes | None) -> Reading:
        status, reading = await self._attempt(call, path, headers, payload)
        for delay in retry.transport_delays(call.method):
            if not retry.transport_retries(call.method, status):
                break
            await asyncio.sleep(delay)
            status, reading = await self._attempt(call, path, headers, payload)
        return reading

    async def _with_policy(
        self, retries: Retries, call: Call, path: str, headers: bytes, payload: bytes | None
    ) -> Reading:
        """As often as the profile's policy has it, in place of the two layers of the app."""
        retries.began()
        failures = 0
        while True:
            status, reading = await self._attempt(call, path, headers, payload)
            if not retry_policy.failed(call, status, good=reading.outcome.good):
                return reading
            failures += 1
            delay = retries.delay(failures)
            if delay is None:
                return reading
            await asyncio.sleep(delay)

    async def _attempt(
        self, call: Call, path: str, headers: bytes, payload: bytes | None
    ) -> tuple[int | None, Reading]:
        """One request, as the app sees it. The status is None when there was no complete answer."""
        if not self.link.online:
            return None, Reading(Outcome.NETWORK, code=OFFLINE)  # no packet, hence no attempt
        if self.fault_injector is not None:
            return await self.fault_injector.attempt(call, path, headers, payload)
        found = await self.exchange(call, path, headers, payload)
        return found.status, found.reading

    async def exchange(self, call: Call, path: str, headers: bytes, payload: bytes | None) -> Exchange:
        """One wire request, measured; for `_attempt` and `FaultInjector`."""
        observer, log, begun = self.kit.observer, self.log, self.now()
        try:
            reply = await self._wire.send(call.method, path, headers, payload, timeout_s=call.timeout_s)
        except WireError as error:
            at = begun if error.sent_at is None else error.sent_at
            outcome, code = (error.outcome, error.detail) if self.link.online else (Outcome.NETWORK, OFFLINE)
            observer.attempt(call.method, call.name, outcome, at, self.now() - at, 0, code)
            log.sent(call.name, self.now() - begun, failed=outcome is not Outcome.GAVE_UP)
            return Exchange(None, Reading(outcome, code=code))
        except asyncio.CancelledError:
            observer.attempt(call.method, call.name, Outcome.GAVE_UP, begun, self.now() - begun, 0, "cancelled")
            log.sent(call.name, self.now() - begun)
            raise
        reading = (call.reader if isinstance(call, SpecialCall) else read)(call.service, reply.status, reply.body)
        observer.attempt(
            call.method, call.name, reading.outcome, reply.sent_at, reply.server_s, reply.bytes_in, reading.code
        )
        rows = rows_written(call.name, reading)
        bad = not reading.outcome.good
        log.sent(call.name, self.now() - begun, reply.bytes_out, reply.bytes_in, rows, failed=bad)
        return Exchange(reply.status, reading, reply.bytes_in, reply.connect_s > 0)

    def _fresh_wire(self) -> HttpClient:
        return HttpClient(self.kit.origin, loop=self.kit.loop, tls=self.kit.tls, connections=CONNECTIONS)

    def _headers(self, call: Call) -> bytes:
        """Header profiles of contract section 0.1."""
        if call.signed_in and self.account is not None:
            authorization = self.account.authorization
            if call.service in EDGE_SERVICES and self.page.edge.authorization is not None:
                authorization = self.page.edge.authorization
            block = self._apikey + authorization + CLIENT
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
            request_id = uuid.UUID(int=self.noise.getrandbits(128), version=4)
            block += b"content-type: application/json\r\nx-request-id: " + str(request_id).encode() + b"\r\n"
        return block + call.headers
