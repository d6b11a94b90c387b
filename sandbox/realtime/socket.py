"""One WebSocket: handshake, frames, heartbeats, and the channels on it.

An asyncio Protocol around the `websockets` library's sans-I/O protocol: no task, no queue and no copy per socket, so
that a thousand idle ones cost nothing but memory. uvicorn hands an upgraded connection over to it.
"""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl

import orjson
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from sandbox.realtime.access import AccessError, examine
from sandbox.realtime.channel import ServerChannel
from sandbox.realtime.faults import Place
from sandbox.realtime.frames import V1, VERSIONS, ClientPush, FrameError, decode, encode, reply
from sandbox.realtime.join import PREFIX, JoinError, join
from sandbox.realtime.ports import SocketHost
from sandbox.realtime.topic import TopicState

PATH = "/realtime/v1/websocket"
_CLOSING_S = 2.0
Host: TypeAlias = SocketHost[ServerChannel, TopicState[ServerChannel], "ServerSocket"]


class ServerSocket(asyncio.Protocol):
    """vsn: the serializer. key: the URL's `apikey`, with which channels join that bring no token.

    expires_at: when the first of its channels' tokens ends, Unix time. heard: when the client last sent anything.
    """

    def __init__(self, host: Host, connections: set[Any]) -> None:
        self.id = host.next_socket()
        self.vsn = V1
        self.key = ""
        self.person: str | None = None
        self.channels: dict[str, ServerChannel] = {}
        self.expires_at = float("inf")
        self.heard = self.idle_since = host.monotonic()
        self.is_open = False
        self._host = host
        self._connections = connections
        self._protocol = ServerProtocol(max_size=host.settings.max_frame_bytes)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parts: list[bytes] = []
        self._binary = False
        self._busy = False
        self._waiting: deque[ClientPush] = deque()
        self._frozen: deque[bytes | ClientPush] = deque()

    @property
    def place(self) -> Place:
        """Where it is, for faults."""
        return Place(self.id, self.person, None)

    # --- its channels

    def add(self, channel: ServerChannel) -> bool:
        """A channel was joined; whether it is the only one. Whose token it brought is who this is from now on."""
        first = not self.channels
        self.channels[channel.topic] = channel
        self.person = channel.access.person or self.person
        self.expire_by(channel.access.expires_at)
        return first

    def discard(self, channel: ServerChannel) -> bool:
        """A channel ended; whether the socket has none any more because of it."""
        if self.channels.get(channel.topic) is not channel:
            return False
        del self.channels[channel.topic]
        if self.channels:
            return False
        self.idle_since = self._host.monotonic()
        return True

    def expire_by(self, expires_at: float) -> None:
        """A token of its channels ends then."""
        self.expires_at = min(self.expires_at, expires_at)

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.heard = self._host.monotonic()
        self._protocol.receive_data(data)
        self._advance()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._connections.discard(self)
        self._waiting.clear()
        self._host.left(self)

    def shutdown(self) -> None:
        """uvicorn ends."""
        self.close(1012, "")
        self._transport.close()

    # --- what it sends

    def write(self, data: bytes) -> None:
        """A whole frame. A client that does not read is cut off once too much waits for it."""
        if self.is_open and (self._frozen or self._faulty("realtime_freeze")):
            self._frozen.append(data)  # also once the freeze is over, until what came before has gone
        elif self.is_open and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > self._host.settings.max_buffer_bytes:
                self._host.counters.killed += 1
                self.abort()

    def close(self, code: int, reason: str = "") -> None:
        """The closing handshake; 1006 drops the connection without one."""
        if code == 1006 or not self.is_open:
            self.abort()
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
            self._host.later(_CLOSING_S, self._transport.close)
        self.is_open = False
        self._host.left(self)

    def abort(self) -> None:
        """End the TCP connection at once."""
        self.is_open = False
        self._transport.abort()

    def thaw(self) -> None:
        """Go on after a freeze: what waited is sent and handled in its order."""
        waiting, self._frozen = self._frozen, deque()
        for item in waiting:
            if isinstance(item, ClientPush):
                self._take(item)
            else:
                self.write(item)

    def _faulty(self, name: str) -> bool:
        return bool(self._host.faults) and self._host.fault(name, self.place) > 0

    @property
    def is_frozen(self) -> bool:
        """Whether something waits for a thaw."""
        return bool(self._frozen)

    # --- the WebSocket protocol

    def _advance(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def _flush(self) -> None:
        if self.is_open and self._faulty("realtime_freeze"):
            return  # answers to pings wait inside the protocol
        for data in self._protocol.data_to_send():
            if self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._binary = frame.opcode is Opcode.BINARY
            self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
        else:
            return
        if frame.fin:
            data, self._parts = b"".join(self._parts), []
            self._message(data)

    def _message(self, data: bytes) -> None:
        if not self.is_open:
            return
        self._host.counters.received += 1
        try:
            push = decode(self.vsn, data, binary=self._binary)
        except FrameError:
            self._host.counters.malformed += 1
            return
        if self._frozen or self._faulty("realtime_freeze"):
            self._frozen.append(push)
        else:
            self._take(push)

    # --- the Phoenix protocol

    def _take(self, push: ClientPush) -> None:
        """Joins are answered one after the other, and everything else of the socket waits for them."""
        if self._busy:
            self._waiting.append(push)
        else:
            self._handle(push)

    def _handle(self, push: ClientPush) -> None:
        channel = self.channels.get(push.topic)
        if push.event == "phx_join" and push.topic.startswith(PREFIX):
            delay_ms = self._host.fault("realtime_join_delay_ms", self._place_of(push))
            self._after(delay_ms, lambda: self._join(push))
        elif push.topic == "phoenix" and push.event == "heartbeat":
            if not self._faulty("realtime_swallow_heartbeats"):
                self.write(encode(self.vsn, reply(push, {})))
        elif channel is not None:
            channel.receive(push)
        elif push.event == "phx_leave":
            self.write(encode(self.vsn, reply(push, {})))
        else:
            self.write(encode(self.vsn, reply(push, {"reason": "unmatched topic"}, status="error")))

    def _join(self, push: ClientPush) -> None:
        try:
            join(self._host, self, push)
        except JoinError as error:
            self._host.counters.refused_joins += 1
            answer = encode(
                self.vsn, reply(push, {"reason": str(error)}, status="error", join_ref=push.join_ref or push.ref)
            )
            closes = error.closes

            def refuse() -> None:
                self.write(answer)
                if closes:
                    self.close(1001)

            self._after(self._host.settings.channel_error_ms, refuse)

    def _after(self, delay_ms: int, work: Callable[[], None]) -> None:
        """Do it now, or keep the socket busy until then."""
        if delay_ms <= 0:
            work()
            return
        self._busy = True

        def done() -> None:
            self._busy = False
            if self.is_open:
                work()
                while self._waiting and not self._busy:
                    self._handle(self._waiting.popleft())

        self._host.later(delay_ms / 1000, done)

    def _place_of(self, push: ClientPush) -> Place:
        return Place(self.id, self.person, push.topic.removeprefix(PREFIX))

    # --- the upgrade

    def _handshake(self, request: Request) -> None:
        path, _, query = request.path.partition("?")
        if path != PATH:
            self._refuse(404, {"message": "no Route matched with those values"}, 0)
            return
        asked = dict(parse_qsl(query, keep_blank_values=True))
        refusal = self._refusal(request, asked)
        if refusal is not None:
            self._host.counters.refused_upgrades += 1
            self._refuse(*refusal, self._host.settings.connect_error_ms)
            return
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if response.status_code == 101:
            self.is_open = True
            self._host.entered(self)

    def _refusal(self, request: Request, asked: dict[str, str]) -> tuple[int, Any] | None:
        host, now = self._host, self._host.monotonic()
        if status := host.fault("realtime_refuse_status", Place()):
            return status, {"error": "Error connecting to Realtime"}
        if request.method != "GET":
            return 400, None
        self.vsn = asked.get("vsn", V1)
        if self.vsn not in VERSIONS:
            return 403, None
        self.key = request.headers.get("x-api-key") or asked.get("apikey", "")
        if not self.key:
            return 401, {"error": "API key is missing"}
        try:
            self.person = examine(self.key, host.token_keys, host.now()).person
        except AccessError as error:
            said = str(error)
            return 401, {"error": "Token has expired" if said.startswith("Token has expired") else said}
        if 0 < host.settings.max_concurrent_users <= host.users:
            return 429, {"error": "Too many connected users"}
        if host.joins.over(now):
            return 429, {"error": "Too many joins per second"}
        return None

    def _refuse(self, status: int, body: Any, delay_ms: int) -> None:
        content = b"" if body is None else orjson.dumps(body)
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(content))})
        headers["Connection"] = "close"
        phrase = http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else "Refused"

        def answer() -> None:
            if not self._transport.is_closing():
                self._protocol.send_response(Response(status, phrase, headers, content))
                self._flush()

        if delay_ms:
            self._host.later(delay_ms / 1000, answer)
        else:
            answer()


__all__ = ["PATH", "ServerSocket"]
