"""`python -m replay.server RECORDING --people N`: answers from a recording, on a free port of loopback.

One process, one loop, no work a request but finding the answer and putting the asker's own id in its place. Says in one
line of JSON where it listens; SIGTERM ends it with another: requests answered, how many of them exactly as recorded,
how many nobody had recorded, bytes, and what Realtime told by itself (`replay/live.py`; with --presence).

Phones that need more descriptors than one process may have are shared by several of them at one --port: the kernel
deals out connections.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import resource
import signal
import socket
import ssl
import sys
import uuid
from pathlib import Path
from typing import Any, cast

import httptools
import orjson
import uvloop

from replay import control
from replay.live import Live
from replay.realtime import Channels
from replay.recording import (
    EVENTS,
    MESSAGES,
    UUID,
    Answer,
    Recording,
    acknowledged,
    asked_ids,
    copies,
    gateway,
    rows_by_id,
    shape,
    stored,
)
from replay.sign_up import SIGN_UP, newcomers, signed_up

REALTIME = b"GET /realtime/v1/websocket"
GRANTED = (
    b"HTTP/1.1 200 X\r\naccess-control-allow-origin: *\r\naccess-control-allow-methods: GET, HEAD, PUT, PATCH, "
    b"POST, DELETE\r\naccess-control-allow-headers: authorization, apikey, content-type, prefer, range, x-client-info, "
    b"x-upsert\r\ncontent-length: 0\r\n\r\n"
)
"""To a preflight of a gateway that nobody recorded anything of."""
NOT_RECORDED = (
    b"HTTP/1.1 404 X\r\naccess-control-allow-origin: *\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)
TICK_S = 0.05
"""Between two looks at what Realtime has to tell."""


class Replay:
    """Whose request it is, and what it is answered."""

    def __init__(self, recording: Recording, people: int, live: Live | None = None) -> None:
        self.requests = self.exact = self.unknown = self.sent = 0
        self.live = live
        self._recording = recording
        self._people = copies(people)
        new = newcomers(recording)
        settled = [one for one in recording.people if one not in new] or recording.people
        self._double = dict(zip(self._people, itertools.cycle(settled), strict=False))
        self._bearers: dict[bytes, str] = {}
        self._turns: dict[tuple[str, str], itertools.cycle[Answer]] = {
            key: itertools.cycle(answers) for key, answers in recording.exact.items()
        }
        self._shapes: dict[str, dict[str, itertools.cycle[tuple[str, Answer]]]] = {}
        for key, rows in recording.shapes.items():
            by_person: dict[str, list[tuple[str, Answer]]] = {}
            for person, answer in rows:
                by_person.setdefault(person, []).append((person, answer))
            self._shapes[key] = {person: itertools.cycle(some) for person, some in by_person.items()}
            self._shapes[key][""] = itertools.cycle(rows)
            if key.startswith("OPTIONS "):
                self._shapes.setdefault(gateway(*key.split(" ", 1)), self._shapes[key])
        self._rows = rows_by_id(recording)
        self._heads = {id(answer): _head(answer) for rows in recording.shapes.values() for _, answer in rows}

    def answer(self, method: str, target: str, bearer: bytes, body: bytes) -> bytes:
        """Head and body, to be sent as they are."""
        if (told := control.answered(target, bearer, self._people)) is not None:
            return told
        self.requests += 1
        me = self._bearers.get(bearer)
        if me is None:
            me = self._bearers[bearer] = _subject(bearer)
        double = self._double.get(me, "")
        asked = target.replace(me, double) if double and me in target else target
        if (turns := self._turns.get((double, f"{method} {asked}"))) is not None:
            self.exact += 1
            whose, found = double, next(turns)
        else:
            key = shape(method, asked)
            some = self._shapes.get(key)
            if some is None and method == "OPTIONS":
                some = self._shapes.get(gateway(method, asked))
            if some is None:
                self.unknown += 1
                return GRANTED if method == "OPTIONS" else NOT_RECORDED
            whose, found = next(some.get(double) or some[""])
            if method == "GET" and key.startswith("GET /rest/v1/") and (ids := asked_ids(asked)):
                rows = self._rows.get(key, {})  # of this person none are known: what was asked for, or nothing
                return self._framed(found, b"[%b]" % b",".join([rows[one] for one in ids if one in rows]))
        content = self._taken(target, found, me, body) if method == "POST" and found.status < 300 else found.body
        if double and whose:
            content = content.replace(whose.encode(), me.encode())
        if self.live is not None and method == "POST" and found.status < 300:
            self.live.wrote(target, body, content)
        return self._framed(found, content)

    def _taken(self, target: str, found: Answer, me: str, body: bytes) -> bytes:
        """The reply to what was written, with the ids of this request."""
        if target.startswith(EVENTS):
            return acknowledged(found.body, body)
        if target.startswith(MESSAGES):
            return stored(found.body, body)
        content = found.body
        if target.startswith(SIGN_UP):
            new = str(uuid.uuid4())
            content, old = signed_up(content, body, new)
            self._double[new] = old
        elif found.echoed:
            sent = [one for one in UUID.findall(body) if one != me.encode()]
            for recorded, place in found.echoed:
                if place < len(sent):
                    content = content.replace(recorded, sent[place])
        return content

    def _framed(self, answer: Answer, content: bytes) -> bytes:
        whole = b"%b%d\r\n\r\n%b" % (self._heads[id(answer)], len(content), content)
        self.sent += len(whole)
        return whole


class Connection(asyncio.Protocol):
    """One phone's; requests one after the other."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(REALTIME):
            channels = Channels(self._replay.live)
            self._transport.set_protocol(channels)
            channels.connection_made(self._transport)
            channels.data_received(data)
        else:
            self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target, self._bearer, self._body = b"", b"", b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 13 and name.lower() == b"authorization":
            self._bearer = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self._transport.write(self._replay.answer(method, self._target.decode(), self._bearer, self._body))


