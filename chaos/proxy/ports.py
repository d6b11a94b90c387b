"""What the parts of a proxied connection know of each other: narrow protocols, so that none imports its owner. (pure)

Proxy owns sessions; a session owns two endpoints (sockets), two pipes (directions) and, where its traffic is read, an
HTTP session. Owners import what they own; what is owned sees its owner through one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntFlag
from typing import Protocol, TypeVar

from chaos.byte_faults import StageClock
from chaos.fault import Fault
from chaos.http_fault import RequestHead, RequestTreatment
from chaos.proxy.toxic import Toxic

E = TypeVar("E", contravariant=True)
S = TypeVar("S", contravariant=True)


class PauseReason(IntFlag):
    """Why a socket is not read."""

    CONNECTING = 1
    HELD = 2  # stages hold back enough
    SINK = 4  # the other socket does not take any more
    HTTP = 8  # the HTTP session has enough to do


class Source(Protocol):
    """A socket as those see it who may have it read later."""

    def pause(self, why: PauseReason) -> None: ...

    def resume(self, why: PauseReason) -> None: ...


class Peer(Source, Protocol):
    """A socket as an HTTP session sees it."""

    @property
    def ended(self) -> bool:
        """Nothing more will be read."""

    @property
    def gone(self) -> bool:
        """The socket is closed."""


class EndpointOwner(Protocol[E]):
    """Whom an endpoint tells what happened to its socket. E: the endpoint's class."""

    def opened(self, side: E) -> None: ...

    def source_ended(self, side: E) -> None:
        """Nothing more will be read."""

    def finished(self, side: E) -> None:
        """Nothing more will be written."""

    def lost(self, side: E) -> None: ...

    def is_tls(self, side: E) -> bool: ...

    def other(self, side: E) -> Source:
        """The socket that this one's bytes come from."""


class PipeOwner(Protocol):
    """A session as its pipes see it."""

    @property
    def key(self) -> str:
        """The connection, to every draw."""

    def route(self) -> None:
        """The pipe's entrance moved."""

    def close(self) -> None: ...

    def reset(self) -> None: ...


class Lane(Protocol):
    """A pipe as an HTTP session sees it."""

    @property
    def feed(self) -> Callable[[bytes], object]: ...

    def feed_frames(self, data: bytes) -> None: ...

    def followed(self, data: bytes) -> None:
        """These bytes of a websocket were passed on already."""

    def eof(self) -> None: ...


class HttpRules(Protocol):
    """A proxy as an HTTP session sees it: what becomes of requests."""

    @property
    def http_toxics(self) -> Sequence[Toxic]: ...

    @property
    def reads_http(self) -> bool: ...

    @property
    def is_tls(self) -> bool: ...

    @property
    def clock(self) -> StageClock: ...

    def treatment_of(self, request: RequestHead, key: str) -> tuple[RequestTreatment, Sequence[Fault]]: ...

    def readdressed(self, head: bytes) -> bytes: ...

    def send_copy(self, request: bytes, after_s: float) -> None: ...


class HttpOwner(Protocol):
    """A session as its HTTP session sees it."""

    @property
    def key(self) -> str: ...

    @property
    def proxy(self) -> HttpRules: ...

    @property
    def client(self) -> Peer: ...

    @property
    def server(self) -> Peer: ...

    @property
    def up(self) -> Lane: ...

    @property
    def down(self) -> Lane: ...

    @property
    def http(self) -> object:
        """The HTTP session in charge; None once there is none."""

    def become_raw(self) -> None: ...

    def become_websocket(self) -> None: ...

    def close_behind(self) -> None: ...

    def reset(self) -> None: ...


class SessionOwner(HttpRules, Protocol[S]):
    """A proxy as its sessions see it. S: the session's class."""

    @property
    def seed(self) -> int: ...

    @property
    def toxics(self) -> Sequence[Toxic]: ...

    def opened(self, session: S) -> None:
        """Its client is connected."""

    def closed(self, session: S) -> None:
        """Both its sockets are gone."""

    async def connect(self, session: S) -> bool:
        """Connect its server side to the upstream; False, after saying why, when that cannot be reached."""
