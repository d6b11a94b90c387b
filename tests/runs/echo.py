"""A target that hands back whatever it is given: in headers, bodies, codes, names, and frames; in several dresses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from urllib.parse import quote, unquote

EMAIL = re.compile(r'"email": ?"([^"]+)"')
ESCAPES = "\x1b[2J\x9b31m\u202e"


def _email(heard: str) -> str:
    """Who signs in: somebody who is told of another address is not in, and asks for nothing more."""
    found = EMAIL.search(heard)
    return found[1] if found else heard


class Echo:
    """Answers on a port of its own. Every answer quotes headers and body of its request."""

    def __init__(self) -> None:
        self.answered = 0
        self.sockets = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split(" ")[1]
        heard = "|".join([headers.get("apikey", ""), headers.get("authorization", ""), unquote(path), body.decode()])
        if headers.get("upgrade", "").lower() == "websocket":
            await self._socket(headers, heard, reader, writer)
            return False
        self.answered += 1
        status, said = self._answer(path, heard, first)
        echoed = quote(heard)[:4000]
        if first.startswith("OPTIONS "):  # browsers shall go on and ask for more
            status = 200
        allowed = "".join(f"access-control-allow-{what}: *\r\n" for what in ("origin", "methods", "headers"))
        writer.write(
            f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nx-heard: {echoed}\r\n"
            f"content-range: 0-0/{echoed[:200]}\r\n{allowed}content-length: {len(said)}\r\n\r\n".encode("latin-1")
            + said
        )
        await writer.drain()
        return True

    def _answer(self, path: str, heard: str, first: str) -> tuple[int, bytes]:
        coded = base64.encodebytes(heard.encode()).decode()
        if path.endswith("/health"):
            return 200, b'{"name":"GoTrue"}'
        if path.startswith("/auth/v1/token") and self.answered % 3:
            one_line = coded.replace("\n", "")  # no token has any, and whoever is given one is not in
            person = {"id": str(uuid.uuid4()), "email": _email(heard), "user_metadata": {"name": heard}}
            return 200, json.dumps(
                {"access_token": "opaque-" + one_line, "refresh_token": one_line, "expires_in": 3600, "user": person}
            ).encode()
        key = heard.partition("|")[0]
        answers: list[tuple[int, object]] = [
            (400, {"code": key, "error_code": heard, "message": heard}),
            (500, {"code": coded, "message": heard}),
            (200, {"ok": False, "code": heard + ESCAPES, heard: [heard]}),
            (200, {"acceptedClientEventIds": [], "issues": [{"code": heard}], "retryClientEventIds": [heard]}),
            (200, [{"id": heard, heard: coded, "title": heard, "client_id": key}]),
            (403, {"code": key[:40] + "\n" + key[40:], "message": ESCAPES}),
            (429, heard),
            (200, {"id": key, "name": {"deep": [{heard: heard}]}}),
        ]
        status, said = answers[self.answered % len(answers)]
        return status, json.dumps(said).encode()

    async def _socket(
        self, headers: dict[str, str], heard: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.sockets += 1
        if self.sockets % 2:
            said = json.dumps({"code": heard}).encode()
            writer.write(b"HTTP/1.1 401 Said\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
            return
        key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        writer.write(
            b"HTTP/1.1 101 Said\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: "
            + accept.encode()
            + b"\r\n\r\n"
        )
        while data := await reader.read(65_536):
            for reference in range(1, 4):
                reply = {"status": "error", "response": {"reason": f"{heard} {data.hex()}", "code": heard}}
                frame = json.dumps([str(reference), str(reference), "realtime:x", "phx_reply", reply]).encode()
                writer.write(b"\x81\x7e" + min(len(frame), 65_535).to_bytes(2, "big") + frame[:65_535])
            await writer.drain()


@contextlib.contextmanager
def echoing() -> Iterator[tuple[str, Echo]]:
    """The URL of one that runs until the block ends."""
    loop, echo = asyncio.new_event_loop(), Echo()
    server = loop.run_until_complete(asyncio.start_server(echo.serve, "127.0.0.1", 0, limit=2**20))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", echo
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