def _head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers), "content-length: "]
    return "\r\n".join(lines).encode()


def _subject(bearer: bytes) -> str:
    try:
        claims = bearer.split(b".")[1]
        return str(orjson.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))).get("sub", ""))
    except (IndexError, ValueError):
        return ""


async def serve(
    recording: Recording, people: int, live: Live | None = None, port: int = 0, tls: ssl.SSLContext | None = None
) -> None:
    """Until SIGTERM."""
    replay = Replay(recording, people, live)
    loop = asyncio.get_running_loop()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", port))
        server = await loop.create_server(lambda: Connection(replay), sock=listening, backlog=4096, ssl=tls)
        ended = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        say({"url": f"http{'' if tls is None else 's'}://127.0.0.1:{listening.getsockname()[1]}"})
        ticking = None if live is None else loop.create_task(tick(live))
        await ended.wait()
        server.close()
        if ticking is not None:
            ticking.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    say(
        {
            "requests": replay.requests,
            "exact": replay.exact,
            "unknown": replay.unknown,
            "bytes": replay.sent,
            "cpu_s": used.ru_utime + used.ru_stime,
            "told": {} if live is None else live.told,
        }
    )


async def tick(live: Live) -> None:
    """Give Realtime its time."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    while True:
        await asyncio.sleep(TICK_S)
        now = loop.time()
        live.pass_time(now - before)
        before = now


def say(line: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--port", type=int, default=0, help="to answer at, beside others that do; 0: any")
    parser.add_argument("--presence", type=float, help="messages of presence that this process sends a second")
    parser.add_argument("--crowd", type=int, default=1, help="who is there, in multiples of who is in this process")
    parser.add_argument("--certificate", type=Path, help="PEM file with chain and key; without one there is no TLS")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    live = None if options.presence is None else Live(options.presence, options.crowd)
    tls = None
    if options.certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate)
    uvloop.run(serve(Recording.load(options.recording), options.people, live, options.port, tls))
    return 0


if __name__ == "__main__":
    sys.exit(main())
