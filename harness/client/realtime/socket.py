"""One WebSocket: an asyncio Protocol around the sans-I/O protocol of `websockets`, without extensions.

Half the CPU of the same library's asyncio client and two thirds of its memory (`benchmarks/sockets.py`). Whatever the
peer does ends in one `Ending`; nothing raises into the loop. Both uvloop and asyncio set TCP_NODELAY themselves.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Origin as WebSocketOrigin
from websockets.uri import WebSocketURI

from harness.client.http.client import SHUTDOWN_S, connect_error
from harness.client.http.origin import Origin
from harness.client.http.reply import Detail
from harness.client.http.wire_budget import HeldClock, WireBudget
from harness.client.realtime.phoenix import refusal
from harness.client.realtime.phoenix.connection import OFFLINE, UNANSWERED, Ending, PhoenixConnection
from harness.client.realtime.phoenix.timer_wheel import Timer
from harness.core.outcome import Outcome
from harness.egress.gate import LOOPBACK, Gate

MAX_ANSWER = 64 * 1024
"""Bytes of a reply to the upgrade request that are looked at when it is never complete."""
MAX_MESSAGE = 5_000_000
"""Bytes of one message, the server's own limit on frames (contract realtime 1.1)."""

_LOG = logging.getLogger("harness.realtime.socket")
_TEXT, _BINARY, _CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT


