"""`python -m replay.server RECORDING --people N`: answers from a recording, on a free port of loopback.

One process, one loop, no work a request but finding the answer and putting the asker's own id in its place. Says in one
line of JSON where it listens; SIGTERM ends it with another: requests answered, how many of them exactly as recorded,
bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import resource
import signal
import sys
from pathlib import Path
from typing import Any, cast

import httptools
import orjson
import uvloop

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
    rows_by_id,
    shape,
    stored,
)

REALTIME = b"GET /realtime/v1/websocket"


class Replay:
    """Whose request it is, and what it is answered."""

    def __init__(self, recording: Recording, people: int) -> None:
        self.requests = self.exact = self.sent = 0
        self._recording = recording
        self._double = dict(zip(copies(people), itertools.cycle(recording.people), strict=False))
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
        self._rows = rows_by_id(recording)
        self._heads = {id(answer): _head(answer) for rows in recording.shapes.values() for _, answer in rows}

    def answer(self, method: str, target: str, bearer: bytes, body: bytes) -> bytes:
        """Head and body, to be sent as they are."""
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
            if some is None:
                return b"HTTP/1.1 404 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
            whose, found = next(some.get(double) or some[""])
            if method == "GET" and key.startswith("GET /rest/v1/") and (ids := asked_ids(asked)):
                rows = self._rows.get(key, {})  # of this person none are known: what was asked for, or nothing
                return self._framed(found, b"[%b]" % b",".join([rows[one] for one in ids if one in rows]))
        content = found.body
        if method == "POST" and found.status < 300:
            if target.startswith(EVENTS):
                content = acknowledged(content, body)
            elif target.startswith(MESSAGES):
                content = stored(content, body)
            elif found.echoed:
                sent = [one for one in UUID.findall(body) if one != me.encode()]
                for recorded, place in found.echoed:
                    if place < len(sent):
                        content = content.replace(recorded, sent[place])
        if double and whose:
            content = content.replace(whose.encode(), me.encode())
        return self._framed(found, content)

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
            channels = Channels()
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


async def serve(recording: Recording, people: int) -> None:
    """Until SIGTERM."""
    replay = Replay(recording, people)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(replay), "127.0.0.1", 0, backlog=4096)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    say({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    await ended.wait()
    server.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    say(
        {
            "requests": replay.requests,
            "exact": replay.exact,
            "bytes": replay.sent,
            "cpu_s": used.ru_utime + used.ru_stime,
        }
    )


def say(line: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--people", type=int, default=1_000)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(serve(Recording.load(options.recording), options.people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
