"""Realtime against real sockets: both generations on both loops, and a server that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from harness.client.http.origin import Origin
from harness.client.realtime.client import (
    JS_2_90,
    JS_2_119,
    Binding,
    BroadcastEvent,
    DatabaseChange,
    FrameTally,
    Generation,
    PresenceEvent,
    RealtimeClient,
    Sent,
    Status,
    SystemEvent,
    Ticker,
)
from harness.client.realtime.phoenix.codec import FrameKind
from harness.client.realtime.phoenix.generation import GENERATIONS
from harness.client.realtime.socket import MAX_MESSAGE
from harness.core.outcome import Outcome
from harness.egress.tls import shared_context
from tests.certificate import Certificate, server_side
from tests.client.realtime_server import Heard, Peer, RealtimeServer, realtime_server, until

BOTH = pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
MESSAGES = Binding("*", "public", "messages", "conversation_id=eq.1")
TOPIC = "realtime:c"
ABNORMAL = (Outcome.NETWORK, "closed_1006")


Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Phone:
    """A client with everything it said to its observer."""

    def __init__(self, origin: Origin, generation: Generation, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        self.ticker = Ticker(loop)
        self.attempts: list[tuple[str, Outcome, float, int, str]] = []
        self.problems: list[BaseException] = []
        self.statuses: list[tuple[Status, str]] = []
        self.changes: list[DatabaseChange] = []
        self.broadcasts: list[BroadcastEvent] = []
        self.presence: list[PresenceEvent] = []
        self.notices: list[SystemEvent] = []
        self.online = True
        self.tally = FrameTally()
        self.client = RealtimeClient(
            loop=loop,
            wheel=self.ticker.wheel,
            origin=origin,
            apikey="anon+key",
            token=lambda: "token",
            observer=self,
            generation=generation,
            online=lambda: self.online,
            tally=self.tally,
            **options,
        )

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        assert 0 <= seconds < 60
        assert 0 <= monotonic() - at < 60
        self.attempts.append((name, outcome, seconds, size, code))

    def problem(self, error: BaseException) -> None:
        self.problems.append(error)

    def outcomes(self, name: str) -> list[tuple[Outcome, str]]:
        return [(outcome, code) for found, outcome, _, _, code in self.attempts if found == name]

    def channel(self, name: str = "c", **config: Any) -> Any:
        channel = self.client.channel(name, changes=[MESSAGES], **config)
        channel.on_change(self.changes.append)
        channel.on_broadcast("typing", self.broadcasts.append)
        channel.on_presence(self.presence.append)
        channel.on_system(self.notices.append)
        channel.on_status(lambda status, reason: self.statuses.append((status, reason)))
        return channel

    async def joined(self, **config: Any) -> Any:
        channel = self.channel(**config).subscribe()
        await until(lambda: channel.postgres_at is not None)
        return channel


@asynccontextmanager
async def phone(origin: Origin, generation: Generation = JS_2_90, **options: Any) -> AsyncIterator[Phone]:
    """A phone; closed at the end, with nothing left behind on the loop."""
    one = Phone(origin, generation, **options)
    try:
        yield one
    finally:
        one.client.close()
        await asyncio.sleep(0.02)
        one.ticker.stop()
        assert one.problems == []


# ---- everything in order ----------------------------------------------------------------------------------------


@BOTH
def test_a_conversation_from_join_to_leave(run: Run, generation: Generation) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, generation) as one:
            channel = one.channel(ack=True)
            ends: list[tuple[Outcome, str]] = []
            channel.track({"status": "online"}, lambda *end: ends.append(end))
            assert channel.send("typing", {}) is Sent.REST
            channel.subscribe()
            await until(lambda: channel.postgres_at is not None and ends != [])
            assert one.statuses == [(Status.SUBSCRIBED, "")]
            assert one.notices[0].subscribed_to_postgres
            assert channel.send("typing", {"isTyping": True}, lambda *end: ends.append(end)) is Sent.SOCKET
            await until(lambda: len(ends) == 2)
            assert ends == [(Outcome.OK, "")] * 2
            assert server.heard("broadcast")[0].payload["payload"] == {"isTyping": True}

            peer, before = server.peers[0], monotonic()
            data = {"table": "messages", "type": "INSERT", "record": {"client_id": "x"}, "errors": None}
            await peer.say(TOPIC, "postgres_changes", {"data": data, "ids": [1000]})
            await peer.say(TOPIC, "broadcast", {"type": "broadcast", "event": "Typing", "payload": {"n": 1}})
            await peer.say(TOPIC, "presence_diff", {"joins": {"b": {"metas": []}}, "leaves": {}})
            await until(lambda: one.presence != [])
            assert one.changes[0].record == {"client_id": "x"}
            assert before < one.changes[0].received_at < monotonic()
            assert one.broadcasts[0].payload == {"n": 1}
            assert one.presence[0].joins == {"b": {"metas": []}}
            assert {count.kind for count in one.tally.take()} >= {
                FrameKind.CHANGE,
                FrameKind.BROADCAST,
                FrameKind.PRESENCE_DIFF,
            }

            one.client.remove(channel)
            await until(lambda: server.heard("phx_leave") != [])
            assert one.statuses[-1] == (Status.CLOSED, "leave")
            assert one.client.channels == ()

    run(main())


@pytest.mark.parametrize(
    ("generation", "query"),
    [
        (JS_2_90, "apikey=anon%2Bkey&eventsPerSecond=10&vsn=1.0.0"),
        (JS_2_119, "apikey=anon%2Bkey&eventsPerSecond=10&vsn=2.0.0"),
    ],
    ids=GENERATIONS,
)
def test_the_url_is_the_clients(run: Run, generation: Generation, query: str) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, generation) as one:
            await one.joined()
            assert server.paths == [f"/realtime/v1/websocket?{query}"]

    run(main())


def test_a_binary_broadcast_is_heard(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, JS_2_119) as one:
            channel = await one.joined()
            topic, event, body = TOPIC.encode(), b"typing", b'{"n":2}'
            header = bytes([4, len(topic), len(event), 0, 1])
            await server.peers[0].connection.send(header + topic + event + body)
            await until(lambda: one.broadcasts != [])
            assert one.broadcasts[0].payload == {"n": 2}
            channel.send("typing", b"\x00\x01")
            await until(lambda: server.heard("broadcast") != [])
            assert server.heard("broadcast")[0].payload["payload"] == b"\x00\x01"

    run(main())


def test_messages_in_fragments_are_put_together(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin) as one:
            await one.joined()
            text = '{"event":"presence_state","payload":{"b":{"metas":[]}},"ref":null,"topic":"realtime:c"}'
            await server.peers[0].connection.send([text[:10], text[10:11], text[11:]])
            await until(lambda: one.presence != [])
            assert one.presence[0].full

    run(main())


@BOTH
def test_back_after_a_drop_in_the_generations_own_time(run: Run, generation: Generation) -> None:
    async def main() -> None:
        quick = replace(generation, backoff_s=(0.1, 0.2, 0.5, 1.0))
        async with realtime_server() as server, phone(server.origin, quick) as one:
            await one.joined()
            dropped = monotonic()
            await server.peers[0].connection.close(1012)
            await until(lambda: len(server.heard("phx_join")) == 2)
            waited = server.heard("phx_join")[1].at - dropped
            assert waited >= (0.1 if generation is JS_2_119 else 0.3)
            assert one.outcomes("realtime_drop") == [(Outcome.SERVER_ERROR, "closed_1012")]
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED)
            assert one.client.stats.reconnects[0].since_drop >= 0.1

    run(main())


def test_nodelay_is_set(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin) as one:
            await one.joined()
            transport = one.client._connection._handle._transport  # type: ignore[union-attr]
            assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(main())


# ---- refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "outcome", "code"),
    [
        (401, "API key is missing", Outcome.AUTH, "upgrade_401"),
        (401, "Token has expired", Outcome.AUTH, "token_expired"),
        (403, "Realtime was disabled for this tenant", Outcome.REJECTED, "upgrade_403"),
        (404, "Tenant not found", Outcome.REJECTED, "upgrade_404"),
        (429, "Too many connected users", Outcome.QUOTA, "too_many_connections"),
        (429, "Too many joins per second", Outcome.QUOTA, "too_many_joins"),
        (429, "Slow down", Outcome.RATE_LIMITED, "upgrade_429"),
        (500, "Error connecting to Realtime", Outcome.SERVER_ERROR, "upgrade_500"),
        (503, "", Outcome.SERVER_ERROR, "upgrade_503"),
    ],
)
def test_a_refused_upgrade_has_its_outcome(run: Run, status: int, error: str, outcome: Outcome, code: str) -> None:
    async def main() -> None:
        quick = replace(JS_2_90, backoff_s=(0.05, 0.1))
        async with realtime_server(refuse=(status, {"error": error})) as server, phone(server.origin, quick) as one:
            one.channel().subscribe()
            await until(lambda: len(server.attempts) >= 2)
            assert one.outcomes("realtime_connect")[0] == (outcome, code)
            server.refuse = None
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED)

    run(main())


def test_nobody_listens(run: Run) -> None:
    async def main() -> None:
        with socket.socket() as placeholder:
            placeholder.bind(("127.0.0.1", 0))
            origin = Origin("http", "127.0.0.1", placeholder.getsockname()[1])
            async with phone(origin, replace(JS_2_90, backoff_s=(0.05,))) as one:
                one.channel().subscribe()
                await until(lambda: len(one.attempts) >= 3)
                assert set(one.outcomes("realtime_connect")) == {(Outcome.NETWORK, "connect refused")}

    run(main())


def test_without_a_network_no_packet_leaves_and_it_heals(run: Run) -> None:
    async def main() -> None:
        quick = replace(JS_2_90, backoff_s=(0.05,))
        async with realtime_server() as server, phone(server.origin, quick) as one:
            await one.joined()
            one.online = False
            one.client.network_lost()
            assert one.outcomes("realtime_drop") == [(Outcome.GAVE_UP, "offline")]
            await until(lambda: one.client.stats.reconnect_count >= 3)
            assert len(server.attempts) == 1
            assert len(one.outcomes("realtime_connect")) == 1
            one.online = True
            one.client.network_back()
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED)

    run(main())


# ---- a server of bytes ------------------------------------------------------------------------------------------

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def byte_server(script: Script, **options: Any) -> AsyncIterator[Origin]:
    """Runs `script` for every connection; whatever is open at the end is cut."""
    writers: list[asyncio.StreamWriter] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    scheme = "https" if "ssl" in options else "http"
    try:
        yield Origin(scheme, "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (b"", Outcome.NETWORK, "closed early"),
        (b"HTTP/1.1 1", Outcome.NETWORK, "closed early"),
        (b"\x00\xff garbage\r\n\r\n", Outcome.SERVER_ERROR, "not http"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Outcome.SERVER_ERROR, "not http"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Outcome.SERVER_ERROR, "handshake invalid"),
        (
            b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: wrong\r\n\r\n",
            Outcome.SERVER_ERROR,
            "handshake invalid",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Outcome.CLIENT_ERROR, "upgrade_200"),
        (b"HTTP/1.1 429 X\r\ncontent-length: 3\r\n\r\n\xff\xfe{", Outcome.RATE_LIMITED, "upgrade_429"),
        (b"HTTP/1.1 403 X\r\n\r\n", Outcome.REJECTED, "upgrade_403"),  # its body ends with the connection
        (b'HTTP/1.1 401 X\r\n\r\n{"error":"Token has expired"}', Outcome.AUTH, "token_expired"),
        (b"HTTP/1.1 429 X\r\nconnection: close\r\n\r\nslow down", Outcome.RATE_LIMITED, "upgrade_429"),
        (b"HTTP/1.1 503 X\r\ncontent-length: 900\r\n\r\ncut sho", Outcome.SERVER_ERROR, "upgrade_503"),
        (b"HTTP/1.1 403 X\r\ntransfer-encoding: chunked\r\n\r\n9\r\ncut", Outcome.REJECTED, "upgrade_403"),
        (b"HTTP/1.1 403 X\r\ntransfer-encoding: gzip\r\n\r\n...", Outcome.REJECTED, "upgrade_403"),
        (b"HTTP/1.1 401 X\r\ncontent-le", Outcome.AUTH, "upgrade_401"),
        (b"HTTP/1.1 401\r\n\r\n", Outcome.AUTH, "upgrade_401"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", Outcome.SERVER_ERROR, "upgrade_502"),
        (b"HTTP/1.1 503 X\r\n" + b"x: y\r\n" * 10_000 + b"\r\n", Outcome.SERVER_ERROR, "upgrade_503"),
        (b"x" * 100_000, Outcome.SERVER_ERROR, "not http"),
    ],
)
def test_an_answer_that_is_no_upgrade(run: Run, answer: bytes, outcome: Outcome, code: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with byte_server(script) as origin, phone(origin, replace(JS_2_90, backoff_s=(30.0,))) as one:
            one.channel().subscribe()
            await until(lambda: one.attempts != [])
            assert one.outcomes("realtime_connect") == [(outcome, code)]

    run(main())


def test_a_refusal_that_never_ends_has_its_status(run: Run) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 X\r\n\r\n")
        await reader.read()

    async def main() -> None:
        slow = replace(JS_2_90, handshake_timeout_s=0.2, backoff_s=(30.0,))
        async with byte_server(script) as origin, phone(origin, slow) as one:
            one.channel().subscribe()
            await until(lambda: one.outcomes("realtime_connect") != [])
            assert one.outcomes("realtime_connect") == [(Outcome.REJECTED, "upgrade_403")]

    run(main())


def test_a_reset_is_no_lost_network(run: Run) -> None:
    """As when a load balancer is restarted: the phone is online, and connects again."""

    async def main() -> None:
        quick = replace(JS_2_90, backoff_s=(0.05,))
        async with realtime_server() as server, phone(server.origin, quick) as one:
            await one.joined()
            one.client.reset()
            assert one.outcomes("realtime_drop") == [(Outcome.NETWORK, "reset")]
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED and len(one.statuses) > 1)

    run(main())


def test_a_server_that_accepts_and_never_answers(run: Run) -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        slow = replace(JS_2_90, handshake_timeout_s=0.2, join_timeout_s=0.1, backoff_s=(30.0,))
        async with byte_server(script) as origin, phone(origin, slow) as one:
            one.channel().subscribe()
            await until(lambda: one.outcomes("realtime_connect") != [])
            assert one.outcomes("realtime_join") == [(Outcome.TIMEOUT, "not connected")]
            assert one.outcomes("realtime_connect") == [(Outcome.TIMEOUT, "no handshake")]
            assert [status for status, _ in one.statuses] == [Status.TIMED_OUT, Status.CHANNEL_ERROR]

    run(main())


def test_a_client_closed_while_it_connects_leaves_nothing(run: Run) -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with byte_server(script) as origin, phone(origin) as one:
            one.channel().subscribe()
            one.client.close()
            assert one.outcomes("realtime_connect") == [(Outcome.GAVE_UP, "client closed")]
            await asyncio.sleep(0.05)
            assert len(asyncio.all_tasks()) <= 2  # this one, and the server's of the connection

    run(main())


# ---- an accepted socket that misbehaves -------------------------------------------------------------------------


def frame(opcode: int, payload: bytes, *, head: int = 0x80) -> bytes:
    """One unmasked frame; `head` holds FIN and the reserved bits."""
    length = len(payload)
    if length < 126:
        size = bytes([length])
    elif length < 65_536:
        size = b"\x7e" + struct.pack("!H", length)
    else:
        size = b"\x7f" + struct.pack("!Q", length)
    return bytes([head | opcode]) + size + payload


@pytest.mark.parametrize(
    ("data", "outcome", "code"),
    [
        (frame(1, b"\x78\x9c compressed", head=0xC0), Outcome.SERVER_ERROR, "bad frame: reserved bits must be 0"),
        (frame(3, b""), Outcome.SERVER_ERROR, "bad frame: invalid opcode"),
        (b"\x81\x85abcdhello", Outcome.SERVER_ERROR, "bad frame: incorrect masking"),
        (frame(9, b"x" * 126), Outcome.SERVER_ERROR, "bad frame: control frame too long"),
        (frame(0, b"x"), Outcome.SERVER_ERROR, "bad frame: unexpected continuation frame"),
        (frame(8, b"\x03"), Outcome.SERVER_ERROR, "bad frame: close frame too short"),
        (frame(8, struct.pack("!H", 1005)), Outcome.SERVER_ERROR, "bad frame: invalid status code"),
        (frame(8, struct.pack("!H", 1006)), Outcome.SERVER_ERROR, "bad frame: invalid status code"),
        (frame(8, struct.pack("!H", 1015)), Outcome.SERVER_ERROR, "bad frame: invalid status code"),
        (frame(8, struct.pack("!H", 999)), Outcome.SERVER_ERROR, "bad frame: invalid status code"),
        (frame(8, struct.pack("!H", 1000) + b"\xff"), Outcome.SERVER_ERROR, "bad frame"),
        (b"\x81\x7f" + struct.pack("!Q", MAX_MESSAGE + 1), Outcome.SERVER_ERROR, "message too big"),
        (b"\x81\x7f" + struct.pack("!Q", 2**63), Outcome.SERVER_ERROR, "message too big"),
        (frame(8, b""), Outcome.NETWORK, "closed_1005"),
        (frame(8, struct.pack("!H", 1000)), Outcome.NETWORK, "closed_1000"),
        (frame(8, struct.pack("!H", 1001)), Outcome.QUOTA, "closed_1001"),
        (frame(8, struct.pack("!H", 1011)), Outcome.SERVER_ERROR, "closed_1011"),
        (frame(8, struct.pack("!H", 1012)), Outcome.SERVER_ERROR, "closed_1012"),
        (frame(8, struct.pack("!H", 4999)), Outcome.NETWORK, "closed_4999"),
    ],
)
def test_a_frame_that_ends_the_socket(run: Run, data: bytes, outcome: Outcome, code: str) -> None:
    async def main() -> None:
        generation = replace(JS_2_119, close_wait_s=0.1, backoff_s=(0.05, 0.5))
        async with realtime_server() as server, phone(server.origin, generation) as one:
            await one.joined()
            await server.peers[0].raw(data)
            await until(lambda: one.outcomes("realtime_drop") != [])
            assert one.outcomes("realtime_drop") == [(outcome, code)]
            assert one.statuses[-1] == (Status.CHANNEL_ERROR, code)
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED)  # and the client is back

    run(main())


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "\ud7ff", '["1"]', '{"event":"system"}', "[" * 50_000])
@BOTH
def test_malformed_messages_are_outcomes_and_the_socket_stays(run: Run, generation: Generation, text: str) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, generation) as one:
            await one.joined()
            peer = server.peers[0]
            await peer.connection.send(text)
            await peer.raw(frame(1, b"\xff\xfe"))
            await peer.connection.send(b"\x63\x00")
            await peer.say(TOPIC, "an_event_of_tomorrow", {"x": 1})
            await peer.say(TOPIC, "presence_state", {})
            await until(lambda: one.presence != [])
            assert [outcome for outcome, _ in one.outcomes("realtime_frame")] == [Outcome.SERVER_ERROR] * 3
            assert one.client.stats.frames_in[FrameKind.MALFORMED] == 3
            assert one.client.stats.frames_in[FrameKind.UNKNOWN] == 1
            assert one.client.connected

    run(main())


def test_a_message_of_the_largest_size_comes_through_and_one_in_larger_pieces_does_not(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, JS_2_119) as one:
            await one.joined()
            peer = server.peers[0]
            before, after = b'[null,null,"realtime:c","presence_state",{"x":"', b'"}]'
            whole = before + b"y" * (MAX_MESSAGE - len(before) - len(after)) + after
            await peer.raw(frame(1, whole))
            await until(lambda: one.presence != [])
            assert one.presence[0].size == MAX_MESSAGE
            piece = b"y" * 2_000_000
            await peer.raw(frame(1, piece, head=0) + frame(0, piece, head=0) + frame(0, piece, head=0))
            await until(lambda: one.outcomes("realtime_drop") != [])
            assert one.outcomes("realtime_drop") == [(Outcome.SERVER_ERROR, "message too big")]

    run(main())


def test_a_flood_of_pings_is_answered_and_changes_nothing(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin) as one:
            await one.joined()
            peer = server.peers[0]
            for _ in range(10):
                await peer.raw(frame(9, b"p" * 125) * 200)
                await asyncio.sleep(0)
            await peer.say(TOPIC, "presence_state", {})
            await until(lambda: one.presence != [])
            assert one.client.connected
            assert one.outcomes("realtime_drop") == []

    run(main())


def test_pings_of_a_peer_that_never_reads_are_not_hoarded(run: Run) -> None:
    """Its pings stay in the kernel's buffers, not in ours: we stop reading while our answers cannot leave."""

    async def main() -> None:
        sent = 0

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(upgrade(request))
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            pings = frame(9, b"p" * 125) * 500
            while True:
                writer.write(pings)
                await writer.drain()
                sent += len(pings)

        async with byte_server(script) as origin, phone(origin) as one:
            one.channel().subscribe()
            await until(lambda: sent > 500_000)
            quiet, before = 0, -1
            while quiet < 5:  # until the server cannot send any more
                quiet, before = (quiet + 1 if sent == before else 0), sent
                await asyncio.sleep(0.01)
            transport = one.client._connection._handle._transport  # type: ignore[union-attr]
            assert transport.get_write_buffer_size() < 1_000_000
            assert one.client.connected

    run(main())