class Socket(asyncio.Protocol):
    """A socket of `connection`, from the first packet to its end. over: the connection has been told of its end."""

    __slots__ = (
        "_answer",
        "_binary",
        "_budget",
        "_connection",
        "_counted",
        "_dialling",
        "_parts",
        "_protocol",
        "_timer",
        "_transport",
        "over",
    )

    def __init__(
        self, connection: PhoenixConnection, uri: WebSocketURI, budget: WireBudget | None = None, app_origin: str = ""
    ) -> None:
        self._budget = budget
        self._counted = False  # as an open socket of the budget
        self._connection: PhoenixConnection | None = connection
        self._protocol = ClientProtocol(
            uri, origin=WebSocketOrigin(app_origin) if app_origin else None, max_size=MAX_MESSAGE, logger=_LOG
        )
        self._transport: asyncio.Transport | None = None
        self._timer: Timer | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._parts: bytearray | None = None  # of a message that comes in fragments
        self._binary = False
        self._answer = bytearray()  # to the upgrade request, until it is whole
        self.over = False

    # ---- what the connection wants --------------------------------------------------------------------------------

    def dial(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, tls: ssl.SSLContext | None, gate: Gate = LOOPBACK
    ) -> None:
        """Begin: name lookup, TCP, TLS, upgrade."""
        self._dialling = loop.create_task(self._dial(origin, tls, gate))

    def refuse_offline(self, loop: asyncio.AbstractEventLoop) -> None:
        """End at once without a packet: the phone has no network."""
        loop.call_soon(self._finish, Ending(Outcome.NETWORK, OFFLINE, offline=True))

    def write(self, data: bytes, *, binary: bool) -> None:
        """Send one message; on a socket that is closing it goes nowhere, as in a browser."""
        protocol = self._protocol
        if protocol.state is not State.OPEN:
            return
        if binary:
            protocol.send_binary(data)
        else:
            protocol.send_text(data)
        self._flush()

    def close(self, code: int | None, reason: str, wait_s: float) -> None:
        """Send a close frame and wait up to `wait_s` for the peer's; the connection is told of the end."""
        if self.over:
            return
        if self._protocol.state is not State.OPEN:
            self._end(Ending(Outcome.GAVE_UP, "client closed"))
            return
        self._protocol.send_close(code, reason)
        self._flush()
        self._await_end(wait_s)

    def abort(self, code: str) -> None:
        """It breaks: the network is gone, or the peer would have it so."""
        self._end(Ending(Outcome.NETWORK, code), abruptly=True)

    # ---- opening --------------------------------------------------------------------------------------------

    async def _dial(self, origin: Origin, tls: ssl.SSLContext | None, gate: Gate) -> None:
        try:
            if self._budget is not None and not await self._let_open(self._budget):
                return
            self._give_time()
            await gate.connect(lambda: self, origin.host, origin.port, tls=tls, shutdown_s=SHUTDOWN_S)
        except (OSError, UnicodeError) as problem:
            error = connect_error(problem, short_of_time=False)
            self._end(Ending(error.outcome, error.detail))
        else:
            if self._budget is not None:
                await self._let_upgrade(self._budget)
        finally:
            self._dialling = None
            if self._transport is None:
                self._uncount()

    def _give_time(self) -> None:
        """To connect and be answered, from now on."""
        if self._connection is not None:
            limit = self._connection.generation.handshake_timeout_s
            self._timer = self._connection.wheel.after(limit, self._handshake_timed_out)

    async def _let_open(self, budget: WireBudget) -> bool:
        """Wait until this socket may be opened by the worker's share of the limits."""
        self._counted = budget.try_connection() or await self._waited_for(budget.connection)
        return self._counted and not self.over

    async def _let_upgrade(self, budget: WireBudget) -> None:
        """Send the upgrade, which is a request like any other, when it may be sent."""
        if not budget.try_request():
            if self._timer is not None:
                self._timer.cancel()
            await self._waited_for(budget.request)
            if not self.over:
                self._give_time()
        if not self.over:
            self._upgrade()

    async def _waited_for(self, turn: Callable[[HeldClock], Awaitable[bool]]) -> bool:
        began = monotonic()
        given = await turn(HeldClock())
        if self._connection is not None:
            self._connection.held_back(self, monotonic() - began)
        return given

    def _uncount(self) -> None:
        if self._counted and self._budget is not None:
            self._counted = False
            self._budget.closed()

    def _handshake_timed_out(self) -> None:
        if (refused := refusal.unfinished(self._answer)) is not None:
            self._end(Ending(*refused))
            return
        self._end(Ending(Outcome.TIMEOUT, "no handshake" if self._transport is not None else Detail.CONNECT_TIMEOUT))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self.over:
            self._transport.abort()
            return
        if self._budget is None:
            self._upgrade()

    def _upgrade(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def _answered(self, response: Response) -> None:
        """To the upgrade request: 101, or a refusal in plain HTTP."""
        self._answer.clear()
        problem = self._protocol.handshake_exc
        if problem is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            response.headers.clear()  # the library keeps the answer for as long as the socket is open
            if self._connection is not None:
                self._connection.opened(self)
        elif isinstance(problem, InvalidStatus):
            self._end(Ending(*refusal.upgrade(response.status_code, bytes(response.body or b""))))
        else:  # 101, but not for our key, or with an extension nobody offered
            self._end(Ending(Outcome.SERVER_ERROR, "handshake invalid"))

    # ---- called by the loop ---------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        at = monotonic()
        protocol = self._protocol
        if protocol.state is State.CONNECTING and len(self._answer) < MAX_ANSWER:
            self._answer += data
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event, at)
            else:
                self._answered(cast("Response", event))
        if protocol.writes:
            self._flush()
        if protocol.state is not State.OPEN:
            self._look_for_the_end()

    def eof_received(self) -> bool:
        if not self.over:
            self._protocol.receive_eof()
            for event in self._protocol.events_received():
                if not isinstance(event, Frame):
                    self._answered(cast("Response", event))  # a refusal whose body ended with the connection
            self._look_for_the_end()
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over:
            self._finish(self._ending(Detail.CLOSED_EARLY if exc is None else Detail.RESET))
        self._transport = None
        self._uncount()

    def pause_writing(self) -> None:
        """The peer does not read: answer no more of its pings until it does."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # ---- frames ---------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame, at: float) -> None:
        opcode = frame.opcode
        if opcode is _TEXT or opcode is _BINARY:
            if frame.fin:
                self._message(cast("bytearray", frame.data), at, binary=opcode is _BINARY)
            else:
                self._parts, self._binary = bytearray(frame.data), opcode is _BINARY
        elif opcode is _CONT and self._parts is not None:
            self._parts += frame.data  # joined at once: a list of endless empty fragments would have no limit
            if frame.fin:
                parts, self._parts = self._parts, None
                self._message(parts, at, binary=self._binary)

    def _message(self, data: bytes | bytearray, at: float, *, binary: bool) -> None:
        if self._connection is not None:
            self._connection.received(data, at, binary=binary)

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing():
                continue
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()

    # ---- the end --------------------------------------------------------------------------------------------

    def _look_for_the_end(self) -> None:
        """After bytes or the end of them: refused, broken, or closing in order."""
        protocol = self._protocol
        if self.over or protocol.state is State.OPEN:
            return
        if protocol.state is State.CONNECTING:
            if protocol.handshake_exc is not None:
                self._end(self._ending(Detail.CLOSED_EARLY))
        elif protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
            self._end(self._ending(Detail.CLOSED_EARLY))
        elif self._timer is None and self._connection is not None:
            self._await_end(self._connection.generation.close_wait_s)  # for the server to close the connection

    def _await_end(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._timer = self._connection.wheel.after(wait_s, self._waited)

    def _waited(self) -> None:
        """The connection is still there. With the peer's close frame, that one counts."""
        if self._protocol.close_rcvd is not None:
            self._end(self._ending(Detail.CLOSED_EARLY))
        else:
            self._end(Ending(Outcome.TIMEOUT, UNANSWERED), abruptly=True)

    def _ending(self, detail: Detail) -> Ending:
        """What the protocol knows of the end; `detail` when it knows nothing."""
        protocol = self._protocol
        problem = protocol.parser_exc
        if (refused := refusal.unfinished(self._answer)) is not None:
            return Ending(*refused)
        if protocol.handshake_exc is not None:
            if isinstance(protocol.handshake_exc.__cause__, EOFError):
                return Ending(Outcome.NETWORK, detail)
            return Ending(Outcome.SERVER_ERROR, Detail.NOT_HTTP)
        if isinstance(problem, PayloadTooBig):
            return Ending(Outcome.SERVER_ERROR, "message too big")
        if isinstance(problem, ProtocolError):
            return Ending(Outcome.SERVER_ERROR, f"bad frame: {problem}")
        if problem is not None and not isinstance(problem, EOFError):
            return Ending(Outcome.SERVER_ERROR, "bad frame")
        if protocol.close_rcvd is not None:
            return Ending(*refusal.close(protocol.close_rcvd.code))
        if protocol.state is State.CONNECTING or detail is Detail.RESET:
            return Ending(Outcome.NETWORK, detail)
        return Ending(*refusal.close(1006))

    def _end(self, ending: Ending, *, abruptly: bool = False) -> None:
        """Be done with the connection: in order (our close frame, FIN), or at once when nobody may be there."""
        if self._dialling is not None and (self._transport is None or self._budget is not None):
            self._dialling.cancel()
        transport = self._transport
        if transport is not None:
            self._flush()
            if abruptly or transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()
        self._finish(ending)

    def _finish(self, ending: Ending) -> None:
        if self.over:
            return
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self._connection, self._parts = self._connection, None, None
        if connection is not None:
            connection.closed(self, ending)
