"""One proxied connection: two sockets, two pipes, and what kind of traffic flows through them."""

from __future__ import annotations

import asyncio
import re
from enum import Enum

from chaos.frames import FrameSplitter
from chaos.http1 import HEAD_LIMIT, MalformedHttp, parse_head
from chaos.proxy.endpoint import SessionEndpoint
from chaos.proxy.http_session import HttpSession
from chaos.proxy.pipe import Pipe
from chaos.proxy.ports import PauseReason, SessionOwner
from chaos.proxy.toxic import Direction

REQUEST_LINE = re.compile(rb"[A-Z]{3,10} \S+ HTTP/1\.1\r\n")
GET_BEGUN = re.compile(rb"(?:G|GE|GET|GET [^ \r\n]*|GET [^ \r\n]+ [^ \r\n]*\r?)\Z|GET [^ \r\n]+ HTTP/1\.1\r\n")
LINGER_S = 5.0
"""How long a closing side may take to read what is still in its buffer."""


def is_handshake(head: bytes) -> bool:
    """Whether this whole head asks for a websocket."""
    if not head.startswith(b"GET ") or b"websocket" not in head.lower():
        return False
    try:
        headers = parse_head(head, reply=False).headers
    except MalformedHttp:
        return False
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return "websocket" in headers.get("upgrade", "").lower() and not has_body


class TrafficKind(Enum):
    """What the session knows about its traffic."""

    NEW = "nothing was said yet"
    RAW = "bytes, passed without looking"
    HTTP = "requests and replies, one exchange at a time"
    FRAMES = "a websocket after its handshake"


