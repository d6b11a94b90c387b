"""Content codings: which of them a browser offers and we undo, and how, at most so many bytes. (pure)

gzip, deflate and br. Chromium offers zstd too; we offer only what we undo, so that a reply in anything else is the
server's mistake and not ours.
"""

from __future__ import annotations

import ipaddress
import zlib

import brotli

from harness.client.http.origin import Origin
from harness.client.http.reply import Detail, Malformed

ANYWHERE, SECURE_ONLY = ("gzip", "deflate"), ("br",)
"""Brotli is offered over TLS and to this machine alone: what stands in between may not know it."""
BLOCK = 256 * 1024
MOST_CODINGS = 5
"""One upon the other, as curl has it: each of them may take a whole limit's worth of time."""
MOST_MEMBERS = 64
"""Of one gzip body. Empty ones cost time by their number, each about as much as all that follows it."""


def browser_offers(origin: Origin) -> str:
    """The value of a browser's `accept-encoding` to this server, as far as we can undo it."""
    trusted = origin.scheme == "https" or _is_this_machine(origin.host)
    return ", ".join((*ANYWHERE, *(SECURE_ONLY if trusted else ())))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def decode_body(raw: bytes, encoding: bytes, limit: int) -> bytes:
    """Undo a Content-Encoding header's codings, at most `limit` bytes at every step.

    Raises Malformed: `bad encoding` for damaged, truncated, unknown or too many codings, `body too large` beyond the
    limit.
    """
    body, codings = raw, encoding.lower().split(b",")
    if len(codings) > MOST_CODINGS:
        raise Malformed(Detail.BAD_ENCODING)
    for coding in reversed(codings):
        match coding.strip():
            case b"gzip" | b"x-gzip":
                body = _inflate(body, 16 + zlib.MAX_WBITS, limit)
            case b"deflate":
                # The standard means zlib, some servers send raw deflate: a zlib stream's first nibble is 8.
                wrapped = body[:1] and body[0] & 0x0F == 8
                body = _inflate(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, limit)
            case b"br":
                body = _unbrotli(body, limit)
            case b"identity" | b"":
                pass
            case _:
                raise Malformed(Detail.BAD_ENCODING)
    return body


def _inflate(data: bytes, wbits: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    for _ in range(MOST_MEMBERS):  # a gzip body may be several members, one after another
        if not data:
            return b"".join(parts)
        inflater = zlib.decompressobj(wbits)
        try:
            part = inflater.decompress(data, left + 1)
        except zlib.error:
            raise Malformed(Detail.BAD_ENCODING) from None
        left -= len(part)
        if left < 0:
            raise Malformed(Detail.BODY_TOO_LARGE)
        if not inflater.eof:
            raise Malformed(Detail.BAD_ENCODING)
        parts.append(part)
        data = inflater.unused_data
    if data:
        raise Malformed(Detail.BAD_ENCODING)
    return b"".join(parts)


def _unbrotli(data: bytes, limit: int) -> bytes:
    decoder = brotli.Decompressor()
    parts: list[bytes] = []
    left, block = limit, data
    try:
        while not decoder.is_finished():
            part = decoder.process(block, output_buffer_limit=min(BLOCK, left + 1))
            left -= len(part)
            if left < 0:
                raise Malformed(Detail.BODY_TOO_LARGE)
            parts.append(part)
            if not part and decoder.can_accept_more_data() and not decoder.is_finished():
                raise Malformed(Detail.BAD_ENCODING)  # all of it has been read, and it is not over
            block = b""
    except brotli.error:
        raise Malformed(Detail.BAD_ENCODING) from None
    return b"".join(parts)
