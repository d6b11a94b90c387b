"""`python -m harness.prove.mutants.proxy`: phones on one side, a sandbox on the other, mutants between them.

Whatever no mutant concerns passes bit for bit, streamed as it comes, one exchange at a time on a connection.
Only phones are spoiled, known by their user agent: what a run asks before its load goes through untouched. One line of
JSON says where the proxy listens; SIGTERM ends it with another, its tally.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import click
import orjson

from chaos.frames import FrameSplitter, is_message
from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner
from chaos.proxy import process
from harness.egress.gate import LOOPBACK
from harness.load.discovery import WELL_KNOWN
from harness.prove.mutants.at_work import MutantAtWork, socket_message
from harness.prove.mutants.catalogue import Mutant, mutant
from harness.prove.mutants.envelope import Envelope, text_frame
from harness.prove.mutants.exchange import CallReply, CallRequest, reply_of, request_of
from harness.prove.mutants.operators.base import Delivery, Ending, Handling, SocketMessage
from harness.prove.mutants.places import CHANNELS, call_places
from harness.prove.mutants.survey import MutantSurvey
from harness.prove.mutants.tally import Tally

PHONE = "movinesta-harness/"
CHUNK = 1 << 16
LONGEST = 16 << 20
"""Bytes of a body that is held whole; a longer one is an error of ours."""


class Disconnected(Exception):
    """The other side is gone in mid-message."""


class Side:
    """One connection, read part by part."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, reply: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.scanner = MessageScanner(reply=reply)

    async def part(self) -> MessageHead | bytes | MessageMark | None:
        """The next; None when the connection ended between messages. :raises Disconnected: within one."""
        while (part := self.scanner.pull()) is None:
            data = await self.reader.read(CHUNK)
            if data:
                self.scanner.push(data)
                continue
            if self.scanner.between and not self.scanner.buffered:
                return None
            end = self.scanner.pull_end()
            if end is None:
                raise Disconnected
            return end
        return part

    async def body(self) -> bytes:
        """All of it, as on the wire."""
        parts: list[bytes] = []
        while (part := await self.part()) is not MessageMark.END:
            assert isinstance(part, bytes)
            parts.append(part)
        return b"".join(parts)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()


