"""What one HTTP attempt ends in: a reply, or a wire error out of a closed vocabulary. (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.outcome import Outcome


class Detail(StrEnum):
    """Why there was no usable reply. Short, so that reports can group by it; append only."""

    REFUSED = "connect refused"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "name not resolved"
    CERTIFICATE = "certificate refused"
    TLS = "tls failed"
    CONNECT_FAILED = "connect failed"
    NO_DESCRIPTORS = "no descriptors"  # this process's own limit, not the target's doing
    CONNECT_TIMEOUT = "connect timeout"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED_EARLY = "closed early"
    NOT_HTTP = "not http"
    HEADER_TOO_LARGE = "header too large"
    BODY_TOO_LARGE = "body too large"
    BAD_ENCODING = "bad encoding"
    WIRE_CLOSED = "wire closed"


class Malformed(Exception):
    """The bytes that came back are not a reply we can use. Never leaves this room: it becomes a WireError."""

    def __init__(self, detail: Detail) -> None:
        super().__init__(detail.value)
        self.detail = detail


class WireError(Exception):
    """An attempt without a usable reply.

    outcome: `timeout`, `network`, `server_error`, or `gave_up` when our own side closed the wire.
    detail: one of `Detail`.
    sent_at: monotonic seconds of the write; None when the request was never written.
    elapsed_s: from the call of `send` to its end.
    held_s: of that, how long the limits of our own side held it back.
    stale: the request went out on a kept connection that ended before the first byte of an answer.
    """

    def __init__(
        self,
        outcome: Outcome,
        detail: Detail,
        *,
        sent_at: float | None = None,
        elapsed_s: float = 0.0,
        held_s: float = 0.0,
        stale: bool = False,
    ) -> None:
        super().__init__(f"{outcome.value}: {detail.value}")
        self.outcome = outcome
        self.detail = detail
        self.sent_at = sent_at
        self.elapsed_s = elapsed_s
        self.held_s = held_s
        self.stale = stale


@dataclass(slots=True)
class Reply:
    """One complete answer. Times in seconds of `time.monotonic()`, sizes in bytes.

    body: decoded; which codings: `harness.client.http.codings`.
    sent_at: first byte of the request written on an open connection.
    first_byte_s, first_body_s, server_s: from there to the first byte of the answer read, to the first piece of its
        body, and to the last byte. Of an answer without a body, or that came whole, the second is the last.
    connect_s: name lookup, TCP and TLS before that; 0.0 on a kept connection.
    bytes_out, bytes_in: request and answer with their headers, before TLS and as transferred (still compressed).
    held_s: how long the limits of our own side held it back before it was written; in none of the other times.
    resent: a first write died with a kept connection and this is the answer to the second; times are the second's.
    """

    status: int
    raw_headers: dict[bytes, bytes]
    body: bytes
    sent_at: float
    first_byte_s: float
    server_s: float
    connect_s: float
    bytes_out: int
    bytes_in: int
    resent: bool = False
    held_s: float = 0.0
    first_body_s: float = 0.0

    @property
    def headers(self) -> dict[str, str]:
        """Header names in lower case; the last of equal names wins. Decoded on each use: few callers need it."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers.items()}

    def header(self, name: str) -> str | None:
        """One header by its lower-case name, without decoding the others."""
        value = self.raw_headers.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")