class ProxySession:
    """From the accepted client to both sockets' end."""

    __slots__ = ("_begun", "_early", "_task", "client", "down", "http", "key", "kind", "proxy", "server", "up")

    def __init__(self, proxy: SessionOwner[ProxySession], number: int) -> None:
        self.proxy = proxy
        self.key = f"connection {number}"
        self.kind = TrafficKind.NEW
        self.http: HttpSession | None = None
        self.client, self.server = SessionEndpoint(self), SessionEndpoint(self)
        clock, seed = proxy.clock, proxy.seed
        self.up = Pipe(self, Direction.UPSTREAM, self.client, self.server, clock, seed)
        self.down = Pipe(self, Direction.DOWNSTREAM, self.server, self.client, clock, seed)
        self._task: asyncio.Task[None] | None = None
        self._early = b""  # came before the upstream was there; uvloop cannot pause in connection_made
        self._begun = b""  # a head that may be a websocket's; passed on as it came
        self.update_faults()

    # ---- opening ----------------------------------------------------------------------------------------------

    def opened(self, side: SessionEndpoint) -> None:
        """Called by the side itself. The client's bytes wait until the upstream is there."""
        if side is self.client:
            self.proxy.opened(self)
            side.pause(PauseReason.CONNECTING)
            self._task = asyncio.get_running_loop().create_task(self._connect())
        elif self.client.gone:
            side.abort()

    async def _connect(self) -> None:
        try:
            reached = await self.proxy.connect(self)
        finally:
            self._task = None
        if not reached:
            self.client.close()
            return
        early, self._early = self._early, b""
        if early:
            self._first(early)
        if self.client.ended:
            self._pass_end(self.client)
        self.client.resume(PauseReason.CONNECTING)

    # ---- what flows -------------------------------------------------------------------------------------------

    def update_faults(self) -> None:
        """The proxy's toxics changed, or this session's kind did."""
        self.up.update_faults(self.proxy.toxics)
        self.down.update_faults(self.proxy.toxics)
        if self.http is not None:
            self.http.update_faults()
        self.route()

    def route(self) -> None:
        """Point both sockets at where their bytes enter now."""
        if self.kind is TrafficKind.NEW:
            self.client.receive = self._first
            self.server.receive = self.down.feed
        elif self.kind is TrafficKind.FRAMES:
            self.client.receive = self.up.feed_frames
            self.server.receive = self.down.feed_frames
        elif self.http is not None:
            self.client.receive = self.http.from_client
            self.server.receive = self.http.from_server
        else:
            self.client.receive = self._watch if self.proxy.reads_http else self.up.feed
            self.server.receive = self.down.feed

    def _first(self, data: bytes) -> None:
        """A websocket is followed from its handshake on, in however many pieces that comes; HTTP is read only where
        something may act on it."""
        if self._task is not None:
            self._early += data
            self.client.resume(PauseReason.CONNECTING)
            self.client.pause(PauseReason.CONNECTING)
            return
        if self.proxy.reads_http and not self._begun:
            self._read_http(data)
            return
        begun = self._begun + data
        end = begun.find(b"\r\n\r\n") + 4
        if end > 3 and is_handshake(begun[:end]):
            self.kind, self._begun = TrafficKind.HTTP, b""
            self.http = HttpSession(self)
            self.http.follow(begun[end:])
        elif end > 3 or len(begun) > HEAD_LIMIT or not GET_BEGUN.match(begun):
            self.kind, self._begun = TrafficKind.RAW, b""
        else:
            self._begun = begun
        self.route()
        self.up.feed(data)

    def _watch(self, data: bytes) -> None:
        """Rules came while this connection was open: take it up at its next request."""
        if REQUEST_LINE.match(data):
            self._read_http(data)
        else:
            self.up.feed(data)

    def _read_http(self, data: bytes) -> None:
        self.kind = TrafficKind.HTTP
        self.http = HttpSession(self)
        self.route()
        self.http.from_client(data)

    def become_raw(self) -> None:
        """Called by the HTTP session: nothing of it is needed any more."""
        self.kind, self.http = TrafficKind.RAW, None
        self.route()

    def become_websocket(self) -> None:
        """Called by the HTTP session after the handshake."""
        self.kind, self.http = TrafficKind.FRAMES, None
        self.up.splitter, self.down.splitter = FrameSplitter(), FrameSplitter()
        self.update_faults()

    # ---- ending -----------------------------------------------------------------------------------------------

    def other(self, side: SessionEndpoint) -> SessionEndpoint:
        return self.server if side is self.client else self.client

    def _pipe_from(self, side: SessionEndpoint) -> Pipe:
        return self.up if side is self.client else self.down

    def is_tls(self, side: SessionEndpoint) -> bool:
        return side is self.server and self.proxy.is_tls

    def source_ended(self, side: SessionEndpoint) -> None:
        """Nothing more will be read from `side`."""
        if side.ended:
            return
        side.ended = True
        if self._task is None:
            self._pass_end(side)

    def _pass_end(self, side: SessionEndpoint) -> None:
        if self.http is None:
            self._pipe_from(side).eof()
        else:
            self.http.eof(from_client=side is self.client)

    def finished(self, side: SessionEndpoint) -> None:
        """Everything that was to be written to `side` has been."""
        source = self.other(side)
        if source.broken:
            side.reset()
        elif source.gone or self.is_tls(side):
            self.close_side(side)
        else:
            side.shut()
        if self._pipe_from(source).closes or (self.client.finished and self.server.finished):
            self.close()

    def lost(self, side: SessionEndpoint) -> None:
        """The socket is closed. What it had sent still goes its way; what was on its way to it is void."""
        self._pipe_from(self.other(side)).dispose()
        self.other(side).resume(PauseReason.HELD | PauseReason.SINK | PauseReason.HTTP)  # nobody is left to wait for
        self.route()
        self.source_ended(side)
        other = self.other(side)
        if other.finished:
            self.close_side(other)
        if other.gone or other.transport is None:
            self._over()

    def _over(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self.up.dispose()
        self.down.dispose()
        if self.http is not None:
            self.http.dispose()
        self.proxy.closed(self)

    def close(self) -> None:
        """End both sides in order."""
        self.close_side(self.client)
        self.close_side(self.server)

    def close_side(self, side: SessionEndpoint) -> None:
        """In order, but not for ever: a peer that does not read is cut off after a while."""
        side.close()
        if side.transport is not None and side.transport.get_write_buffer_size():
            clock = self.proxy.clock
            clock.call_at(clock.time() + LINGER_S, side.abort)

    def close_behind(self) -> None:
        """End both sides in order, once what is on its way to the client is there."""
        self.down.close_behind()
        self.down.eof()

    def reset(self) -> None:
        """End both sides with RST."""
        self.client.reset()
        self.server.reset()
