"""The wire: one HTTP attempt at a time per connection, a few connections per phone, as cheaply as Python can.

Speaks HTTP/1.1 over connections that the gate opens (asyncio or uvloop). Per request: one future, one timer, no task.
Instants are `time.monotonic()`: the clock of `loop.time()`, which uvloop rounds down to whole milliseconds, too
coarse for latencies.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from urllib.parse import quote

from harness.client.http.connection import Connection
from harness.client.http.manners import BROWSER, WireManners
from harness.client.http.origin import Origin
from harness.client.http.reply import Detail, Reply, WireError
from harness.client.http.wire_budget import HeldClock, WireBudget
from harness.core.outcome import Outcome
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.tls import shared_context

__all__ = ["Detail", "HttpClient", "Origin", "Reply", "WireError"]

MIB = 1024 * 1024
SHUTDOWN_S = 1.0
"""How long a TLS peer may take to answer our close_notify before the descriptor is taken back."""

NEVER_LEFT = "held back until it was cancelled"
"""Argument of the CancelledError of a send that waited for the limits and was never written."""
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~|^`{}\\"


@lru_cache(maxsize=8)  # the same for all phones of a worker
def _fixed(origin: Origin, manners: WireManners) -> bytes:
    return f"host: {origin.authority}\r\naccept-encoding: {manners.offers(origin)}\r\n".encode("ascii")


class HttpClient:
    """The connections of one phone to one origin. Everything happens on `loop`'s thread.

    tls: None means `shared_context()` for https; ignored for http.
    manners: of the program around the app: codings offered, what is written once more, and how many connections are
    open at once at most; further sends wait first come, first served. connections: another number of them.
    connect_timeout_s: name lookup, TCP and TLS of one connection; a send's own timeout covers it too.
    max_body: bytes of one reply's body, as transferred and decoded.
    idle_close_s: connections beyond the last one are closed after this long without a request.
    gate: where connections may go; loopback alone unless somebody says more.
    budget: the worker's share of the target's limits; None: nothing is limited. What waits for it is not late: patience
    with the target stands still meanwhile, and reply and error say how long (`held_s`).
    """

    __slots__ = (
        "_budget",
        "_busy_slots",
        "_closed",
        "_connect_timeout_s",
        "_connections",
        "_fixed",
        "_gate",
        "_holds",
        "_idle",
        "_idle_close_s",
        "_limit",
        "_loop",
        "_manners",
        "_max_body",
        "_patience",
        "_reaper",
        "_tls",
        "_waiting",
        "origin",
    )

    def __init__(
        self,
        origin: Origin,
        *,
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext | None = None,
        manners: WireManners = BROWSER,
        connections: int | None = None,
        connect_timeout_s: float = 10.0,
        max_body: int = 16 * MIB,
        idle_close_s: float = 5.0,
        gate: Gate = LOOPBACK,
        budget: WireBudget | None = None,
    ) -> None:
        if connections is None:
            connections = manners.connections
        if connections < 1:
            raise ValueError("a wire needs at least one connection")
        self.origin = origin
        self._loop = loop
        self._tls = (tls or shared_context()) if origin.scheme == "https" else None
        self._gate = gate
        self._limit = connections
        self._manners = manners
        self._connect_timeout_s = connect_timeout_s
        self._max_body = max_body
        self._idle_close_s = idle_close_s
        self._budget = budget
        self._holds = None if budget is None else HeldClock()
        self._patience: Callable[[], float] = monotonic if self._holds is None else self._holds.patience
        self._fixed = _fixed(origin, manners)
        self._connections: list[Connection] = []  # six at most; a set keeps the size of its best days
        self._busy_slots = 0  # connections open, being opened, or promised to someone who waits
        self._idle: list[Connection] = []  # the most recently used last
        self._waiting: list[asyncio.Future[Connection | None]] = []  # few, and a deque has half a kilobyte
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def open_connections(self) -> int:
        """Connections open or being opened."""
        return len(self._connections)

    @property
    def backlog_bytes(self) -> int:
        """Written, and not yet taken by the system."""
        if len(self._idle) == len(self._connections):
            return 0  # an idle connection has nothing left to write
        return sum(connection.backlog_bytes for connection in self._connections)

    async def send(
        self,
        method: str,
        path: str,
        headers: bytes,
        body: bytes | None,
        *,
        timeout_s: float,
        resends: Callable[[WireError], None] = lambda died: None,
    ) -> Reply:
        """Send one request and read its whole reply, within `timeout_s` from now, waiting and connecting included.

        method: upper case. path: absolute, with its query; characters a URL cannot carry are percent-encoded.
        headers: complete `name: value\\r\\n` lines without host, content-length and accept-encoding.

        A request that was written on a kept connection which then ended without a byte of an answer is written once
        more on a fresh connection, by a browser whatever its method (contract 0.2): the server may have acted on the
        first. `resends` is told of the first before the second is written, and may not raise.

        Raises WireError and nothing else, except CancelledError; cancelling closes the connection in use.
        """
        began, patience, holds = monotonic(), self._patience, self._holds
        deadline = patience() + timeout_s
        held_before = 0.0 if holds is None else holds.total()
        request = self._assemble(method, path, headers, body)
        resent = written = False
        held_s = 0.0
        try:
            connection = self._idle.pop() if self._idle else await self._acquire(deadline)
            while True:
                if holds is not None:
                    connection = await self._let_go(connection, deadline)
                    held_s = holds.total() - held_before
                waiter = connection.start(request, head=method == "HEAD", timeout_s=deadline - patience())
                written = True
                try:
                    reply = await waiter
                except asyncio.CancelledError:
                    connection.abandon(waiter)
                    raise
                except WireError as error:
                    del waiter  # it holds the error, whose traceback holds this frame: a cycle per failed request
                    if resent or not error.stale or not self._manners.resends(method):
                        raise
                    error.elapsed_s = monotonic() - began
                    resends(error)
                else:
                    reply.resent = resent
                    reply.held_s = held_s
                    return reply
                resent = True
                connection = await self._acquire(deadline, fresh=True)
        except WireError as error:
            error.elapsed_s = monotonic() - began
            error.held_s = held_s if written or holds is None else holds.total() - held_before
            raise
        except asyncio.CancelledError as cancelled:
            if not written and holds is not None and holds.total() > held_before:
                cancelled.args = (NEVER_LEFT,)
            raise

    def close(self) -> None:
        """Close every connection. Sends still under way end in WireError `gave_up`, "wire closed". Idempotent."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for connection in tuple(self._connections):
            connection.give_up()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)  # wakes it to find the wire closed
        self._waiting.clear()
        if self._holds is not None:
            self._holds.release()

    def reset(self) -> None:
        """Every connection ends as if the target had reset it; the wire goes on with new ones."""
        for connection in tuple(self._connections):
            connection.reset()

    # ---- the request's bytes --------------------------------------------------------------------------------

    def _assemble(self, method: str, path: str, headers: bytes, body: bytes | None) -> bytes:
        if not (path.isascii() and path.isprintable()) or " " in path:
            path = quote(path, safe=_URL_SAFE)
        line = f"{method} {path} HTTP/1.1\r\n".encode("latin-1")
        if body is not None:
            return b"".join((line, self._fixed, headers, b"content-length: %d\r\n\r\n" % len(body), body))
        end = b"content-length: 0\r\n\r\n" if method in _WITH_BODY else b"\r\n"
        return b"".join((line, self._fixed, headers, end))

    # ---- getting a connection -------------------------------------------------------------------------------

    async def _acquire(self, deadline: float, *, fresh: bool = False) -> Connection:
        """An open connection with nothing on it; with `fresh`, none that has been lying idle."""
        again = False
        while True:
            self._check_open()
            if self._idle and not fresh:
                return self._idle.pop()
            if self._busy_slots < self._limit and self._may_open_another():
                self._busy_slots += 1
                return await self._open(deadline)
            if self._idle:
                self._idle[0].close()  # frees its slot
                continue
            offered = await self._wait_for_slot(deadline, first=again)
            self._check_open()
            if offered is None:
                return await self._open(deadline)
            if offered.usable:
                return offered
            again = True  # it died on the way to us: back to the head of the queue

    def _check_open(self) -> None:
        if self._closed:
            raise WireError(Outcome.GAVE_UP, Detail.WIRE_CLOSED)

    def _may_open_another(self) -> bool:
        """Where there is no room for more sockets, those that the phone has must do; a first one waits for room."""
        return self._budget is None or self._budget.roomy or self._busy_slots == 0

    async def _let_go(self, connection: Connection, deadline: float) -> Connection:
        """An open connection on which a request may be written this instant, by the worker's share of the limits."""
        budget, holds = self._budget, self._holds
        assert budget is not None
        assert holds is not None
        if not budget.try_request():
            try:
                await budget.request(holds)
            except BaseException:
                if connection.usable and not self._closed:
                    self.released(connection)
                raise
        while not connection.usable or self._closed:  # it ended while it waited; its request has been counted
            connection = await self._acquire(deadline)
        return connection

    async def _wait_for_slot(self, deadline: float, *, first: bool) -> Connection | None:
        """Queue for an idle connection, or for None: leave to open one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        if first:
            self._waiting.insert(0, waiter)
        else:
            self._waiting.append(waiter)
        timer = self._loop.call_later(max(0.0, deadline - self._patience()), self._waited, waiter, deadline)
        try:
            return await waiter
        except BaseException as problem:
            if waiter.cancelled() or waiter.exception() is not None:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            else:
                self._pass_on(waiter.result())
            if isinstance(problem, TimeoutError):
                raise WireError(Outcome.TIMEOUT, Detail.TIMEOUT) from None
            raise
        finally:
            timer.cancel()

    def _waited(self, waiter: asyncio.Future[Connection | None], deadline: float) -> None:
        """Its time is over, unless patience stood still meanwhile."""
        if waiter.done():
            return
        if (left := deadline - self._patience()) > 0:
            self._loop.call_later(left, self._waited, waiter, deadline)
        else:
            waiter.set_exception(TimeoutError())

    def _pass_on(self, offered: Connection | None) -> None:
        """Whoever was given this cannot take it any more."""
        if offered is None:
            self._free_slot()
        elif offered.usable:
            self.released(offered)

    async def _open(self, deadline: float) -> Connection:
        if self._budget is not None:
            await self._let_open(self._budget)
        connection = Connection(self, self._loop, self._max_body)
        self._connections.append(connection)
        began = monotonic()
        total = deadline - self._patience()
        origin, tls = self.origin, self._tls
        try:
            async with asyncio.timeout(min(total, self._connect_timeout_s)):
                await self._gate.connect(lambda: connection, origin.host, origin.port, tls=tls, shutdown_s=SHUTDOWN_S)
        except BaseException as problem:
            connection.abort()
            connection.gone()
            if isinstance(problem, OSError | UnicodeError):
                raise connect_error(problem, short_of_time=total <= self._connect_timeout_s) from problem
            raise
        if self._closed:
            connection.abort()
        self._check_open()
        if not connection.usable:
            raise WireError(Outcome.NETWORK, Detail.CLOSED_EARLY)
        connection.opened(monotonic() - began)
        return connection

    async def _let_open(self, budget: WireBudget) -> None:
        """Wait until a connection may be opened by the worker's share of the limits; then it counts."""
        assert self._holds is not None
        given = budget.try_connection()
        try:
            given = given or await budget.connection(self._holds)
            self._check_open()
        except BaseException:
            if given:
                budget.closed()
            self._free_slot()
            raise

    # ---- called by connections ------------------------------------------------------------------------------

    def released(self, connection: Connection) -> None:
        while self._waiting:
            waiter = self._waiting.pop(0)
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        if self._busy_slots > 1 and self._reaper is None and not self._closed:
            self._reaper = self._loop.call_later(self._idle_close_s, self._reap)

    def lost(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._free_slot()

    def gone(self) -> None:
        """A connection's descriptor is closed, or was never opened."""
        if self._budget is not None:
            self._budget.closed()

    def _free_slot(self) -> None:
        while self._waiting:
            waiter = self._waiting.pop(0)
            if not waiter.done():
                waiter.set_result(None)  # the slot stays taken, now in its name
                return
        self._busy_slots -= 1

    def _reap(self) -> None:
        """Close what has been idle too long, the longest idle first, and keep one."""
        self._reaper = None
        now = monotonic()
        while self._idle and self._busy_slots > 1:
            wait = self._idle[0].idle_since + self._idle_close_s - now
            if wait > 0.001:  # a uvloop timer may come a millisecond early
                self._reaper = self._loop.call_later(wait, self._reap)
                return
            self._idle[0].close()


_UNREACHABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN))
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE))


