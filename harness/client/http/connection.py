"""One open HTTP/1.1 connection: one request at a time, its clock, its timeout, its end."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from harness.client.http.reply import Detail, Malformed, Reply, WireError
from harness.client.http.reply_reader import ReplyReader
from harness.core.outcome import Outcome

EARLY_S = 0.0015
"""uvloop's timers have whole milliseconds and come up to one early."""

if TYPE_CHECKING:
    Waiter = asyncio.Future[Reply]


class Owner(Protocol):
    """Who hands out connections and hears of their fate."""

    def released(self, connection: Connection) -> None:
        """The reply is complete and the connection may carry another request."""

    def lost(self, connection: Connection) -> None:
        """The connection is of no more use. May be said more than once."""

    def gone(self) -> None:
        """The connection's descriptor is closed. Said once for each connection."""


class Connection(asyncio.Protocol):
    """Made by the wire, opened by `loop.create_connection`. Between `start` and its reply it is busy; otherwise idle.

    usable: open, and nothing unasked-for has arrived.
    idle_since: monotonic seconds of the last completed reply.
    """

    __slots__ = (
        "_connect_s",
        "_deadline",
        "_first_body_at",
        "_first_byte_at",
        "_gone",
        "_loop",
        "_owner",
        "_reader",
        "_request_size",
        "_reused",
        "_sent_at",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiter",
        "idle_since",
        "usable",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, max_body: int) -> None:
        self._owner = owner
        self._loop = loop
        self._reader = ReplyReader(max_body)
        self._transport: asyncio.Transport | None = None
        self._waiter: Waiter | None = None
        self._timer: asyncio.TimerHandle | None = None  # rings at or before the deadline of the request under way
        self._timer_at = self._deadline = 0.0
        self._reused = self._gone = False
        self._connect_s = 0.0
        self._sent_at = self._first_byte_at = self._first_body_at = self.idle_since = 0.0
        self._request_size = 0
        self.usable = True

    def opened(self, connect_s: float) -> None:
        """Name lookup, TCP and TLS took `connect_s`; the first reply reports it."""
        self._connect_s = connect_s

    @property
    def backlog_bytes(self) -> int:
        """Written, and not yet taken by the system."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def start(self, request: bytes, *, head: bool, timeout_s: float) -> Waiter:
        """Write one request; the future ends in a Reply or a WireError within `timeout_s`."""
        assert self._waiter is None, "a connection carries one request at a time"
        transport = self._transport
        assert transport is not None, "started before it was opened"
        loop = self._loop
        self._reader.begin(head=head)
        self._waiter = waiter = loop.create_future()
        self._request_size = len(request)
        self._sent_at = now = monotonic()
        self._deadline = now + timeout_s
        if self._timer is None or self._timer_at > self._deadline:
            self._arm(now)
        transport.write(request)
        return waiter

    def _arm(self, now: float) -> None:
        """A timer a request costs as much as the rest of its clockwork, and nearly none ever rings. So one stays from
        request to request, and looks anew when it rings too early."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._loop.call_later(max(0.0, self._deadline - now), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        now = monotonic()
        if self._deadline - now > EARLY_S:
            self._arm(now)
        else:
            self._fail(Outcome.TIMEOUT, Detail.TIMEOUT)

    def abandon(self, waiter: Waiter) -> None:
        """Whoever awaited `waiter` was cancelled: the reply on its way must never meet another request."""
        if waiter.done() and not waiter.cancelled():
            waiter.exception()  # seen, so that the loop does not report it as forgotten
        if self._waiter is waiter:
            self._forget_request()
            self.abort()

    def give_up(self) -> None:
        """Our own side closes the wire: end a request in flight as given up, and close."""
        if self._waiter is not None:
            self._fail(Outcome.GAVE_UP, Detail.WIRE_CLOSED)
        else:
            self.close()

    def reset(self) -> None:
        """It ends as if the peer had reset it, with whatever is under way."""
        if self._waiter is not None:
            self._fail(Outcome.NETWORK, Detail.RESET)
        else:
            self.abort()

    def close(self) -> None:
        """Close in order (FIN, TLS close_notify); at once when bytes are left that the peer does not take: a transport
        that is closed in order keeps them, and its descriptor, for as long as that lasts."""
        self._retire()
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still in the buffers."""
        self._retire()
        if self._transport is not None:
            self._transport.abort()

    # ---- called by the loop ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()  # bytes nobody asked for
            return
        reader = self._reader
        if not reader.received:
            self._first_byte_at, self._first_body_at = monotonic(), 0.0
        try:
            if not reader.feed(data):
                if not self._first_body_at and reader.has_body:
                    self._first_body_at = monotonic()
                return
        except Malformed as problem:
            self._fail(Outcome.SERVER_ERROR, problem.detail)
            return
        self._finish()

    def eof_received(self) -> bool:
        self._ended(Detail.CLOSED_EARLY)
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(Detail.CLOSED_EARLY if exc is None else Detail.RESET)
        self._transport = None
        self._reader.release()
        self._disarm()
        self.gone()

    def gone(self) -> None:
        """It is closed, or could not be opened: once, whoever comes to know of it first."""
        if not self._gone:
            self._gone = True
            self._owner.gone()

    # ---- how a request ends ---------------------------------------------------------------------------------

    def _ended(self, detail: Detail) -> None:
        """The stream is over: the end of a reply, the end of a request, or of an idle connection."""
        if self._waiter is None:
            self._retire()
        elif detail is Detail.CLOSED_EARLY and self._reader.eof():
            self._finish()
        else:
            self._fail(Outcome.NETWORK, detail)

    def _finish(self) -> None:
        ended = monotonic()
        reader, transport = self._reader, self._transport
        waiter = self._forget_request()
        try:
            body = reader.body()
        except Malformed as problem:
            self.abort()
            self._settle(waiter, self._error(Outcome.SERVER_ERROR, problem.detail))
            return
        sent_at, connect_s = self._sent_at, self._connect_s
        reply = Reply(
            reader.status,
            reader.raw_headers,
            body,
            sent_at,
            self._first_byte_at - sent_at if reader.received else 0.0,
            ended - sent_at,
            connect_s,
            self._request_size,
            reader.received,
            first_body_s=((self._first_body_at or ended) if reader.received else ended) - sent_at,
        )
        reader.forget()
        # An answer that overtook the rest of its request leaves that rest in the buffer: nothing may follow it.
        if reader.keep_alive and self.usable and transport is not None and not transport.get_write_buffer_size():
            self._reused = True
            self._connect_s = 0.0
            self.idle_since = ended
            self._owner.released(self)
        else:
            self.close()
        if not waiter.done():
            waiter.set_result(reply)

    def _fail(self, outcome: Outcome, detail: Detail) -> None:
        waiter = self._forget_request()
        self.abort()
        self._settle(waiter, self._error(outcome, detail))

    def _error(self, outcome: Outcome, detail: Detail) -> WireError:
        stale = outcome is Outcome.NETWORK and self._reused and not self._reader.received
        return WireError(outcome, detail, sent_at=self._sent_at, stale=stale)

    def _forget_request(self) -> Waiter:
        waiter = self._waiter
        assert waiter is not None
        self._waiter = None
        return waiter

    @staticmethod
    def _settle(waiter: Waiter, error: WireError) -> None:
        if not waiter.done():
            waiter.set_exception(error)

    def _retire(self) -> None:
        self._disarm()
        if self.usable:
            self.usable = False
            self._owner.lost(self)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
