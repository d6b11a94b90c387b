"""Where HTTP/1.1 messages begin and end in a stream, byte for byte (RFC 9112). (pure)

Heads are parsed with llhttp; bodies are only measured. What comes out, joined, is what went in.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import httptools

HEAD_LIMIT = 64 * 1024
LONGEST_BODY = 2**63 - 1
"""Bytes that a body or a chunk can announce; llhttp has the same bound."""
HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]{1,16}")
DECIMAL_DIGITS = re.compile(r"[0-9]{1,19}")


class MalformedHttp(ValueError):
    """Not HTTP/1.1, a head beyond 64 KiB, or a length that no body can have."""


class MessageMark(Enum):
    """Places in a stream that are not bytes."""

    END = "end of a message"


@dataclass(frozen=True, slots=True)
class MessageHead:
    """Everything before the body. method and target of a request, or status of a reply; header names in lower case."""

    raw: bytes
    headers: Mapping[str, str]
    method: str = ""
    target: str = ""
    status: int = 0


@dataclass(slots=True)
class _Collector:
    """What llhttp tells while it reads a head."""

    target: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text


Part = MessageHead | bytes | MessageMark


class MessageScanner:
    """One direction. Push what arrives, pull part after part: a MessageHead, pieces of its body, MessageMark.END.

    Nothing is pulled beyond an END until the caller asks, so messages can be taken one at a time. Whatever is pushed, a
    pull ends, and all pulls together look at each byte a bounded number of times.
    """

    __slots__ = ("_at", "_buffer", "_chunk", "_chunked", "_expects", "_left", "_reply", "_trailer", "no_body")

    def __init__(self, *, reply: bool) -> None:
        self._reply = reply
        self._buffer = b""
        self._at = 0  # what stands before it was pulled
        self._expects = True  # a head comes next
        self._left: int | None = 0  # bytes of body still to come; None: until the stream ends
        self._chunked = self._trailer = False
        self._chunk = 0
        self.no_body = False  # the reply answers a HEAD

    @property
    def buffered(self) -> int:
        """Bytes pushed and not pulled."""
        return len(self._buffer) - self._at

    @property
    def between(self) -> bool:
        """No message is begun."""
        return self._expects

    def push(self, data: bytes) -> None:
        self._buffer = self.rest() + data if self.buffered else data
        self._at = 0

    def rest(self) -> bytes:
        """Take back everything that was not pulled."""
        return self._take(self.buffered)

    def pull(self) -> Part | None:
        """The next part; None when more has to arrive first.

        :raises MalformedHttp: the buffer is left as it is, for `rest`.
        """
        if self._expects:
            return self._head()
        if self._chunked:
            return self._pull_chunked()
        if self._left == 0:
            return self._end()
        if not self.buffered:
            return None
        size = self.buffered if self._left is None else min(self._left, self.buffered)
        if self._left is not None:
            self._left -= size
        return self._take(size)

    def pull_end(self) -> MessageMark | None:
        """The stream ended: END when that ends the message in order, None when it breaks it off."""
        return self._end() if not self._expects and self._left is None and not self._chunked else None

    # ---- inside -----------------------------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        taken = self._buffer[start : self._at]
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0
        return taken

    def _end(self) -> MessageMark:
        self._expects = True
        return MessageMark.END

    def _head(self) -> MessageHead | None:
        if not self.buffered:
            return None
        end = self._buffer.find(b"\r\n\r\n", self._at)
        if end < 0:
            if self.buffered > HEAD_LIMIT:
                raise MalformedHttp("a head longer than 64 KiB")
            return None
        head = parse_head(self._buffer[self._at : end + 4], reply=self._reply)
        self._measure(head)
        self._take(end + 4 - self._at)
        self._expects = False
        return head

    def _measure(self, head: MessageHead) -> None:
        coding = head.headers.get("transfer-encoding", "").lower()
        length = head.headers.get("content-length")
        self._chunked = self._trailer = False
        self._chunk = 0
        if self._reply and (self.no_body or head.status in (204, 304) or 100 <= head.status < 200):
            self._left = 0
        elif coding.endswith("chunked"):
            self._chunked, self._left = True, 0
        elif length is not None:
            self._left = body_size(length)
        else:
            self._left = None if self._reply else 0

    def _pull_chunked(self) -> Part | None:
        """As many bytes as surely belong to this body; END behind the last trailer."""
        if self._left is None:  # the empty line behind the trailers was passed on
            return self._end()
        buffer, position = self._buffer, self._at
        while position < len(buffer):
            if self._chunk:
                step = min(self._chunk, len(buffer) - position)
                self._chunk -= step
                position += step
                continue
            end = buffer.find(b"\r\n", position)
            if end < 0:
                if len(buffer) - position > HEAD_LIMIT:
                    raise MalformedHttp("a chunk's size line without end")
                break
            line, position = buffer[position:end], end + 2
            if self._trailer and not line:
                self._left = None
                break
            if not self._trailer:
                size = chunk_size(line)
                self._trailer = size == 0
                self._chunk = size + 2 if size else 0
        return self._take(position - self._at) if position > self._at else None


def chunk_size(line: bytes) -> int:
    """:raises MalformedHttp: when the line does not begin with 1 to 16 hexadecimal digits, or they say too much."""
    digits = line.split(b";", 1)[0].rstrip(b" \t")
    size = int(digits, 16) if HEX_DIGITS.fullmatch(digits) else LONGEST_BODY + 1
    if size > LONGEST_BODY:
        raise MalformedHttp(f"{digits[:20]!r} is not the size of a chunk")
    return size


def body_size(length: str) -> int:
    """:raises MalformedHttp: when the header's value is not one number that a body can have."""
    size = int(length) if DECIMAL_DIGITS.fullmatch(length := length.strip()) else LONGEST_BODY + 1
    if size > LONGEST_BODY:
        raise MalformedHttp(f"{length[:20]!r} is not the length of a body")
    return size


def parse_head(raw: bytes, *, reply: bool) -> MessageHead:
    """:raises MalformedHttp: what llhttp does not take for a head of HTTP."""
    collected = _Collector()
    parser = httptools.HttpResponseParser(collected) if reply else httptools.HttpRequestParser(collected)
    try:
        with contextlib.suppress(httptools.HttpParserUpgrade):
            parser.feed_data(raw)
    except httptools.HttpParserError as error:
        if not (reply and parser.get_status_code() == 101):  # llhttp pauses at an upgrade, which it is
            raise MalformedHttp(str(error)) from None
    if reply:
        return MessageHead(raw, collected.headers, status=parser.get_status_code())
    method, target = parser.get_method().decode("ascii"), collected.target.decode("latin-1")
    return MessageHead(raw, collected.headers, method=method, target=target)
