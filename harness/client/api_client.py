"""Makes the app's calls: headers, who tries again, one attempt on the wire, what it came to.

request             a call as a screen makes it; its reply is checked (`harness.client.checks`)
  tries             those of both layers of the app, or of the profile's policy
  attempt           what the app sees of one try: no network, a fault, or the exchange
    exchange        one wire request, measured and noted, after what a browser has to ask first
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from harness.client.api import retry, retry_policy
from harness.client.api.call import EDGE_SERVICES, Call, Caller, Service
from harness.client.api.chat_calls import SpecialCall
from harness.client.api.classify import Reading, counted, invoked, read
from harness.client.api.headers import HeaderProfiles
from harness.client.api.retry_policy import Retries
from harness.client.api.rows_written import rows_written
from harness.client.background_tasks import LET_GO
from harness.client.cache.network_mode import NetworkMode
from harness.client.cache.queries import in_fetch, tried_again
from harness.client.checks.read_checks import WATCHED, ReadChecks
from harness.client.checks.read_rule import CheckedReply
from harness.client.clock import DeviceClock
from harness.client.context import Attempts, Credentials, Exchange, Observer
from harness.client.http.client import NEVER_LEFT, HttpClient, WireError
from harness.client.http.reply import Reply
from harness.client.network_state import NetworkState
from harness.client.notes import SessionNotes
from harness.client.preflights import Denied, Passed, Preflights
from harness.client.write import OFFLINE, carried
from harness.core import ids
from harness.core.outcome import Outcome
from harness.core.read_log import KeptReply, ReadSample, ReadViolation
from harness.core.retry_policies import RetryPolicy

_NOISE = random.Random()
"""Decides nothing, and is drawn beside sessions, where it would shift their own draws. One for all devices."""


class ApiClient:
    """One device's. credentials, faults: set by the device that puts the parts together; faults None: none planned.

    app_origin: of a page in a browser that came from elsewhere than `server`, the target's origin; "" for all others.
    """

    def __init__(
        self,
        clock: DeviceClock,
        network: NetworkState,
        notes: SessionNotes,
        observer: Observer,
        *,
        anon_key: str,
        open_http: Callable[[], HttpClient],
        app_origin: str = "",
        server: str = "",
        mode: NetworkMode,
        policy: RetryPolicy = RetryPolicy.SHIPPED,
        budget_ratio: float = 0.1,
    ) -> None:
        self.credentials: Credentials
        self.faults: Attempts | None = None
        self._clock = clock
        self._network = network
        self._mode = mode
        self._notes = notes
        self._observer = observer
        told = observer.checked, self._violated, observer.problem, observer.samples, self._sampled
        self._checks = ReadChecks(*told, titles=observer.titles, prints=observer.prints, printed=self._printed)
        self._open_http = open_http
        self._http = open_http()
        self._resent = 0  # requests that the wire wrote twice
        self._headers = HeaderProfiles(anon_key, self.request_id, origin=app_origin)
        self._preflights = (
            Preflights(app_origin, server, self._headers, lambda: self._http, network, notes, observer, clock.now)
            if app_origin
            else None
        )
        shipped = policy is RetryPolicy.SHIPPED
        self._retries = None if shipped else Retries(policy, budget_ratio, _NOISE.random)

    @property
    def backlog_bytes(self) -> int:
        """What this device has written and the system has not taken."""
        return self._http.backlog_bytes

    def cut(self) -> None:
        """Connections end, with what is under way on them."""
        self._checks.memory.forget_page()
        self._http.close()
        self._http = self._open_http()

    def closed_app(self) -> None:
        """The browser is gone, and with it what it remembered of what it asked."""
        if self._preflights is not None:
            self._preflights.forget()

    def reset(self) -> None:
        """Connections end as if the target had reset them; the app goes on, and knows nothing."""
        self._checks.memory.forget_page()
        self._http.reset()

    def close(self) -> None:
        """Connections end for good."""
        self._http.close()

    def keep(self) -> tuple[float | None, Any]:
        """What outlives a session, of plain values: the tokens of a budget, and what the checks know."""
        return None if self._retries is None else self._retries.tokens, self._checks.keep()

    def remember(self, kept: tuple[float | None, Any]) -> None:
        """What `keep` gave of the same device. For a new one."""
        tokens, checks = kept
        if self._retries is not None and tokens is not None:
            self._retries.tokens = tokens
        self._checks.remember(checks)

    def request_id(self) -> str:
        """A fresh id for an `x-request-id` header."""
        bits = _NOISE.getrandbits(128)
        return ids.written(bits & ~(0xF << 76 | 3 << 62) | 4 << 76 | 2 << 62)

    async def request(self, call: Call, *arguments: str, body: Any = None, raw: bytes | None = None) -> Reading:
        """Make a call as the app does, with the tries its callers make; the last try's reading.

        `body` is encoded as JSON; `raw` is sent as it is. A call that the app itself refuses to send (contract 1.2,
        quirks A and B) ends with status 0 and leaves no attempt. Without a network reads and mutations wait for one.
        Never raises but for cancellation. :raises SessionClosed: when the run or the page ends while it waits.
        """
        if call.caller is Caller.MUTATION:
            async with self._mode.mutation():
                return await self._request(call, arguments, body, raw)
        if call.caller is Caller.QUERY and not self._mode.reads_now() and not in_fetch():
            await self._mode.read()
        return await self._request(call, arguments, body, raw)

    async def _request(self, call: Call, arguments: tuple[str, ...], body: Any, raw: bytes | None) -> Reading:
        credentials, edge = self.credentials, call.edge
        if call.signed_in and not credentials.holds():
            await credentials.refresh_if_due()
        if edge and (refused := await credentials.refused(call)) is not None:
            return refused
        account = credentials.account
        if call.name not in WATCHED:
            return await self._tried(call, arguments, body, raw)
        if call.signed_in and (account is None or credentials.authorization(edge=edge) is None):  # asked as nobody
            return await self._tried(call, arguments, body, raw)
        sent = body if raw is None else raw
        reply = CheckedReply(
            call.name, "" if account is None else account.user_id, arguments, sent, None, self._clock.now()
        )
        self._checks.begins(call.name, arguments, sent)
        outcome, resent = Outcome.GAVE_UP, self._resent
        try:
            reading = await self._tried(call, arguments, body, raw)
            outcome, reply.data, reply.first_s = reading.outcome, reading.data, reading.first_s
        finally:
            # Of a request that was written twice the first may be carried out whenever the server gets to it.
            reply.at, reply.copies = self._clock.now(), self._notes.copies_writes or self._resent != resent
            self._checks.ends(reply, outcome)
        return reading

    def _violated(self, call: str, rule: str, found: ReadViolation) -> None:
        notes = self._notes
        self._observer.violated(self._clock.now(), notes.ticket, notes.person, call, rule, found)

    def _sampled(self, reply: CheckedReply, sample: ReadSample) -> None:
        self._observer.sampled(reply.begun, reply.at, self._notes.person, reply.call, sample)

    def _printed(self, reply: CheckedReply, kept: KeptReply) -> None:
        self._observer.printed(reply.begun, reply.at, self._notes.person, reply.call, kept)

    async def _tried(self, call: Call, arguments: tuple[str, ...], body: Any, raw: bytes | None) -> Reading:
        """The tries of a request; the last one's reading."""
        credentials, edge = self.credentials, call.edge
        payload = raw if raw is not None else (None if body is None else orjson.dumps(body))
        path = call.path.format(*arguments) if arguments else call.path
        headers = self._headers.block(call, credentials.authorization(edge=edge) if call.signed_in else None)
        if self._retries is not None and retry_policy.concerns(call):
            return await self._with_policy(self._retries, call, path, headers, payload)
        if self.faults is None and self._network.online:
            status, reading, *_ = await self.exchange(call, path, headers, payload)
        else:
            status, reading = await self._attempt(call, path, headers, payload)
        if retry.transport_retries(call.method, status):
            reading = await self._with_transport_retries(call, path, headers, payload, status, reading)
        if call.caller is not Caller.QUERY or reading.outcome.good:
            return reading
        for delay in retry.query_delays():
            if reading.outcome.good or not tried_again():
                break
            await asyncio.sleep(delay)
            await self._mode.read(again=True)
            if not tried_again():
                break
            status, reading = await self._attempt(call, path, headers, payload)
            reading = await self._with_transport_retries(call, path, headers, payload, status, reading)
        return reading

    async def _with_transport_retries(
        self, call: Call, path: str, headers: bytes, payload: bytes | None, status: int | None, reading: Reading
    ) -> Reading:
        """The tries after the first, which ended so."""
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
            if call.caller is Caller.QUERY:
                await self._mode.read(again=True)

    async def _attempt(
        self, call: Call, path: str, headers: bytes, payload: bytes | None
    ) -> tuple[int | None, Reading]:
        """One request, as the app sees it. The status is None when there was no complete answer."""
        if not self._network.online:
            return None, Reading(Outcome.NETWORK, code=OFFLINE)  # no packet, hence no attempt
        if self.faults is not None:
            return await self.faults.attempt(call, path, headers, payload)
        found = await self.exchange(call, path, headers, payload)
        return found.status, found.reading

    async def exchange(
        self,
        call: Call,
        path: str,
        headers: bytes,
        payload: bytes | None,
        *,
        patience_s: float | None = None,
        asks_first: bool = True,
    ) -> Exchange:
        """One wire request, measured; for `_attempt` and the fault injector. patience_s: of the call's time, what is
        left; None: all of it. asks_first: whether a browser asks for it before."""
        observer, log, now = self._observer, self._notes.log, self._clock.now
        begun, left = now(), call.timeout_s if patience_s is None else patience_s
        passed: Passed | None = None
        if asks_first and (preflights := self._preflights) is not None:
            ask = preflights.ask(call, path)
            if ask is not None:
                try:
                    passed = await preflights.pass_(ask, call, path, left)
                except Denied as denied:
                    return self._kept_back(call, begun, denied)
                begun, left = now(), max(0.0, left - passed.seconds)
        since = [begun]  # when the attempt under way began: a second one begins where the wire writes it once more
        try:
            reply = await self._http.send(
                call.method,
                path,
                headers,
                payload,
                timeout_s=left,
                resends=partial(self._wrote_again, call, since),
            )
        except WireError as error:
            begun = since[0]
            at = begun if error.sent_at is None else error.sent_at
            outcome, code = (error.outcome, error.detail) if self._network.online else (Outcome.NETWORK, OFFLINE)
            # The limits of our own side are not the target's time.
            held_s = error.held_s if error.sent_at is None else 0.0
            observer.attempt(call.method, call.name, outcome, at + held_s, now() - at - held_s, 0, code)
            self._notes.held(error.held_s)
            log.sent(call.name, now() - begun, failed=outcome is not Outcome.GAVE_UP)
            return Exchange(None, Reading(outcome, code=code))
        except asyncio.CancelledError as cancelled:
            begun = since[0]
            if NEVER_LEFT in cancelled.args:
                self._notes.held(now() - begun)
                raise  # no packet, hence no attempt
            outcome = Outcome.ABORTED if LET_GO in cancelled.args else Outcome.GAVE_UP
            observer.attempt(call.method, call.name, outcome, begun, now() - begun, 0, "cancelled")
            log.sent(call.name, now() - begun)
            raise
        if reply.held_s:
            self._notes.held(reply.held_s)
        if reply.connect_s:
            observer.connected(reply.sent_at, reply.connect_s)
        reading = _read(call, reply)
        observer.attempt(
            call.method, call.name, reading.outcome, reply.sent_at, reply.server_s, reply.bytes_in, reading.code
        )
        rows = rows_written(call.name, reading)
        bad = not reading.outcome.good
        log.sent(call.name, now() - since[0], reply.bytes_out, reply.bytes_in, rows, failed=bad)
        connected = reply.connect_s > 0 or (passed is not None and passed.connected)
        return Exchange(reply.status, reading, reply.bytes_in, connected, passed is not None)

    def _wrote_again(self, call: Call, since: list[float], died: WireError) -> None:
        """The wire writes it once more, and the app knows nothing of it: two attempts, of which this one failed."""
        assert died.sent_at is not None
        ended = self._clock.now()
        self._observer.attempt(call.method, call.name, died.outcome, died.sent_at, ended - died.sent_at, 0, died.detail)
        self._notes.log.sent(call.name, ended - since[0], failed=True)
        self._resent += 1
        if call.service is not Service.AUTH and call.method not in retry.TRANSPORT_METHODS:
            for write in carried.get():
                write.sent_again()
        since[0] = ended

    def _kept_back(self, call: Call, begun: float, denied: Denied) -> Exchange:
        """A request that its preflight kept from leaving: a failure of the call, but for what is so as shipped."""
        if not denied.expected:
            seconds = self._clock.now() - begun
            self._observer.attempt(call.method, call.name, denied.outcome, begun, seconds, 0, denied.code)
            self._notes.log.sent(call.name, 0.0, failed=True)
        return Exchange(None, Reading(denied.outcome, code=denied.code))


def _read(call: Call, reply: Reply) -> Reading:
    """What the app makes of a reply; of one that may come in pieces also when the first of them came."""
    if isinstance(call, SpecialCall):
        return call.reader(call.service, reply.status, reply.body)._replace(first_s=reply.first_body_s)
    reading = read(call.service, reply.status, reply.body)
    if call.service in EDGE_SERVICES:
        return invoked(reading, reply.raw_headers.get(b"content-type"))
    return counted(reading, reply.raw_headers.get(b"content-range")) if call.method == "HEAD" else reading
