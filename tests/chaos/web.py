"""A small HTTP server that remembers what it was asked, and a client that asks over one connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Shop:
    """Answers every request with its own line; `/chunked` in chunks, `/wait` after 200 ms."""

    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line = head.split(b" HTTP/1.1", 1)[0].decode()
                length = [h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.asked.append(f"{line} {body.decode()}".strip())
                self.heads.append(head)
                if "/wait" in line:
                    await asyncio.sleep(0.2)
                writer.write(answer(line, body))
        writer.close()


def answer(line: str, body: bytes) -> bytes:
    said = f"{line} {len(body)}".encode()
    if "/chunked" in line:
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (said[:3], said[3:]))
        return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said)
    return head if line.startswith("HEAD") else head + said


async def ask(
    link: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    line: str = "GET /",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """One request; status and body. IncompleteReadError or ConnectionError when the connection ends first."""
    reader, writer = link
    fields = {"host": "test"} | (dict(headers) if headers else {})
    if body:
        fields["content-length"] = str(len(body))
    head = f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    writer.write(head.encode() + body)
    raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    status = int(raw.split(b" ", 2)[1])
    if line.startswith("HEAD"):
        return status, b""
    if b"chunked" in raw:
        got = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            got += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return status, got
    length = int(raw.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return status, await reader.readexactly(length)
