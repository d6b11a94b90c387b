"""Locust's channel between master and workers, for those alone who share the run's token.

Locust's own sockets bind and believe anybody. These are the same with CurveZMQ in front (`harness.core.run_token`) and
with `MasterGate` behind it, so what Locust sees comes from a worker of this run and has a worker's shape.
`install` puts them in place of Locust's; without a token, plain Locust keeps its own.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import gevent
import zmq
from locust.exception import RPCError
from locust.rpc import zmqrpc
from locust.rpc.protocol import Message
from zmq.utils.monitor import parse_monitor_message

from harness.core.errors import ExitCode
from harness.core.run_token import TOKEN_ENV
from harness.load.channel_keys import ChannelKeys, unpacked
from harness.load.master_gate import DISMISSAL, HELLO, WELCOME, MasterGate, Refused

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 256 * 1024 * 1024
GONE_S = 2.5
"""A master whose connection is closed for so long is gone; one that restarts makes another run."""
FIRST_S = 10.0
"""For the first handshake. `harness run --worker` has asked before, and told its person more."""
LINGER_MS = 2_000
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH


def install() -> bool:
    """Use the token of this environment, and take it out there; False without one."""
    token = os.environ.pop(TOKEN_ENV, "")
    if token:
        _Shared.keys = ChannelKeys(token)
        zmqrpc.Server, zmqrpc.Client = MasterSocket, WorkerSocket
    return bool(token)


class _Shared:
    """Of this process: Locust makes its sockets itself, and knows no keys."""

    keys: ClassVar[ChannelKeys]


def _watched(socket: Any, events: int, heard: Callable[[int], None]) -> None:
    monitor = socket.get_monitor_socket(events)

    def watch() -> None:
        while True:
            try:
                event = parse_monitor_message(monitor.recv_multipart())["event"]
            except zmq.ZMQError:
                return
            if event == zmq.EVENT_MONITOR_STOPPED:
                return
            heard(event)

    gevent.spawn(watch)


class MasterSocket(zmqrpc.BaseSocket):  # type: ignore[misc]  # Locust's has no types
    """The master's side. `gate` decides who is heard, and has counted who was not."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(zmq.ROUTER, self.ipv4_only(host, port))
        self.gate = MasterGate(unpacked)
        _Shared.keys.serve(self.socket)
        self.socket.setsockopt(zmq.MAXMSGSIZE, LONGEST_MESSAGE)
        self.socket.setsockopt(zmq.LINGER, LINGER_MS)
        _watched(self.socket, _FAILED, lambda event: self.gate.refuse("without the token"))
        try:
            self.socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as error:
            raise RPCError(f"Socket bind failure: {error}") from error
        self.port = port

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message that may be believed."""
        while True:
            try:
                frames = self.socket.recv_multipart()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            try:
                message = self.gate.admit(frames)
            except Refused as refusal:
                if refusal.kind == "too late":
                    self._tell(refusal.sender, DISMISSAL, str(refusal))
                continue
            if message.kind == HELLO:
                late = self.gate.begun
                why = "this run began without this worker" if late else ""
                self._tell(message.sender, DISMISSAL if late else WELCOME, why)
                continue
            return message.sender, Message(message.kind, message.data, message.sender)

    def _tell(self, client: str, kind: str, data: Any) -> None:
        try:
            self.send_to_client(Message(kind, data, client))
        except Exception as error:
            log.warning("%s: %s", client, error)


class WorkerSocket(zmqrpc.BaseSocket):  # type: ignore[misc]
    """A worker's side. `gone` is called once, when the master's connection is closed and stays so."""

    def __init__(self, host: str, port: int, identity: str) -> None:
        super().__init__(zmq.DEALER, self.ipv4_only(host, port))
        self._address = f"{host}:{port}"
        self._lost_s: float | None = time.monotonic()
        self._met = False
        self._closed = False
        self.gone: Callable[[str], None] = self._leave
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.setsockopt(zmq.LINGER, LINGER_MS)
        _Shared.keys.connect(self.socket)
        _watched(self.socket, zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED, self._heard)
        gevent.spawn(self._look)
        self.socket.connect(f"tcp://{host}:{port}")

    def _heard(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._met, self._lost_s = True, None
        elif self._lost_s is None:
            self._lost_s = time.monotonic()

    def _look(self) -> None:
        while not self._closed:
            gevent.sleep(0.25)
            patience_s = GONE_S if self._met else FIRST_S
            if self._lost_s is not None and time.monotonic() - self._lost_s > patience_s:
                why = "is gone" if self._met else "does not let this worker in"
                self.gone(f"the master at {self._address} {why}")
                return

    def recv(self) -> Message:
        """The master's next message."""
        while True:
            try:
                data = self.socket.recv()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            try:
                kind, told, name = unpacked(data)
            except Exception as error:  # any bytes at all may stand there
                log.error("a message of the master's refused: %s", type(error).__name__)
                continue
            if kind == DISMISSAL:
                self._leave(f"the master at {self._address} does not need this worker: {told}", ExitCode.USAGE)
            return Message(kind, told, name)

    def close(self, linger: int | None = None) -> None:
        """Locust is about to connect anew, or done."""
        self._closed = True
        super().close(linger)

    def _leave(self, why: str, code: ExitCode = ExitCode.TARGET) -> NoReturn:
        """Nothing has begun here, so nothing is to be ended."""
        sys.stderr.write(f"error: {why}\n")
        sys.stderr.flush()
        os._exit(int(code))
