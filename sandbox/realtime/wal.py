"""A stream of committed changes from PostgreSQL by logical replication, over its Unix socket.

The server pushes what it decoded: nothing is polled, no trigger slows a write, and reads cost nothing while nobody
writes. Source: PostgreSQL documentation, "Streaming Replication Protocol" and "Message Formats".
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import struct
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.errors import SandboxError
from sandbox.realtime.pgoutput import Decoder, RowChange
from sandbox.realtime.scram import MECHANISM, Scram

PUBLICATION = "supabase_realtime"
_SLOT = "supabase_realtime_replication_slot"
_PROTOCOL = 196_608  # 3.0
_AUTHENTICATED, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 10, 11, 12
_EPOCH_S = 946_684_800
_STATUS_EACH_S = 5.0
_LIMIT = 2**26


class FeedError(SandboxError):
    """The stream could not be opened, or broke."""


class WalStream:
    """One replication connection with a slot that ends with it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._received = 0
        self._told = 0.0

    @classmethod
    async def open(cls, dsn: str) -> WalStream:
        """Changes committed from now on. :raises FeedError: when the server refuses."""
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        where = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        try:
            stream = cls(*await asyncio.open_unix_connection(where, limit=_LIMIT))
        except OSError as error:
            raise FeedError(f"cannot reach PostgreSQL: {error.strerror or error}", where=where) from error
        try:
            user, password = unquote(parts.username or "postgres"), unquote(parts.password or "")
            await stream._start(user, password, unquote(parts.path.removeprefix("/")))
        except BaseException:
            stream.close()
            raise
        return stream

    async def transactions(self) -> AsyncIterator[list[RowChange]]:
        """Every commit with changes in the publication, in commit order. :raises FeedError: when the server ends."""
        while True:
            kind, body = await self._message()
            if kind != b"d":
                raise FeedError("the change stream ended", where=_error_text(kind, body))
            if body[:1] == b"w":
                self._received = max(self._received, struct.unpack_from("!q", body, 9)[0])
                changes = self._decoder.feed(body[25:])
                if changes:
                    yield changes
            elif body[:1] == b"k":
                end, _, asked = struct.unpack_from("!qqB", body, 1)
                self._received = max(self._received, end)
                if asked:
                    self._told = 0.0
            if time.monotonic() - self._told > _STATUS_EACH_S:
                self._tell()

    def close(self) -> None:
        """The slot goes with the connection."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()

    async def _start(self, user: str, password: str, database: str) -> None:
        fields = ("user", user, "database", database, "replication", "database", "application_name", "realtime")
        body = struct.pack("!I", _PROTOCOL) + b"".join(field.encode() + b"\0" for field in fields) + b"\0"
        self._writer.write(struct.pack("!I", len(body) + 4) + body)
        await self._log_in(password)
        await self._until(b"Z")
        slot = f"{_SLOT}_{secrets.token_hex(4)}"
        self._query(f"CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT")
        await self._until(b"Z")
        self._query(
            f"START_REPLICATION SLOT {slot} LOGICAL 0/0 (proto_version '1', publication_names '\"{PUBLICATION}\"')"
        )
        await self._until(b"W")

    async def _log_in(self, password: str) -> None:
        """Until the server says that we are who we say."""
        scram = Scram(password, secrets.token_urlsafe(18))
        while True:
            kind, body = await self._message()
            if kind == b"E":
                raise FeedError("PostgreSQL refused the change stream", where=_error_text(kind, body))
            if kind != b"R":
                continue
            asked = struct.unpack_from("!I", body)[0]
            try:
                if asked == _AUTHENTICATED:
                    return
                if asked == _SASL and MECHANISM.encode() in body[4:].split(b"\0"):
                    first = scram.first()
                    self._send(b"p", MECHANISM.encode() + b"\0" + struct.pack("!I", len(first)) + first)
                elif asked == _SASL_CONTINUE:
                    self._send(b"p", scram.final(body[4:]))
                elif asked == _SASL_FINAL:
                    scram.check(body[4:])
                else:
                    raise ValueError(f"PostgreSQL asks for authentication method {asked}")
            except (ValueError, KeyError) as error:
                raise FeedError("PostgreSQL's way of logging in is not understood", where=str(error)) from error

    def _send(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack("!I", len(body) + 4) + body)

    def _query(self, text: str) -> None:
        body = text.encode() + b"\0"
        self._send(b"Q", body)

    async def _until(self, wanted: bytes) -> None:
        while True:
            kind, body = await self._message()
            if kind == b"E":
                raise FeedError("PostgreSQL refused the change stream", where=_error_text(kind, body))
            if kind == wanted:
                return

    async def _message(self) -> tuple[bytes, bytes]:
        try:
            head = await self._reader.readexactly(5)
            return head[:1], await self._reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise FeedError("the change stream's connection is gone") from error

    def _tell(self) -> None:
        """What was received need not be kept."""
        self._told = time.monotonic()
        clock = int((time.time() - _EPOCH_S) * 1e6)
        body = b"r" + struct.pack("!qqqqB", self._received, self._received, self._received, clock, 0)
        self._send(b"d", body)


def _error_text(kind: bytes, body: bytes) -> str:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", kind.decode(errors="replace"))
