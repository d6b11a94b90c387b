"""Reading HTTP/1.1 replies from bytes, with hard limits: httptools' parser and what it leaves to us. (pure)

llhttp, the parser below httptools, knows framing. It does not know which request a reply answers (HEAD), cannot be
told that the stream ended, sets no limits, and goes on reading whatever follows a complete reply; those are here.
"""

from __future__ import annotations

from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from harness.client.http.codings import decode_body
from harness.client.http.reply import Detail, Malformed

MAX_HEADER = 64 * 1024
_FRAMING_PER_BYTE = 8
"""Bytes of chunk framing tolerated per byte of body: one-byte chunks with CRLFs need 5."""


_NOTHING: dict[bytes, bytes] = {}


class _Surplus(Exception):
    """Stops the parser at the first byte after a complete reply."""


class ReplyReader:
    """The replies of one connection, one after another: `begin`, then `feed` until it says True, then `body`.

    status, raw_headers: of the final reply; interim 1xx replies are read and dropped, and so are trailers, which may
    say nothing about how to read what came before them (RFC 9110, 6.5.1).
    received: bytes fed since `begin`.
    keep_alive: after completion, whether the connection may carry another request: the peer said so, and nothing
    followed the reply (a stray CRLF excepted, which the parser skips).
    """

    __slots__ = (
        "_bodiless",
        "_chunks",
        "_fault",
        "_fields",
        "_head",
        "_headed",
        "_max_body",
        "_parser",
        "_size",
        "_tail",
        "_until_close",
        "complete",
        "keep_alive",
        "on_header",
        "raw_headers",
        "received",
        "status",
    )

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._fields: dict[bytes, bytes] = {}  # as they were written; where the parser puts them without us
        self.on_header: Callable[[bytes, bytes], None] = self._fields.__setitem__
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._bodiless = False
        self.begin(head=False)

    def begin(self, *, head: bool) -> None:
        """Expect the reply to a new request; `head` when its method is HEAD."""
        if self._bodiless:  # the parser still waits for a body that will never come
            self._parser = HttpResponseParser(self)
            self._bodiless = False
        self._head = head
        self._headed = False
        self._tail = b""
        self._until_close = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._fault: Detail | None = None
        if self._fields:
            self._fields.clear()
        self.received = 0
        self.status = 0
        self.raw_headers: dict[bytes, bytes] = {}
        self.complete = False
        self.keep_alive = False

    def release(self) -> None:
        """Break the reference cycle between reader and parser: a phone's memory is freed without the collector."""
        self._parser = None

    def feed(self, data: bytes) -> bool:
        """Read on; True when the reply is complete. Raises Malformed when it can no longer become one."""
        parser = self._parser
        assert parser is not None, "fed after release"
        self.received += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if self._fault is not None:
                raise Malformed(self._fault) from None
            if not self.complete:
                raise Malformed(self._unreadable()) from None
            self.keep_alive = False
        if self.received - self._size > MAX_HEADER:
            self._check_framing()
        if self._head:
            self._tail = (self._tail + data)[-4:]
            if self._bodiless and self._tail != b"\r\n\r\n":
                self.keep_alive = False  # something follows a reply that has no body
        return self.complete

    @property
    def has_body(self) -> bool:
        """Whether a piece of the body has come."""
        return self._size > 0

    def eof(self) -> bool:
        """The stream ended in order. True when that completes the reply (a body without length or chunks)."""
        if self._until_close and not self.complete:
            self.complete = True
            return True
        return False

    def body(self) -> bytes:
        """The complete reply's body, decoded. Raises Malformed on damaged codings and on more than `max_body`."""
        chunks = self._chunks
        raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        encoding = self.raw_headers.get(b"content-encoding")
        return raw if encoding is None or not raw else decode_body(raw, encoding, self._max_body)

    def forget(self) -> None:
        """Keep nothing of a reply that was taken: idle connections are many."""
        self._chunks.clear()
        self._fields.clear()
        self.raw_headers = _NOTHING

    def _unreadable(self) -> Detail:
        return Detail.HEADER_TOO_LARGE if self._overlong() else Detail.NOT_HTTP

    def _check_framing(self) -> None:
        framing = self.received - self._size
        if self._overlong() or framing > MAX_HEADER + _FRAMING_PER_BYTE * self._size:
            raise Malformed(Detail.HEADER_TOO_LARGE)

    def _overlong(self) -> bool:
        """Whether headers, read or still unfinished, exceed the limit."""
        if self.status == 0:
            return self.received > MAX_HEADER
        fields = self.raw_headers if self._headed else self._fields
        return sum(len(name) + len(value) + 4 for name, value in fields.items()) > MAX_HEADER

    # ---- called by the parser -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Surplus

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self.status = self._parser.get_status_code()
        if status < 100 or status == 101:  # no status at all, or another protocol that nobody asked for
            self._stop(Detail.NOT_HTTP)
        if status < 200:
            return
        self._headed = True
        headers = self.raw_headers = {name.lower(): value for name, value in self._fields.items()}
        length = headers.get(b"content-length")
        coding = headers.get(b"transfer-encoding")
        if status in (204, 304) or (length is not None and int(length) == 0):
            pass  # the parser knows that these have no body, and completes them by itself
        elif self._head:
            self._bodiless = self.complete = True
            self.keep_alive = self._stays_open()
        elif length is not None:
            if int(length) > self._max_body:
                self._stop(Detail.BODY_TOO_LARGE)
        elif coding is None:
            self._until_close = True
        elif coding.strip().lower() != b"chunked":
            self._stop(Detail.BAD_ENCODING)

    def on_body(self, chunk: bytes) -> None:
        if self.complete:
            raise _Surplus
        self._size += len(chunk)
        if self._size > self._max_body:
            self._stop(Detail.BODY_TOO_LARGE)
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self.complete:
            raise _Surplus
        if self.status < 200:  # an interim reply: the real one follows
            self.status = 0
            self._fields.clear()
            return
        assert self._parser is not None
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()

    def _stays_open(self) -> bool:
        assert self._parser is not None
        said = self.raw_headers.get(b"connection", b"").lower()
        return b"close" not in said and (b"keep-alive" in said or self._parser.get_http_version() == "1.1")

    def _stop(self, detail: Detail) -> None:
        self._fault = detail
        raise Malformed(detail)