def upgrade(request: bytes) -> bytes:
    """The answer that opens the socket."""
    import base64
    import hashlib

    (key,) = [line[19:].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
        + accept
        + b"\r\n\r\n"
    )


def test_a_compression_nobody_offered_is_refused(run: Run) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = upgrade(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer[:-2] + b"sec-websocket-extensions: permessage-deflate\r\n\r\n")
        await reader.read()

    async def main() -> None:
        async with byte_server(script) as origin, phone(origin, replace(JS_2_90, backoff_s=(30.0,))) as one:
            one.channel().subscribe()
            await until(lambda: one.attempts != [])
            assert one.outcomes("realtime_connect") == [(Outcome.SERVER_ERROR, "handshake invalid")]

    run(main())


def test_a_reset_is_an_outcome(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin) as one:
            await one.joined()
            raw = server.peers[0].connection.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.peers[0].connection.transport.abort()
            await until(lambda: one.outcomes("realtime_drop") != [])
            assert one.outcomes("realtime_drop")[0] in [(Outcome.NETWORK, "reset"), ABNORMAL]

    run(main())


@BOTH
def test_half_open_is_noticed_by_the_heartbeat(run: Run, generation: Generation) -> None:
    """A peer that keeps the connection and forwards nothing, neither the heartbeat nor the close."""

    async def main() -> None:
        frozen = False

        async def swallow(_: Peer, __: Heard) -> bool:
            return frozen

        patience = 30.0 if generation is JS_2_119 else 0.6  # the newer one does not wait for it
        quick = replace(generation, heartbeat_s=0.2, close_wait_s=patience, backoff_s=(0.1, 0.2, 0.5, 1.0))
        async with realtime_server(handler=swallow) as server, phone(server.origin, quick) as one:
            await one.joined()
            frozen = True
            server.peers[0].connection.transport.pause_reading()
            await until(lambda: one.outcomes("realtime_drop") != [])
            frozen = False
            assert one.outcomes("realtime_drop") == [(Outcome.TIMEOUT, "heartbeat timeout")]
            await until(lambda: len(server.heard("phx_join")) >= 2)
            assert one.outcomes("realtime_half_open")[0][0] is Outcome.TIMEOUT
            await until(lambda: one.statuses[-1][0] is Status.SUBSCRIBED)

    run(main())


