"""One socket of a proxied connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

from chaos.proxy.address import Address
from chaos.proxy.ports import EndpointOwner, PauseReason

_LINGER_ZERO = struct.pack("ii", 1, 0)


class SessionEndpoint(asyncio.Protocol):
    """The client's socket or the upstream's. What is read goes to `receive`; what is fed is written.

    ended: nothing more will be read. finished: nothing more will be written. gone: the socket is closed.
    broken: it went by an error, a reset as a rule.
    """

    __slots__ = (
        "_holds",
        "broken",
        "ended",
        "finished",
        "gone",
        "receive",
        "received",
        "sent",
        "session",
        "transport",
    )

    receive: Callable[[bytes], object]

    def __init__(self, session: EndpointOwner[SessionEndpoint]) -> None:
        self.session = session
        self.transport: asyncio.Transport | None = None
        self.received = self.sent = 0
        self.ended = self.finished = self.gone = self.broken = False
        self._holds = 0

    # ---- called by the loop ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.session.opened(self)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.receive(data)

    def eof_received(self) -> bool:
        self.session.source_ended(self)
        return not self.session.is_tls(self)  # half-close; TLS has none

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.broken = exc is not None
        self.transport = None
        self.session.lost(self)

    def pause_writing(self) -> None:
        self.session.other(self).pause(PauseReason.SINK)

    def resume_writing(self) -> None:
        self.session.other(self).resume(PauseReason.SINK)

    # ---- the end of the chain of stages ---------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        transport = self.transport
        if transport is not None:
            self.sent += len(data)
            transport.write(data)

    def eof(self) -> None:
        if not self.finished:
            self.finished = True
            self.session.finished(self)

    # ---- called by the session ---------------------------------------------------------------------------------

    @property
    def peer(self) -> str:
        """Whose socket it is: host:port; '' once it is closed."""
        place = self.transport.get_extra_info("peername") if self.transport is not None else None
        return str(Address(*place[:2])) if place else ""

    def pause(self, why: PauseReason) -> None:
        if not self._holds and self.transport is not None and not self.ended:
            self.transport.pause_reading()
        self._holds |= why

    def resume(self, why: PauseReason) -> None:
        held, self._holds = self._holds, self._holds & ~why
        if held and not self._holds and self.transport is not None and not self.ended:
            self.transport.resume_reading()

    def shut(self) -> None:
        """Tell the peer that nothing more comes, and keep reading."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """Write what is in the buffer, then FIN."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close now, whatever is in the buffer."""
        if self.transport is not None:
            self.transport.abort()

    def reset(self) -> None:
        """A real RST: the peer sees ECONNRESET, not the end of the stream."""
        if self.transport is None:
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()