def connect_error(problem: OSError | UnicodeError, *, short_of_time: bool) -> WireError:
    """What kept a connection from opening, in our words."""
    match problem:
        case TimeoutError():
            detail = Detail.TIMEOUT if short_of_time else Detail.CONNECT_TIMEOUT
            return WireError(Outcome.TIMEOUT, detail)
        case ssl.SSLCertVerificationError():
            detail = Detail.CERTIFICATE
        case ssl.SSLError():
            detail = Detail.TLS
        case socket.gaierror() | UnicodeError():
            detail = Detail.UNRESOLVED
        case _:
            detail = _DETAIL_BY_ERRNO.get(_errno(problem), Detail.CONNECT_FAILED)
    return WireError(Outcome.NETWORK, detail)


_DETAIL_BY_ERRNO: dict[int | None, Detail] = {
    errno.ECONNREFUSED: Detail.REFUSED,
    errno.ECONNRESET: Detail.RESET,
    errno.EPIPE: Detail.RESET,
    **dict.fromkeys(_UNREACHABLE, Detail.UNREACHABLE),
    **dict.fromkeys(_EXHAUSTED, Detail.NO_DESCRIPTORS),
}


def _errno(problem: OSError) -> int | None:
    """The error's number; when several addresses failed, asyncio joins their messages and the first one counts."""
    if problem.errno is not None:
        return problem.errno
    if isinstance(problem, ConnectionResetError):
        return errno.ECONNRESET
    found = re.search(r"\[Errno (\d+)\]", str(problem))
    return int(found[1]) if found else None