def test_frames_of_topics_left_are_counted_and_go_nowhere(run: Run) -> None:
    async def main() -> None:
        async with realtime_server() as server, phone(server.origin, JS_2_119) as one:
            await one.joined()
            other = one.client.channel("other")
            other.subscribe()
            await until(lambda: len(server.heard("phx_join")) == 2)
            one.client.remove(other)
            await server.peers[0].say("realtime:other", "broadcast", {"event": "typing", "payload": {}})
            await server.peers[0].say(TOPIC, "presence_state", {})
            await until(lambda: one.presence != [])
            assert one.client.stats.frames_in[FrameKind.BROADCAST] == 1
            assert one.broadcasts == []

    run(main())


# ---- TLS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_is_verified(run: Run, certificate: Certificate, trusted: bool) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(await reader.readuntil(b"\r\n\r\n")))
        await reader.read()

    async def main() -> None:
        tls = shared_context(certificate[0]) if trusted else shared_context()
        async with byte_server(script, ssl=server_side(certificate)) as origin:
            one = Phone(origin, replace(JS_2_90, backoff_s=(30.0,)), tls=tls)
            one.channel().subscribe()
            await until(lambda: one.attempts != [])
            expected = (Outcome.OK, "") if trusted else (Outcome.NETWORK, "certificate refused")
            assert one.outcomes("realtime_connect") == [expected]
            one.client.close()
            await asyncio.sleep(0.1)
            one.ticker.stop()

    if trusted:
        run(main())
    else:
        with asyncio.Runner() as runner:  # the server's side of a refused handshake is the loop's to complain about
            runner.run(main())


