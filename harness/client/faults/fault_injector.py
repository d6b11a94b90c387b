"""What goes wrong on one phone: stands between the app's requests and the wire, when the profile has any chaos.

Delays are outside the server view, because an attempt is measured by the exchange alone, and inside the end-to-end one.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial

from chaos.phone_fault import ARRIVES, UNTOUCHED, AttemptTreatment, MessageTreatment, PhoneFault
from chaos.timeline import ScheduledFault
from harness.client.api.call import Call, Service
from harness.client.api.classify import Reading
from harness.client.auth.account import Account
from harness.client.auth.token_manager import TokenManager
from harness.client.clock import DeviceClock
from harness.client.context import Exchange, Exchanges
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.faults.outages import arm
from harness.client.network_state import NetworkState, Outage
from harness.client.realtime.phoenix.connection import Through
from harness.client.write import LOST_REQUEST, OFFLINE, carried
from harness.core.clock import WALL
from harness.core.outcome import Outcome

LOST_REPLY = "lost_reply"
TOO_SLOW = "timeout"
_BEARER = re.compile(rb"authorization: Bearer [^\r]*\r\n")
_EXPIRED_FOR_S = 7200.0


class FaultInjector:
    """One phone's."""

    def __init__(
        self,
        fault_schedule: FaultSchedule,
        api: Exchanges,
        clock: DeviceClock,
        network: NetworkState,
        auth: TokenManager,
        *,
        tls: bool,
        drop_connections: Callable[[], None],
        outdate: Callable[[], None] = lambda: None,
        jitter: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """outdate: what the page remembers is out of date. jitter: seconds by which the app spreads that."""
        self.persona = ""
        self.killed = False  # whether the system ended this session
        self._api = api
        self._clock = clock
        self._network = network
        self._auth = auth
        self._tls = tls
        self._drop_connections = drop_connections
        self._outdate = outdate
        self._jitter = jitter
        self._fault_schedule = fault_schedule
        self._person = auth.person.number
        self._in_cohort = {
            entry.name: entry.in_cohort(fault_schedule.seed, self._person)
            for entry in (*fault_schedule.over_attempts, *fault_schedule.over_phones, *fault_schedule.over_messages)
        }
        self._mine: tuple[ScheduledFault, ...] = ()  # over attempts, that concern this session
        self._messages: tuple[ScheduledFault, ...] = ()  # over messages, likewise
        self._held: deque[tuple[float, Callable[[float], None]]] = deque()  # messages that keep their order
        self._turns: defaultdict[str, int] = defaultdict(int)
        self._met: set[str] = set()  # entries over phones that were counted
        self._hit: set[str] = set()
        self._session: asyncio.Task[object] | None = None

    @property
    def busy(self) -> bool:
        """Whether messages are held on their way in."""
        return bool(self._held)

    def keep(self) -> tuple[dict[str, int], set[str], set[str]]:
        """What outlives a session, of plain values: which turn it is, and which entries it has met."""
        return dict(self._turns), self._met, self._hit

    def remember(self, kept: tuple[dict[str, int], set[str], set[str]]) -> None:
        """What `keep` gave of the same phone. For a new one."""
        turns, self._met, self._hit = kept
        self._turns.update(turns)

    # ---- the session ----------------------------------------------------------------------------------------

    def begin(self, persona: str) -> None:
        """A session of this persona begins, in the current task."""
        fault_schedule = self._fault_schedule
        self.persona, self.killed = persona, False
        self._session = asyncio.current_task()
        self._mine = tuple(entry for entry in fault_schedule.over_attempts if self._concerned(entry))
        self._messages = tuple(entry for entry in fault_schedule.over_messages if self._concerned(entry))
        fault_schedule.present.add(self)
        for entry in fault_schedule.over_phones:
            if fault_schedule.running(entry):
                self.enter(entry)

    def end(self) -> None:
        """The session is over."""
        self._fault_schedule.present.discard(self)
        self._session = None
        self._clock.skew_s = 0.0

    def _concerned(self, entry: ScheduledFault) -> bool:
        return self._in_cohort[entry.name] and entry.concerns_persona(self.persona)

    def _luck(self, entry: ScheduledFault, sequence: int, question: str) -> float:
        return entry.draw_more(self._fault_schedule.seed, self._person, sequence, question)

    # ---- faults over phones ---------------------------------------------------------------------------------

    def enter(self, entry: ScheduledFault) -> None:
        """An entry over phones begins, or a session begins within it."""
        if not self._concerned(entry):
            return
        if entry.name not in self._met:
            self._met.add(entry.name)
            self._fault_schedule.seen(entry)
        self._join_when_due(entry, self._session)

    def _join_when_due(self, entry: ScheduledFault, session: object) -> None:
        """Timers come up to a millisecond early, and more after a long turn; before its time the fault hits nobody."""
        wait = entry.joins_s(self._fault_schedule.seed, self._person) - self._fault_schedule.now()
        if wait > 0:
            self._fault_schedule.loop.call_later(wait, self._join_when_due, entry, session)
        else:
            self._join(entry, session)

    def _join(self, entry: ScheduledFault, session: object) -> None:
        if session is not self._session or session is None or not self._fault_schedule.running(entry):
            return
        fault = entry.fault
        assert isinstance(fault, PhoneFault)
        spell = fault.treat_phone(partial(self._luck, entry, 0))
        if spell.expire and self._auth.account is None:
            return  # there is no token that could run out
        first = entry.name not in self._hit
        if first:
            self._hit.add(entry.name)
            self._fault_schedule.hit(entry)
        if spell.offline:
            now = self._clock.now()
            back = self._fault_schedule.zero + entry.end_s + spell.back_s
            self._network.plan(Outage(now, back - now))
            self._network.advance(now)
            arm(self._network, self._clock)
        if spell.skew_s:
            self._clock.skew_s = spell.skew_s
        if spell.expire and first and self._auth.account is not None:
            self._auth.account.expires_at = self._clock.now()
        if spell.cut and first:
            self._fault_schedule.loop.call_later(spell.cut_s, self._cut, session)
        if spell.outdate and first:
            self._fault_schedule.loop.call_later(spell.outdate_s + self._jitter(), self._outdated, session)

    def _outdated(self, session: object) -> None:
        if session is self._session and not self._fault_schedule.clean:
            self._outdate()

    def _cut(self, session: object) -> None:
        if session is self._session and not self._fault_schedule.clean:
            self._drop_connections()

    def leave(self, entry: ScheduledFault) -> None:
        """An entry over phones ends; the network comes back by the link's own plan."""
        if entry.name in self._hit and entry.fault.name == "clock_skew":
            self._clock.skew_s = 0.0

    def clear(self) -> None:
        """Clean, now."""
        self._clock.skew_s = 0.0
        if any(entry.name in self._hit for entry in self._fault_schedule.over_phones):
            self._network.end_outage(self._clock.now())

    # ---- faults over realtime messages ----------------------------------------------------------------------

    @property
    def through(self) -> Through | None:
        """What realtime messages pass; None when nothing is planned for any."""
        return self.receive if self._fault_schedule.over_messages else None

    def receive(self, take: Callable[[float], None], at: float) -> None:
        """A whole message was read at `at`: `take` it as often, and when, as its fate is; told when that was."""
        fate, now, loop = self._fate(), self._clock.now(), self._fault_schedule.loop
        for delay in fate.delays_s:
            if delay <= 0 and not (fate.in_order and self._held):
                take(at)
            elif not fate.in_order:
                loop.call_later(delay, take, now + delay)
            else:  # not by timers alone: they have whole milliseconds, and a late loop reads before it rings
                due = max(now + delay, self._held[-1][0] if self._held else 0.0)
                self._held.append((due, take))
                loop.call_later(due - now, self._let_go)

    def _let_go(self) -> None:
        """The time of one that was held has come: the first of them goes."""
        due, take = self._held.popleft()
        take(due)

    def _fate(self) -> MessageTreatment:
        fault_schedule, found = self._fault_schedule, ARRIVES
        at = fault_schedule.now()
        for entry in self._messages:
            turn = self._turns[entry.name]
            self._turns[entry.name] = turn + 1
            if not fault_schedule.running(entry):
                continue
            fault_schedule.seen(entry)
            if entry.hits(fault_schedule.seed, self._person, turn, at):
                assert isinstance(entry.fault, PhoneFault)
                before = found
                if (found := entry.fault.treat_message(before, partial(self._luck, entry, turn))) is not before:
                    fault_schedule.hit(entry)
        return found

    # ---- faults over attempts -------------------------------------------------------------------------------

    def _treatment(self, call: Call) -> AttemptTreatment:
        fault_schedule, treatment = self._fault_schedule, UNTOUCHED
        at, has_token = fault_schedule.now(), call.signed_in and self._auth.account is not None
        for entry in self._mine:
            assert isinstance(entry.fault, PhoneFault)
            if not fault_schedule.concerns(entry, call.name) or (entry.fault.needs_sign_in and not has_token):
                continue
            turn = self._turns[entry.name]
            self._turns[entry.name] = turn + 1
            if not fault_schedule.running(entry):
                continue
            fault_schedule.seen(entry)
            if entry.hits(fault_schedule.seed, self._person, turn, at):
                before = treatment
                if (treatment := entry.fault.treat(before, partial(self._luck, entry, turn))) is not before:
                    fault_schedule.hit(entry)
        return treatment

    async def attempt(self, call: Call, path: str, headers: bytes, payload: bytes | None) -> tuple[int | None, Reading]:
        """As `ApiClient.exchange`, with the faults that hit it. The status is None where no whole answer came."""
        treatment = self._treatment(call)
        if treatment is UNTOUCHED:
            found = await self._api.exchange(call, path, headers, payload)
            return found.status, found.reading
        deadline = self._clock.now() + call.timeout_s
        before = treatment.before_s
        if treatment.transit is not None:
            size = len(headers) + len(path) + (len(payload) if payload else 0)
            before += treatment.transit.before_s(size, self._fault_schedule.now())
        if (failed := await self._wait(before, deadline)) is not None:
            return None, failed
        if treatment.lost == "request":
            return None, await self._unheard(treatment, deadline, LOST_REQUEST)
        if treatment.expired and call.signed_in:
            headers = self._expired(headers)
        self._aside(treatment, call, path, headers, payload)
        left = max(0.0, deadline - self._clock.now())  # what a fault took before counts too: the app waits once
        found = await self._api.exchange(call, path, headers, payload, patience_s=left)
        if found.status is None:
            return None, found.reading
        if treatment.lost == "reply":
            return None, await self._unheard(treatment, deadline, LOST_REPLY)
        failed = await self._wait(self._after(treatment, found), deadline)
        return (None, failed) if failed is not None else (found.status, found.reading)

    def _after(self, treatment: AttemptTreatment, found: Exchange) -> float:
        """Seconds from the reply's arrival until the app has it. What a browser asked before went the same way, and its
        time is made up for here."""
        after = treatment.after_s
        if found.asked:
            after += treatment.before_s + treatment.after_s
        if treatment.transit is not None:
            handshakes = 0 if not found.connected else 1 if not self._tls else 2
            after += treatment.transit.after_s(found.bytes_in, handshakes + found.asked, self._fault_schedule.now())
        if treatment.bytes_per_s:
            after += found.bytes_in / treatment.bytes_per_s
        return after

    async def _wait(self, seconds: float, deadline: float) -> Reading | None:
        """Let time pass; what the app sees when its patience or its network ended meanwhile."""
        if seconds <= 0:
            return None
        left = deadline - self._clock.now()
        await asyncio.sleep(min(seconds, max(0.0, left)))
        if not self._network.online:
            return Reading(Outcome.NETWORK, code=OFFLINE)
        return Reading(Outcome.TIMEOUT, code=TOO_SLOW) if seconds > left else None

    async def _unheard(self, treatment: AttemptTreatment, deadline: float, code: str) -> Reading:
        if treatment.patience == "timeout":
            await asyncio.sleep(max(0.0, deadline - self._clock.now()))
            return Reading(Outcome.TIMEOUT, code=code)
        return Reading(Outcome.NETWORK, code=code)

    def _aside(self, treatment: AttemptTreatment, call: Call, path: str, headers: bytes, payload: bytes | None) -> None:
        """What happens beside the request, from its leaving on."""
        for delay in treatment.copies_s:
            self._fault_schedule.beside(self._copy(delay, call, path, headers, payload))
        if treatment.kill_s is not None:
            self._fault_schedule.loop.call_later(treatment.kill_s, self._kill, self._session)

    async def _copy(self, delay: float, call: Call, path: str, headers: bytes, payload: bytes | None) -> None:
        """The same bytes once more; nobody reads the answer. Not when the app was closed or lost its network."""
        writes, session = carried.get(), self._session
        await asyncio.sleep(delay)
        if session is None or session is not self._session or not self._network.online:
            return
        if call.service is not Service.AUTH:
            for write in writes:
                write.sent_again()
        await self._api.exchange(call, path, headers, payload, asks_first=False)  # bytes, and no browser behind them

    def _kill(self, session: asyncio.Task[object] | None) -> None:
        """The system ends the app, and with it this session."""
        if session is None or session is not self._session or self.killed:
            return
        self.killed = True
        self._network.kill()
        session.cancel()

    def _expired(self, headers: bytes) -> bytes:
        """With a token that is past its time; where we cannot make one, with one whose signature is wrong."""
        person, secret = self._auth.person, self._auth.secrets.jwt_secret.reveal()
        account = self._auth.account
        if account is None:
            return headers
        if secret and person.user_id is not None:
            past = Account.minted(person.user_id, person.email, secret, now=0.0, epoch=WALL.now() - _EXPIRED_FOR_S)
            token = past.access_token
        else:
            body, _, signature = account.access_token.rpartition(".")
            token = f"{body}.{signature[::-1]}"
        return _BEARER.sub(b"authorization: Bearer " + token.encode() + b"\r\n", headers, count=1)