class MutatingProxy:
    """All connections, and the mutants, no two of one place. survey: learns what passes; nothing is changed then."""

    def __init__(
        self,
        upstream: str,
        *chosen: Mutant,
        seed: int = 1,
        survey: MutantSurvey | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(upstream)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.url = ""
        self.passed = 0
        self.survey = survey
        self.works = tuple(MutantAtWork(one, seed, clock) for one in chosen)
        self._sockets = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback; `url` says which."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 18)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def tally(self) -> Tally:
        told = Tally(mutants=tuple(one.tally for one in self.works), passed=self.passed)
        if self.survey is None:
            return told
        return told.model_copy(update={"reached": tuple(sorted(self.survey.reached)), "places": dict(self.survey.seen)})

    # ---- one connection ---------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        phone = Side(reader, writer, reply=False)
        connection = _Connection(self, phone)
        try:
            await connection.run()
        except (OSError, Disconnected, MalformedHttp, asyncio.IncompleteReadError):
            pass
        finally:
            connection.close()

    async def upstream(self) -> Side:
        """A connection to the sandbox."""
        reader, writer = await LOOPBACK.stream(self.host, self.port, limit=1 << 18)
        return Side(reader, writer, reply=True)

    # ---- the mutant -------------------------------------------------------------------------------------------

    def concerns(self, head: MessageHead) -> bool:
        """Whether a mutant may concern this request; its body may say otherwise."""
        if not head.headers.get("user-agent", "").startswith(PHONE):
            return False
        if self.survey is not None:
            return "upgrade" not in head.headers
        return any(one.concerns(head.method, head.target) for one in self.works)

    def surveyed(self, request: CallRequest, reply: CallReply) -> None:
        """Tell the survey of one exchange."""
        assert self.survey is not None
        for place in call_places():
            if place.fits(request.method, request.target) and place.fits_body(request.json):
                self.survey.exchange(place, request, reply)

    def handling(self, request: CallRequest) -> tuple[MutantAtWork, Handling, bool] | None:
        """Whose the request is, what becomes of it, and whether its reply may be spoiled; None: nobody's."""
        for one in self.works:
            if one.concerns(request.method, request.target) and (found := one.handling(request)) is not None:
                return one, *found
        return None

    def socket_number(self) -> int:
        """Of the next socket."""
        self._sockets += 1
        return self._sockets

    @property
    def reads_frames(self) -> bool:
        return self.survey is not None or any(one.of_sockets for one in self.works)

    def heard(self, socket: int, frame: bytes) -> None:
        """Tell the survey of one frame."""
        if self.survey is not None and is_message(frame):
            for place in CHANNELS:
                message = socket_message(socket, frame, place)
                if message is not None:
                    self.survey.message(place, message)

    def delivery(self, socket: int, frame: bytes) -> tuple[MutantAtWork, Delivery, SocketMessage] | None:
        """Whose a frame is, and what comes instead of it; None: the frame."""
        for one in self.works:
            if (found := one.delivery(socket, frame)) is not None:
                return one, *found
        return None


class _Connection:
    """One phone's connection and the one behind it."""

    def __init__(self, proxy: MutatingProxy, phone: Side) -> None:
        self._proxy = proxy
        self._phone = phone
        self._up: Side | None = None
        self._late: set[asyncio.TimerHandle] = set()

    async def run(self) -> None:
        """One exchange after the other."""
        while isinstance(head := await self._phone.part(), MessageHead):
            goes_on = await (self._treated(head) if self._proxy.concerns(head) else self._passed(head))
            if not goes_on:
                return

    def close(self) -> None:
        for timer in self._late:
            timer.cancel()
        self._phone.close()
        if self._up is not None:
            self._up.close()

    async def _upstream(self) -> Side:
        if self._up is None or self._up.reader.at_eof():
            if self._up is not None:
                self._up.close()
            self._up = await self._proxy.upstream()
        return self._up

    # ---- untouched --------------------------------------------------------------------------------------------

    async def _passed(self, head: MessageHead) -> bool:
        up = await self._upstream()
        if head.headers.get("user-agent", "").startswith(PHONE):
            self._proxy.passed += 1
        if head.target == WELL_KNOWN:
            return await self._introduced(head, up)
        up.scanner.no_body = head.method == "HEAD"
        await up.send(head.raw)
        while (part := await self._phone.part()) is not MessageMark.END:
            assert isinstance(part, bytes)
            await up.send(part)
        return await self._streamed(up)

    async def _streamed(self, up: Side) -> bool:
        """The reply as it comes; whether the connection goes on."""
        while True:
            head = await up.part()
            if not isinstance(head, MessageHead):
                return False
            await self._phone.send(head.raw)
            if head.status == 101:
                await self._websocket(up)
                return False
            while (part := await up.part()) is not MessageMark.END:
                assert isinstance(part, bytes)
                await self._phone.send(part)
            if head.status >= 200:
                return _stays_open(head)

    async def _introduced(self, head: MessageHead, up: Side) -> bool:
        """The sandbox's description of itself, with our address: a run goes where it says."""
        await up.send(head.raw + await self._phone.body())
        reply = await self._reply(up)
        if reply.good:
            reply = reply.with_json({**reply.json, "url": self._proxy.url})
        await self._phone.send(reply.raw)
        return True

    # ---- the mutant's -----------------------------------------------------------------------------------------

    async def _treated(self, head: MessageHead) -> bool:
        proxy, request = self._proxy, request_of(head, await self._phone.body())
        if proxy.survey is not None:
            reply = await self._asked(request)
            proxy.surveyed(request, reply)
            proxy.passed += 1
            await self._phone.send(reply.raw)
            return "close" not in reply.headers.get("connection", "").lower()
        found = proxy.handling(request)
        if found is None:
            proxy.passed += 1
            up = await self._upstream()
            await up.send(request.raw)
            return await self._streamed(up)
        work, handling, drawn = found
        replies = [await self._asked(one) for one in handling.forwarded]
        reply = handling.answer or work.answered(request, replies[0], drawn=drawn)
        if handling.ending is not Ending.REPLY:
            if handling.ending is Ending.SILENCE:
                await self._phone.reader.read(1)  # until the phone gives up
            return False
        if handling.delay_s:
            await asyncio.sleep(handling.delay_s)
        await self._phone.send(reply.raw)
        return handling.answer is not None or "close" not in reply.headers.get("connection", "").lower()

    async def _asked(self, request: CallRequest) -> CallReply:
        up = await self._upstream()
        up.scanner.no_body = request.method == "HEAD"
        await up.send(request.raw)
        return await self._reply(up)

    async def _reply(self, up: Side) -> CallReply:
        while True:
            head = await up.part()
            if not isinstance(head, MessageHead):
                raise Disconnected
            body = await up.body()
            if len(body) > LONGEST:
                raise Disconnected
            if head.status >= 200:
                return reply_of(head, body)

    # ---- sockets ----------------------------------------------------------------------------------------------

    async def _websocket(self, up: Side) -> None:
        socket = self._proxy.socket_number()
        splitter = FrameSplitter()

        async def downward(data: bytes) -> bool:
            if not self._proxy.reads_frames:
                await self._phone.send(data)
                return True
            for frame in splitter.split(data):
                if not await self._frame(socket, frame):
                    return False
            return True

        async def upward(data: bytes) -> bool:
            await up.send(data)
            return True

        pumps = (
            asyncio.ensure_future(_pump(self._phone, upward)),
            asyncio.ensure_future(_pump(up, downward)),
        )
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _frame(self, socket: int, frame: bytes) -> bool:
        """Deliver one frame of the server, or what the mutant makes of it; whether the socket stays."""
        self._proxy.heard(socket, frame)
        found = self._proxy.delivery(socket, frame)
        if found is None:
            await self._phone.send(frame)
            return True
        work, delivery, message = found
        for one in delivery.now:
            await self._phone.send(_framed(one, frame))
        if delivery.late:
            self._later(delivery.late_s, lambda: [_framed(one, frame) for one in delivery.late])
        if delivery.held is not None:
            held, key = delivery.held, (socket, message.topic)
            waiting = work.state.held

            def let_go() -> list[bytes]:
                return [_framed(waiting.pop(key), frame)] if waiting.get(key) is held else []

            self._later(delivery.late_s, let_go)
        return not delivery.close

    def _later(self, seconds: float, frames: Callable[[], list[bytes]]) -> None:
        def write() -> None:
            self._late.discard(timer)
            for one in frames():
                self._phone.writer.write(one)

        timer = asyncio.get_running_loop().call_later(seconds, write)
        self._late.add(timer)


def _framed(data: bytes | Envelope, frame: bytes) -> bytes:
    """In a frame of the same kind as the one it stands for."""
    if isinstance(data, Envelope):
        return text_frame(data.encoded())
    made = text_frame(data)
    return frame[:1] + made[1:]


async def _pump(side: Side, take: Callable[[bytes], Awaitable[bool]]) -> None:
    """Everything behind the upgrade, until it ends or nobody takes it any more."""
    data = side.scanner.rest()
    with contextlib.suppress(OSError):
        while (not data or await take(data)) and (data := await side.reader.read(CHUNK)):
            pass


def _stays_open(head: MessageHead) -> bool:
    framed = "content-length" in head.headers or "transfer-encoding" in head.headers or head.status in (204, 304)
    return framed and "close" not in head.headers.get("connection", "").lower()


async def serve(upstream: str, names: tuple[str, ...], seed: int, *, survey: bool) -> None:
    """Until SIGTERM or SIGINT."""
    proxy = MutatingProxy(upstream, *map(mutant, names), seed=seed, survey=MutantSurvey(seed) if survey else None)
    await proxy.start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    _say({"ready": True, "url": proxy.url})
    await ended.wait()
    await proxy.stop()
    _say(proxy.tally().model_dump())


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


@click.command()
@click.option("--upstream", required=True, help="The sandbox's address.")
@click.option("--mutant", "names", multiple=True, help="PLACE/OPERATOR, repeatable; none changes nothing.")
@click.option("--seed", type=int, default=1, help="Which field is changed.")
@click.option("--survey", is_flag=True, help="Change nothing, and say which mutants would have.")
def main(upstream: str, names: tuple[str, ...], seed: int, survey: bool) -> None:
    """A mutating proxy on a free port of loopback."""
    process.raise_descriptor_limit()
    process.freeze_garbage()
    with asyncio.Runner(loop_factory=process.new_loop) as runner:
        runner.run(serve(upstream, names, seed, survey=survey))


if __name__ == "__main__":
    main()
