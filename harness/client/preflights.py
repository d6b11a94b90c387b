"""A browser's questions before requests to another origin: asked when the cache does not know, and measured.

A question is an attempt of its own, called `preflight`, whatever it is asked for; the call's own latency, as the server
sees it, does not hold it, what the person waits for does. It goes over the same connections: neither it nor the call
carries a browser's credentials, and so Chromium keeps both in one group of sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from harness.client.api.call import Call
from harness.client.api.headers import HeaderProfiles, preflight_ask
from harness.client.background_tasks import LET_GO
from harness.client.context import Observer
from harness.client.http.client import NEVER_LEFT, HttpClient, WireError
from harness.client.http.reply import Reply
from harness.client.network_state import NetworkState
from harness.client.notes import SessionNotes
from harness.client.write import OFFLINE, PREFLIGHT_FAILED, PREFLIGHT_REFUSED
from harness.core.call_names import PREFLIGHT
from harness.core.cors import Ask, Grant, PreflightCache, Refusal, grant_of
from harness.core.outcome import Outcome

METHOD = "OPTIONS"
REFUSED_AS_SHIPPED = frozenset(("onboarding_likes",))
LEFT_OUT = f"{Refusal.HEADER}: x-request-id"
"""What CORS headers of their own may leave out: the shipped app makes these calls in vain then, which is no news and no
failure of anybody (contract 6.5). Any other refusal is one."""


class Denied(Exception):
    """The call does not leave. outcome, code: what the app sees of it; a browser never says why.

    expected: it is so as shipped, or nobody waits any longer: no failure of this call.
    """

    def __init__(self, outcome: Outcome, code: str, *, expected: bool = False) -> None:
        super().__init__(f"{outcome}: {code}")
        self.outcome = outcome
        self.code = code
        self.expected = expected


class Passed(NamedTuple):
    """A question that was answered well. seconds: of the call's time that it took. connected: on a connection of its
    own making."""

    seconds: float
    connected: bool


class Preflights:
    """One device's. origin: of the app's page. server: the target's own. http: the connections of this moment."""

    def __init__(
        self,
        origin: str,
        server: str,
        headers: HeaderProfiles,
        http: Callable[[], HttpClient],
        network: NetworkState,
        notes: SessionNotes,
        observer: Observer,
        now: Callable[[], float],
    ) -> None:
        self._origin = origin
        self._cache = PreflightCache(server)
        self._headers = headers
        self._http = http
        self._network = network
        self._notes = notes
        self._observer = observer
        self._now = now

    def ask(self, call: Call, path: str) -> Ask | None:
        """What has to be asked before this call leaves; None: it may leave at once."""
        ask = preflight_ask(call)
        return None if ask is None or self._cache.allows(path, ask, self._now()) else ask

    async def pass_(self, ask: Ask, call: Call, path: str, timeout_s: float) -> Passed:
        """Ask, within `timeout_s`. :raises Denied: the call may not leave."""
        begun = self._now()
        reply = await self._asked(ask, path, timeout_s, begun)
        grant = grant_of(reply.status, reply.raw_headers, self._origin)
        refusal = grant.refuses(ask) if isinstance(grant, Grant) else str(grant)
        shipped = refusal == LEFT_OUT and call.name in REFUSED_AS_SHIPPED
        outcome = Outcome.OK if shipped else _outcome(reply.status, refusal)
        ended = self._now()
        self._observer.attempt(METHOD, PREFLIGHT, outcome, reply.sent_at, reply.server_s, reply.bytes_in, refusal)
        failed = not outcome.good
        self._notes.log.sent(PREFLIGHT, ended - begun, reply.bytes_out, reply.bytes_in, failed=failed)
        if not isinstance(grant, Grant) or refusal:
            code = PREFLIGHT_REFUSED if shipped or outcome is Outcome.REJECTED else PREFLIGHT_FAILED
            raise Denied(Outcome.NETWORK, code, expected=shipped)
        self._cache.learn(path, grant, ended)
        if not self._network.online:
            raise Denied(Outcome.NETWORK, OFFLINE, expected=True)
        return Passed(ended - begun - reply.held_s, reply.connect_s > 0)

    def forget(self) -> None:
        """The browser is closed. A page that is loaded anew, and a network that was away, change nothing."""
        self._cache.clear()

    async def _asked(self, ask: Ask, path: str, timeout_s: float, begun: float) -> Reply:
        """The question on the wire. Measured here when it gets no answer. :raises Denied: it got none."""
        notes, observer, now = self._notes, self._observer, self._now
        try:
            headers = self._headers.preflight(ask)
            reply = await self._http().send(METHOD, path, headers, None, timeout_s=timeout_s, resends=self._wrote_again)
        except WireError as error:
            at = begun if error.sent_at is None else error.sent_at
            held_s = error.held_s if error.sent_at is None else 0.0
            online = self._network.online
            outcome, code = (error.outcome, str(error.detail)) if online else (Outcome.NETWORK, OFFLINE)
            observer.attempt(METHOD, PREFLIGHT, outcome, at + held_s, now() - at - held_s, 0, code)
            notes.held(error.held_s)
            notes.log.sent(PREFLIGHT, now() - begun, failed=outcome is not Outcome.GAVE_UP)
            if not online or outcome is Outcome.GAVE_UP:
                raise Denied(outcome, code, expected=True) from None
            timed_out = outcome is Outcome.TIMEOUT
            raise Denied(Outcome.TIMEOUT if timed_out else Outcome.NETWORK, PREFLIGHT_FAILED) from None
        except asyncio.CancelledError as cancelled:
            if NEVER_LEFT in cancelled.args:
                notes.held(now() - begun)
                raise
            outcome = Outcome.ABORTED if LET_GO in cancelled.args else Outcome.GAVE_UP
            observer.attempt(METHOD, PREFLIGHT, outcome, begun, now() - begun, 0, "cancelled")
            notes.log.sent(PREFLIGHT, now() - begun)
            raise
        if reply.held_s:
            notes.held(reply.held_s)
        if reply.connect_s:
            observer.connected(reply.sent_at, reply.connect_s)
        return reply

    def _wrote_again(self, died: WireError) -> None:
        """The wire asks once more: the first question was an attempt that failed."""
        assert died.sent_at is not None
        seconds = self._now() - died.sent_at
        self._observer.attempt(METHOD, PREFLIGHT, died.outcome, died.sent_at, seconds, 0, died.detail)
        self._notes.log.sent(PREFLIGHT, seconds, failed=True)


def _outcome(status: int, refusal: str) -> Outcome:
    """Of the question itself. An answer that allows too little is an answer, and the call is what suffers."""
    if not refusal:
        return Outcome.OK
    if status == 429:
        return Outcome.RATE_LIMITED
    if status >= 500:
        return Outcome.SERVER_ERROR
    return Outcome.REJECTED
