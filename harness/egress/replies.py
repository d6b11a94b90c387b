"""What the control plane takes for a reply: so large, so long, in codings and words that are understood.

httpx alone waits as long as a byte comes now and then, undoes any coding to any size, and fails over some values of
headers with errors that are none of its own. Whoever asks through the gate gets a reply within these bounds, or an
`httpx.HTTPError`.
"""

from __future__ import annotations

import asyncio
import math
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from time import monotonic
from typing import Any, Protocol

import httpx

OFFERED = "gzip"
"""As `accept-encoding`; a reply in another coding is the server's mistake."""
LARGEST = 64 * 1024 * 1024
"""Bytes of a body, as transferred and as decoded. The largest that is asked for, a page of a thousand rows, has a few
millions."""
PIECE = 64 * 1024
PATIENCE = 4.0
"""A whole reply may take so many times what a single read of it may take, and what its request needs besides."""
SLOWEST = 128 * 1024
"""Bytes a second of a request that count as sent in time."""
KNOWN_CHARSET = re.compile(r"utf[-_]?8|utf-16(le|be)?|(us-)?ascii|iso-8859-[0-9]{1,2}|latin-?1|windows-125[0-8]", re.I)
"""Python has codecs of other things than text by the same names that a header may say."""
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";]*)"?', re.I)

_until: ContextVar[float] = ContextVar("until", default=float("inf"))
"""When the reply that is read on this thread has to be there; monotonic seconds."""


def patience_of(request: httpx.Request) -> float:
    """Seconds for the whole reply, from the sending of the request."""
    read = (request.extensions.get("timeout") or {}).get("read")
    size = request.headers.get("content-length", "")
    return float("inf") if read is None else PATIENCE * float(read) + (int(size) if size.isdecimal() else 0) / SLOWEST


def taken(reply: httpx.Response, asked: httpx.URL, body: Body | AsyncBody) -> httpx.Response:
    """The same reply, its body read through `body`.

    :raises httpx.RemoteProtocolError: it redirects to what is no address.
    """
    _refuse_unreadable_location(reply, asked)
    headers = [(name, _with_known_charset(name, value)) for name, value in reply.headers.raw]
    if body.undone:
        headers = [one for one in headers if one[0].lower() not in (b"content-encoding", b"content-length")]
    return httpx.Response(reply.status_code, headers=headers, stream=body, extensions=reply.extensions)


def _refuse_unreadable_location(reply: httpx.Response, asked: httpx.URL) -> None:
    """httpx reads the address of every redirect, followed or not."""
    if not reply.has_redirect_location:
        return
    location = reply.headers["location"]
    try:
        found = httpx.URL(location)
        if found.scheme and not found.host:
            found = found.copy_with(host=asked.host)
        asked.join(found)
    except (httpx.InvalidURL, ValueError):
        raise httpx.RemoteProtocolError(f"it redirects to {location[:80]!a}, which is no address") from None


def _with_known_charset(name: bytes, value: bytes) -> bytes:
    """A content type without a charset that is none; the text is read as UTF-8 then."""
    if name.lower() != b"content-type":
        return value
    said = value.decode("latin-1")
    charset = _CHARSET.search(said)
    if charset is None or KNOWN_CHARSET.fullmatch(charset[1].strip()):
        return value
    return _CHARSET.sub("", said).encode("latin-1")


class _Undoing:
    """A body as it comes, to what it says, within the limits. coding: the header's value."""

    def __init__(self, coding: str) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise httpx.DecodingError(f"a coding that was not asked for: {coding[:40]!a}")
        self.undone = coding not in ("", "identity")
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS) if self.undone else None
        self._came = self._made = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """:raises httpx.DecodingError: damaged. :raises httpx.RemoteProtocolError: too large."""
        self._came += len(data)
        _limit(self._came)
        if self._inflater is None:
            yield data
            return
        while data and not self._inflater.eof:  # what stands behind the end is ignored, as browsers do
            try:
                made = self._inflater.decompress(data, PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(f"no gzip: {error}") from None
            self._made += len(made)
            _limit(self._made)
            data = self._inflater.unconsumed_tail
            if made:
                yield made

    def end(self) -> None:
        """:raises httpx.DecodingError: cut off."""
        if self._inflater is not None and self._came and not self._inflater.eof:
            raise httpx.DecodingError("gzip that ends in the middle")


def _limit(size: int) -> None:
    if size > LARGEST:
        raise httpx.RemoteProtocolError(f"its reply is larger than {LARGEST // (1024 * 1024)} MiB")


def _late() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("its reply does not end")


class Body(httpx.SyncByteStream):
    """until: monotonic seconds."""

    def __init__(self, reply: httpx.Response, until: float) -> None:
        assert isinstance(reply.stream, httpx.SyncByteStream)
        self._stream, self._until = reply.stream, until
        self._undoing = _Undoing(reply.headers.get("content-encoding", ""))
        self.undone = self._undoing.undone

    def __iter__(self) -> Iterator[bytes]:
        _until.set(self._until)
        for piece in self._stream:
            if monotonic() > self._until:
                raise _late()
            yield from self._undoing.feed(piece)
            _until.set(self._until)
        self._undoing.end()

    def close(self) -> None:
        self._stream.close()


class AsyncBody(httpx.AsyncByteStream):
    """until: monotonic seconds."""

    def __init__(self, reply: httpx.Response, until: float) -> None:
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        self._stream, self._until = reply.stream, until
        self._undoing = _Undoing(reply.headers.get("content-encoding", ""))
        self.undone = self._undoing.undone

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout(self._until - monotonic() if math.isfinite(self._until) else None):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise _late() from None
            if piece is None:
                break
            for one in self._undoing.feed(piece):
                yield one
        self._undoing.end()

    async def aclose(self) -> None:
        await self._stream.aclose()


# ---- heads, where nobody can be cancelled ---------------------------------------------------------------------------


class _Stream(Protocol):
    """What httpcore reads from."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...
    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...
    def close(self) -> None: ...
    def start_tls(self, *arguments: Any, **options: Any) -> _Stream: ...
    def get_extra_info(self, info: str) -> Any: ...


class _TimelyStream:
    """Ends when the whole reply is late, not only when a read is."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self.write, self.close, self.get_extra_info = stream.write, stream.close, stream.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _until.get() - monotonic()
        if left <= 0:
            raise _late()
        try:
            return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))
        except Exception:  # httpcore's, which says no more than that it waited
            if monotonic() >= _until.get():
                raise _late() from None
            raise

    def start_tls(self, *arguments: Any, **options: Any) -> _TimelyStream:
        return _TimelyStream(self._stream.start_tls(*arguments, **options))


class _TimelyBackend:
    """Opens connections as the backend that it stands before."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.sleep = backend.sleep

    def connect_tcp(self, *arguments: Any, **options: Any) -> _TimelyStream:
        return _TimelyStream(self._backend.connect_tcp(*arguments, **options))


class TimelyTransport(httpx.HTTPTransport):
    """Whose replies, heads included, are there within `patience_of` the request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        pool: Any = self._pool
        pool._network_backend = _TimelyBackend(pool._network_backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _until.set(monotonic() + patience_of(request))
        return super().handle_request(request)