# ---- many -------------------------------------------------------------------------------------------------------


def test_a_killed_server_sees_everybody_again_after_a_second_and_nothing_is_left(run: Run) -> None:
    """Forty phones reconnect together; afterwards neither socket nor timer is left."""

    async def main() -> None:
        async with realtime_server() as server:
            phones = [Phone(server.origin, replace(JS_2_119, backoff_s=(0.3,))) for _ in range(40)]
            for one in phones:
                one.channel().subscribe()
            await until(lambda: len(server.heard("phx_join")) == 40)
            dropped = monotonic()
            for peer in server.peers:
                peer.connection.transport.abort()
            await until(lambda: len(server.heard("phx_join")) == 80)
            since = [at - dropped for at in server.attempts[40:]]
            assert min(since) >= 0.3
            assert all(0.3 <= one.client.stats.reconnects[0].since_drop < 1 for one in phones)
            for one in phones:
                one.client.close()
            await asyncio.sleep(0.1)
            for one in phones:
                due = one.ticker.wheel.next_due()
                assert due is None or due < monotonic() + 2
                one.ticker.stop()
        del phones, one
        gc.collect()

    run(main())


def test_the_server_that_tests_use_is_one(run: Run) -> None:
    """It answers the real library too, so what these tests show is not between us and ourselves."""

    async def main() -> None:
        from websockets.asyncio.client import connect

        async with realtime_server() as server:
            assert isinstance(server, RealtimeServer)
            url = f"ws://127.0.0.1:{server.port}/realtime/v1/websocket?vsn=2.0.0"
            async with connect(url, proxy=None) as connection:
                await connection.send('[null,"1","phoenix","heartbeat",{}]')
                assert await connection.recv() == '[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]'

    run(main())
