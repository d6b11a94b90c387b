"""A built web app from its folder, on loopback: files as they are, and the page itself for every path of the app."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path
from urllib.parse import unquote, urlsplit

HEAD_LIMIT = 1 << 16


class AppFiles:
    """Serves one folder; `url` says where. port: 0 for a free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder.resolve()
        self._port = port
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=HEAD_LIMIT)
        self.url = f"http://localhost:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            writer.write(self.reply(method, target))
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a browser that went away, or somebody who speaks no HTTP
        finally:
            writer.close()

    def reply(self, method: str, target: str) -> bytes:
        """The whole answer; every connection has one."""
        if method not in ("GET", "HEAD"):
            return _said(405, "text/plain", b"")
        path = (self._folder / unquote(urlsplit(target).path).lstrip("/")).resolve()
        if path.is_dir() or not path.is_relative_to(self._folder) or (not path.suffix and not path.is_file()):
            path = self._folder / "index.html"
        if not path.is_file():
            return _said(404, "text/plain", b"")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        body = path.read_bytes()
        return _said(200, kind, b"" if method == "HEAD" else body)


def _said(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body
