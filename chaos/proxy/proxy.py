"""One proxy: a listening socket, its upstream, its toxics, and the connections through it."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

from chaos.fault import Fault, Layer
from chaos.http_fault import UNTOUCHED, HttpFault, RequestHead, RequestTreatment
from chaos.proxy.address import Address, Upstream
from chaos.proxy.clock import LoopClock
from chaos.proxy.copy import deliver
from chaos.proxy.endpoint import SessionEndpoint
from chaos.proxy.guard import host_key
from chaos.proxy.log import DEBUG, INFO, WARNING, tell, told
from chaos.proxy.session import ProxySession
from chaos.proxy.toxic import Direction, Toxic
from chaos.proxy.upstream_addresses import UpstreamAddresses
from chaos.proxy.upstream_tls import upstream_context

BACKLOG = 4096
HOST_LINE = re.compile(rb"(?im)^host:[^\r\n]*")


class Proxy:
    """Made stopped; `start` binds, `stop` ends every connection. Toxics outlive both.

    seed: of every draw. connect_timeout_s: after which a silent upstream counts as refused.
    """

    def __init__(
        self,
        name: str,
        listen: str,
        upstream: Upstream,
        clock: LoopClock,
        *,
        seed: int,
        connect_timeout_s: float = 10,
        pins: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        """pins: addresses of hosts that are not to be looked up."""
        self.name = name
        self.listen = listen
        self._pins = pins
        self.lead_to(upstream)
        self.seed = seed
        self.connect_timeout_s = connect_timeout_s
        self.enabled = False
        self.toxics: list[Toxic] = []
        self.http_toxics: list[Toxic] = []
        self.sessions: set[ProxySession] = set()
        self.accepted = 0
        self.loop = asyncio.get_running_loop()
        self.clock = clock
        self._server: asyncio.Server | None = None
        self._received, self._sent = [0, 0], [0, 0]
        self._copies: set[asyncio.Task[None]] = set()
        self._last_failure = ""

    def lead_to(self, upstream: Upstream) -> None:
        """Connections from now on go there."""
        self.upstream = upstream
        self.addresses = UpstreamAddresses(upstream, self._pins.get(host_key(upstream.host), ()))
        vars(self).pop("tls", None)

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """Verifies the upstream's certificate and name."""
        return upstream_context() if self.upstream.tls else None

    @property
    def is_tls(self) -> bool:
        """Whether the upstream is spoken to over TLS."""
        return self.upstream.tls

    @property
    def reads_http(self) -> bool:
        """Whether requests have to be read: rules want it, or another Host has to be written."""
        return bool(self.http_toxics) or self.upstream.tls

    # ---- listening --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind and accept.

        :raises OSError: when the address is in use or not of this machine.
        """
        bound = bind(Address.parse(self.listen))
        self.listen = str(Address(*bound.getsockname()[:2]))
        self._server = await self.loop.create_server(self._accept, sock=bound, backlog=BACKLOG)
        self.enabled = True
        tell(INFO, "proxy started", proxy=self.name, listen=self.listen, upstream=self.upstream.place)

    async def stop(self) -> None:
        """Refuse new connections and end the present ones in order."""
        if self.enabled:
            tell(INFO, "proxy stopped", proxy=self.name, connections=len(self.sessions))
        self.enabled = False
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in tuple(self.sessions):
            session.close()
        for task in self._copies:
            task.cancel()
        for _ in range(3):  # the loop closes the socket in its next turn; the port has to be free when this returns
            await asyncio.sleep(0)

    def _accept(self) -> SessionEndpoint:
        self.accepted += 1
        return ProxySession(self, self.accepted - 1).client

    # ---- toxics -----------------------------------------------------------------------------------------------

    def toxics_changed(self) -> None:
        """Tell every connection."""
        http = [toxic for toxic in self.toxics if toxic.layer is Layer.HTTP]
        self.http_toxics = sorted(http, key=lambda toxic: not decides(toxic.fault))
        for session in tuple(self.sessions):
            session.update_faults()

    def treatment_of(self, request: RequestHead, key: str) -> tuple[RequestTreatment, Sequence[Fault]]:
        """Draw for one request of `key`, with each HTTP toxic that concerns it; and the faults that did hit it."""
        treatment, faults = UNTOUCHED, list[Fault]()
        for toxic in self.http_toxics:
            fault = toxic.fault
            assert isinstance(fault, HttpFault)
            if not fault.matches(request):
                continue
            drawn = toxic.drawn_for_request(self.seed, key)
            before = treatment
            if drawn is not None and (treatment := fault.treat(before, drawn)) is not before:
                toxic.hit_count.hit()
                faults.append(fault)
        return treatment, faults

    # ---- called by sessions -----------------------------------------------------------------------------------

    def opened(self, session: ProxySession) -> None:
        """Its client is connected."""
        self.sessions.add(session)
        if told(INFO):
            tell(INFO, "client accepted", proxy=self.name, session=session.key, client=session.client.peer)

    async def connect(self, session: ProxySession) -> bool:
        """Connect its server side to the upstream; False, after saying why, when that cannot be reached."""
        upstream = self.upstream
        try:
            async with asyncio.timeout(self.connect_timeout_s):
                await self.addresses.open(self.loop, lambda: session.server, self.tls)
        except (
            OSError,
            TimeoutError,
            ValueError,
        ) as error:  # refused, unknown or impossible name, certificate that does not verify
            self._failed_to_connect(error)
            return False
        tell(DEBUG, "upstream reached", proxy=self.name, session=session.key, upstream=upstream.place)
        return True

    def closed(self, session: ProxySession) -> None:
        """Both its sockets are gone."""
        if session in self.sessions:
            self.sessions.discard(session)
            up, down = session.client.received, session.server.received
            tell(DEBUG, "connection ended", proxy=self.name, session=session.key, bytes_up=up, bytes_down=down)
            ways = ((session.client, session.server), (session.server, session.client))
            for direction, (source, sink) in enumerate(ways):
                self._received[direction] += source.received
                self._sent[direction] += sink.sent
            for toxic in self.toxics:
                toxic.turns.pop(session.key, None)

    def received(self, direction: Direction) -> int:
        """Bytes read so far in that direction, open connections included."""
        sides = (session.client if direction is Direction.UPSTREAM else session.server for session in self.sessions)
        return self._received[direction] + sum(side.received for side in sides)

    def sent(self, direction: Direction) -> int:
        """Bytes passed on so far in that direction, open connections included."""
        sides = (session.server if direction is Direction.UPSTREAM else session.client for session in self.sessions)
        return self._sent[direction] + sum(side.sent for side in sides)

    def _failed_to_connect(self, error: Exception) -> None:
        """A warning once, not once a connection; every one on DEBUG."""
        reason = str(error) or type(error).__name__
        level = DEBUG if reason == self._last_failure else WARNING
        self._last_failure = reason
        tell(level, "no connection to upstream", proxy=self.name, upstream=self.upstream.place, error=reason)

    def readdressed(self, head: bytes) -> bytes:
        """The head as the upstream has to see it: with its own Host where the client spoke to us as a web server."""
        if not self.upstream.tls:
            return head
        return HOST_LINE.sub(b"Host: " + self.upstream.host_header.encode(), head, count=1)

    def send_copy(self, request: bytes, after_s: float) -> None:
        """Deliver the request once more, on a connection of its own."""
        task = self.loop.create_task(deliver(self.upstream, self.addresses, self.tls, request, after_s))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)


def decides(fault: Fault) -> bool:
    """Whether it goes before the other faults of a request."""
    return isinstance(fault, HttpFault) and fault.decides


def bind(address: Address) -> socket.socket:
    """A socket bound there, not yet listening.

    :raises OSError: as the system says it.
    """
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
    except OSError:
        bound.close()
        raise
    return bound
