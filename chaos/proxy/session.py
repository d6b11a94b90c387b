"""One proxied connection: two sockets, two pipes, and what kind of traffic flows through them."""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import TYPE_CHECKING

from chaos.frames import FrameSplitter
from chaos.proxy.endpoint import Endpoint, Hold
from chaos.proxy.http_session import HttpSession
from chaos.proxy.pipe import Pipe
from chaos.proxy.toxic import Direction

if TYPE_CHECKING:
    from chaos.proxy.proxy import Proxy

REQUEST_LINE = re.compile(rb"[A-Z]{3,10} \S+ HTTP/1\.1\r\n")
LINGER_S = 5.0
"""How long a closing side may take to read what is still in its buffer."""


class TrafficKind(Enum):
    """What the link knows about its traffic."""

    NEW = "nothing was said yet"
    RAW = "bytes, passed without looking"
    HTTP = "requests and replies, one exchange at a time"
    FRAMES = "a websocket after its handshake"


class ProxySession:
    """From the accepted client to both sockets' end."""

    __slots__ = ("_early", "_task", "client", "down", "key", "kind", "proxy", "server", "talk", "up")

    def __init__(self, proxy: Proxy, number: int) -> None:
        self.proxy = proxy
        self.key = f"connection {number}"
        self.kind = TrafficKind.NEW
        self.talk: HttpSession | None = None
        self.client, self.server = Endpoint(self), Endpoint(self)
        clock, seed = proxy.clock, proxy.seed
        self.up = Pipe(self, Direction.UPSTREAM, self.client, self.server, clock, seed)
        self.down = Pipe(self, Direction.DOWNSTREAM, self.server, self.client, clock, seed)
        self.client.out, self.server.out = self.up, self.down
        self._task: asyncio.Task[None] | None = None
        self._early = b""  # came before the upstream was there; uvloop cannot pause in connection_made
        self.tune()

    # ---- opening ----------------------------------------------------------------------------------------------

    def opened(self, side: Endpoint) -> None:
        """Called by the side itself. The client's bytes wait until the upstream is there."""
        if side is self.client:
            self.proxy.links.add(self)
            side.pause(Hold.CONNECTING)
            self._task = self.proxy.loop.create_task(self._connect())
        elif self.client.gone:
            side.abort()

    async def _connect(self) -> None:
        upstream = self.proxy.upstream
        try:
            async with asyncio.timeout(self.proxy.connect_timeout_s):
                await self.proxy.loop.create_connection(
                    lambda: self.server, upstream.host, upstream.port, ssl=self.proxy.tls
                )
        except (OSError, TimeoutError) as error:  # refused, unknown name, certificate that does not verify
            self.proxy.failed_to_connect(error)
            self.client.close()
            return
        finally:
            self._task = None
        early, self._early = self._early, b""
        if early:
            self._first(early)
        if self.client.ended:
            self._pass_end(self.client)
        self.client.resume(Hold.CONNECTING)

    # ---- what flows -------------------------------------------------------------------------------------------

    def tune(self) -> None:
        """The proxy's toxics changed, or this link's kind did."""
        self.up.tune(self.proxy.toxics)
        self.down.tune(self.proxy.toxics)
        if self.talk is not None:
            self.talk.tune()
        self.aim()

    def aim(self) -> None:
        """Point both sockets at where their bytes enter now."""
        if self.kind is TrafficKind.NEW:
            self.client.receive = self._first
            self.server.receive = self.down.feed
        elif self.kind is TrafficKind.FRAMES:
            self.client.receive = self.up.feed_frames
            self.server.receive = self.down.feed_frames
        elif self.talk is not None:
            self.client.receive = self.talk.from_client
            self.server.receive = self.talk.from_server
        else:
            self.client.receive = self._watch if self.proxy.reads_http else self.up.feed
            self.server.receive = self.down.feed

    def _first(self, data: bytes) -> None:
        """A websocket is followed from its handshake on; HTTP only where something may act on it."""
        if self._task is not None:
            self._early += data
            self.client.resume(Hold.CONNECTING)
            self.client.pause(Hold.CONNECTING)
            return
        self.kind = TrafficKind.RAW
        if self.proxy.reads_http or (data.startswith(b"GET ") and b"upgrade: websocket" in data[:4096].lower()):
            self._converse(data)
        else:
            self.aim()
            self.up.feed(data)

    def _watch(self, data: bytes) -> None:
        """Rules came while this connection was open: take it up at its next request."""
        if REQUEST_LINE.match(data):
            self._converse(data)
        else:
            self.up.feed(data)

    def _converse(self, data: bytes) -> None:
        self.kind = TrafficKind.HTTP
        self.talk = HttpSession(self)
        self.aim()
        self.talk.from_client(data)

    def become_raw(self) -> None:
        """Called by the conversation: nothing of it is needed any more."""
        self.kind, self.talk = TrafficKind.RAW, None
        self.aim()

    def become_websocket(self) -> None:
        """Called by the conversation after the handshake."""
        self.kind, self.talk = TrafficKind.FRAMES, None
        self.up.splitter, self.down.splitter = FrameSplitter(), FrameSplitter()
        self.tune()

    # ---- ending -----------------------------------------------------------------------------------------------

    def other(self, side: Endpoint) -> Endpoint:
        return self.server if side is self.client else self.client

    def is_tls(self, side: Endpoint) -> bool:
        return side is self.server and self.proxy.tls is not None

    def source_ended(self, side: Endpoint) -> None:
        """Nothing more will be read from `side`."""
        if side.ended:
            return
        side.ended = True
        if self._task is None:
            self._pass_end(side)

    def _pass_end(self, side: Endpoint) -> None:
        if self.talk is None:
            side.out.eof()
        else:
            self.talk.eof(from_client=side is self.client)

    def finished(self, side: Endpoint) -> None:
        """Everything that was to be written to `side` has been."""
        source = self.other(side)
        if source.broken:
            side.reset()
        elif source.gone or self.is_tls(side):
            self.close_side(side)
        else:
            side.shut()
        if self.client.finished and self.server.finished:
            self.close()

    def lost(self, side: Endpoint) -> None:
        """The socket is closed. What it had sent still goes its way; what was on its way to it is void."""
        self.other(side).out.dispose()
        self.other(side).resume(Hold.HELD | Hold.SINK | Hold.TALK)  # nobody is left to wait for
        self.aim()
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
        if self.talk is not None:
            self.talk.dispose()
        self.proxy.closed(self)

    def close(self) -> None:
        """End both sides in order."""
        self.close_side(self.client)
        self.close_side(self.server)

    def close_side(self, side: Endpoint) -> None:
        """In order, but not for ever: a peer that does not read is cut off after a while."""
        side.close()
        if side.transport is not None and side.transport.get_write_buffer_size():
            self.proxy.loop.call_later(LINGER_S, side.abort)

    def reset(self) -> None:
        """End both sides with RST."""
        self.client.reset()
        self.server.reset()
