"""One device with one signed-in person: the parts that every session stands on, put together.

A person's device serves one session at a time; between sessions its connections are closed and everything a browser
keeps (localStorage, session token, event queue) stays, in a few bytes after a while (`put_away`). What a tab keeps only
in memory is its `page`, and every session begins with a new one. People say phone: a variable that holds a device is
called `phone`.

Here is only what concerns several parts at once: a session's begin and end, the network's changes, the page's loads.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from harness.client.api_client import ApiClient
from harness.client.auth.token_manager import TokenManager
from harness.client.background_tasks import BackgroundTasks
from harness.client.behaviour import Behaviour
from harness.client.cache.local_storage import LocalStorage
from harness.client.cache.network_mode import NetworkMode
from harness.client.cache.paused import Wake
from harness.client.cache.queries import Queries
from harness.client.clock import DeviceClock
from harness.client.context import Observer
from harness.client.events.event_sender import LAST_FLUSH_S, EventSender
from harness.client.faults.fault_injector import FaultInjector
from harness.client.http.client import HttpClient
from harness.client.http.manners import manners_of
from harness.client.jitter import Jitter
from harness.client.kit import DeviceKit
from harness.client.network_state import NetworkChange, NetworkState
from harness.client.notes import SessionNotes
from harness.client.page import Page
from harness.client.realtime.session import RealtimeSession
from harness.client.rng import Rng
from harness.client.session_log import SessionLog
from harness.core import ids
from harness.core.actions import UserAction
from harness.core.client_settings import ClientSettings
from harness.core.people import Person

__all__ = ["Device", "DeviceKit", "Observer"]


class Device:
    """Give it to a persona's `session`; everything a person does goes through its parts.

    clock: run time, wall clock, pauses. network: whether there is one, and whether the app is on screen.
    notes: what is written down. behaviour: what the person decides. local: localStorage. new_id: client-made ids.
    network_mode: what waits for a network. api: requests. auth: who is signed in, and tokens. background: work beside
    the session that ends with the page.
    event_sender: swipe events on their way out. fault_injector: None where nothing goes wrong on purpose.
    page: what the tab has in memory. in_use: held by the session under way.
    """

    def __init__(self, kit: DeviceKit, number: int, *, person: Person | None = None) -> None:
        """`person` differs from the target's number `number` only on a newcomer's device (`guest`)."""
        self.kit = kit
        self.person = person or kit.people.person(number)
        self.in_use = asyncio.Lock()
        self.clock = DeviceClock(kit.now, kit.loop, kit.pulse)
        self.jitter = Jitter(kit.seed, self.person.number, kit.jitter_s)
        self.network = NetworkState(self.jitter)
        self.network.watch(self._network_changed, lasting=True)
        self.notes = SessionNotes(
            self.clock,
            kit.observer,
            kit.ledger,
            zero=kit.zero,
            person=self.person.number,
            account_id=lambda: None if self.auth.account is None else self.auth.account.user_id,
            realtime=kit.sockets is not None,
            copies_writes=kit.fault_schedule is not None,
        )
        self.network_mode = NetworkMode(self.clock, self.network, self._reads_turn)
        self.behaviour = Behaviour(kit.behaviour, self.notes)
        self.local = LocalStorage(self.person.email)
        self.new_id = ids.Sequence(kit.run_tag, number, worker=kit.worker)
        self.api = ApiClient(
            self.clock,
            self.network,
            self.notes,
            kit.observer,
            anon_key=kit.people.secrets.anon_key.reveal(),
            open_http=self._open_http,
            app_origin=kit.page_origin,
            server=str(kit.origin),
            mode=self.network_mode,
            policy=kit.retry_policy,
            budget_ratio=kit.budget_ratio,
        )
        self.auth = TokenManager(
            self.api,
            self.clock,
            self.network,
            person=self.person,
            secrets=kit.people.secrets,
            sign_ins=kit.sign_ins,
            signed_in_anew=lambda: self.page.realtime.signed_in_anew(),
        )
        self.background = BackgroundTasks(kit.loop, kit.observer.problem, self.clock.pausing)
        self.event_sender = EventSender(
            self.api,
            self.clock,
            self.network,
            self.network_mode,
            self.notes,
            email=self.person.email,
            seed=kit.seed,
            new_id=lambda: self.new_id(),
            problem=kit.observer.problem,
            settings=kit.settings,
        )
        self.fault_injector: FaultInjector | None = None
        if kit.fault_schedule is not None:
            self.fault_injector = FaultInjector(
                kit.fault_schedule,
                self.api,
                self.clock,
                self.network,
                self.auth,
                tls=kit.tls is not None,
                drop_connections=self.drop_connections,
                outdate=self.outdate,
                jitter=self.jitter,
            )
        self.api.credentials, self.api.faults = self.auth, self.fault_injector
        self.page = self._new_page()

    def _open_http(self) -> HttpClient:
        kit = self.kit
        return HttpClient(
            kit.origin,
            loop=kit.loop,
            tls=kit.tls,
            manners=manners_of(kit.client),
            gate=kit.gate.of_phone(self.person.number),
            budget=kit.wire_budget,
        )

    # ---- for screens and personas -----------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds on the loop's clock."""
        return self.clock.now()

    async def pause(self, seconds: float) -> None:
        """Think, look, type. :raises SessionClosed: when the run closes. :raises SignedOut: when the session was lost
        before or meanwhile: the app shows its sign-in form in place of whatever page this was."""
        self.auth.require_session()
        await self.clock.pause(seconds)
        self.auth.require_session()

    @property
    def settings(self) -> ClientSettings:
        """Of the app on it."""
        return self.kit.settings

    @property
    def user_id(self) -> str:
        """:raises SignedOut: when a refused refresh ended the session. :raises RuntimeError: before sign-in."""
        return self.auth.user_id

    # ---- for the engine -----------------------------------------------------------------------------------------

    @property
    def log(self) -> SessionLog:
        """The notes of the session under way, or of the last one."""
        return self.notes.log

    @property
    def backlog_bytes(self) -> int:
        """What this device has written and the system has not taken."""
        return self.api.backlog_bytes

    def begin(self, ticket: int, planned: float, persona: str = "") -> None:
        """A session begins that was planned at `planned` s since zero; its draws depend on seed and ticket only."""
        self.behaviour.rng = Rng(f"{self.kit.seed} {self.person.number} {ticket}")
        self.notes.begin(ticket, planned)
        if self.fault_injector is not None:
            self.fault_injector.begin(persona)

    async def end(self) -> None:
        """The app is closed: page hidden, queue stored, connections closed. What is under way has one more second.

        Every step is done, also when an earlier one fails or the rest of that second is cancelled; the last failure is
        raised then. Without that the next session would begin on this one's connections, timers and page.
        """
        async with AsyncExitStack() as steps:  # the last one first
            steps.callback(self._forget_draws)
            steps.callback(self.network.reset)
            steps.callback(self.api.closed_app)
            steps.callback(self.api.cut)
            steps.callback(self._turn_page)
            steps.callback(self.event_sender.gone)
            steps.callback(self.background.drop)
            steps.push_async_callback(self._finish)
            steps.callback(self.network.hide)
            steps.callback(self.notes.did, UserAction.CLOSED)
            if self.fault_injector is not None:
                steps.callback(self.fault_injector.end)
            steps.callback(self.notes.end)

    def _forget_draws(self) -> None:
        """A phone that is in nobody's hand decides nothing, and ten thousand of them remember as little as they can."""
        self.behaviour.rng = Rng("")

    async def _finish(self) -> None:
        """What is under way has one more second."""
        ends = (self.background.finish(LAST_FLUSH_S), self.event_sender.close_app())
        for failed in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed

    def discard(self) -> None:
        """The run is over: what the queue still owes becomes part of the record."""
        self.event_sender.settle()
        self.page.realtime.close()
        self.api.close()

    # ---- what happens to the device -----------------------------------------------------------------------------

    def guest(self, person: Person) -> Device:
        """Another device for somebody who is not among the target's people, in the middle of this one's session: a
        newcomer. It draws from this session's random numbers and counts this device's ids on; whoever asks for it ends
        it.

        Its first operation counts from its own beginning: a form is filled in before anything is asked of the server.
        """
        other = Device(self.kit, self.person.number, person=person)
        other.behaviour.rng, other.new_id = self.behaviour.rng, self.new_id
        other.notes.share(self.notes)
        if other.fault_injector is not None and self.fault_injector is not None:
            other.fault_injector.begin(self.fault_injector.persona)
        return other

    def drop_connections(self) -> None:
        """Every connection ends, as when a load balancer is restarted; the network stays, and the app knows nothing."""
        self.api.reset()
        self.page.realtime.reset()

    def outdate(self) -> None:
        """All that the page remembers is out of date: what is shown is read anew now, the rest when next shown."""
        self.page.queries.invalidate()

    def load_page(self) -> Page:
        """The tab loads the app anew: all it had in memory is gone, what ran on the old page's behalf stops."""
        self.background.drop()
        return self._turn_page()

    def _turn_page(self) -> Page:
        self.network_mode.page_gone()
        self.page.realtime.close()
        self.page.queries.close()
        self.page = self._new_page()
        return self.page

    def _new_page(self) -> Page:
        self.auth.page_loaded()
        through = None if self.fault_injector is None else self.fault_injector.through
        return Page(
            Queries(self.clock, self.network, self.background, self.network_mode, self.settings),
            RealtimeSession(self, through=through),
        )

    def _reads_turn(self, why: Wake) -> None:
        queries = self.page.queries
        (queries.reconnected if why is Wake.ONLINE else queries.focused)()

    def _network_changed(self, change: NetworkChange) -> None:
        page, did = self.page, self.notes.did
        if change is NetworkChange.OFFLINE:
            did(UserAction.OFFLINE)
            self.api.cut()
            page.realtime.lost()
        elif change is NetworkChange.ONLINE:
            did(UserAction.ONLINE)
            page.realtime.back()
            self.network_mode.wake(Wake.ONLINE)
        elif change is NetworkChange.HIDDEN:
            did(UserAction.AWAY)
            page.realtime.hidden()
        elif change is NetworkChange.VISIBLE:
            did(UserAction.BACK)
            self.background.start(self.auth.refresh_if_due())
            page.realtime.shown()
            self.network_mode.wake(Wake.SHOWN)
        elif change is NetworkChange.KILLED:
            did(UserAction.KILLED)
            page.realtime.close(killed=True)
            self.load_page()
            self.api.cut()
            self.api.closed_app()
