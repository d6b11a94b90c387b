"""Asking a master whether it wants one more worker, before anything that takes seconds is started."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import zmq
from zmq.utils.monitor import parse_monitor_message

from harness.core.errors import TargetError, UsageError
from harness.core.run_token import TOKEN_ENV
from harness.load.channel_keys import ChannelKeys, packed, unpacked
from harness.load.master_gate import DISMISSAL, HELLO, WELCOME

SAY_AFTER_S = 1.0
LET_IN_S = 2.0
"""From a connection to the end of the handshake; a master whose token is another one says nothing at all."""
_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_DISCONNECTED,
)


def greet(host: str, port: int, token: str, *, wait_s: float, say: Callable[[str], None]) -> None:
    """Return when the master there wants this worker.

    :raises UsageError: the run began without it, or the token is another one.
    :raises TargetError: nobody listens there, or nobody who answers as a master does.
    """
    context = zmq.Context()
    try:
        _Greeting(context, f"{host}:{port}", token).until_answered(wait_s, say)
    finally:
        context.destroy(linger=0)


class _Greeting:
    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, token: str) -> None:
        self._address = address
        name = f"hello_{uuid.uuid4().hex}"
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        self._socket.setsockopt(zmq.IPV6, 1)
        ChannelKeys(token).connect(self._socket)
        self._monitor = self._socket.get_monitor_socket()
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._connected = self._met = False
        self._turned_away = 0
        try:
            self._socket.connect(f"tcp://{address}")
        except zmq.ZMQError as error:
            raise UsageError(f"not an address: {address!r} ({error})", where="--worker") from None
        self._socket.send(packed(HELLO, None, name))

    def until_answered(self, wait_s: float, say: Callable[[str], None]) -> None:
        begun, told = time.monotonic(), False
        while (left_s := wait_s - (time.monotonic() - begun)) > 0:
            for socket, _ in self._poller.poll(round(min(left_s, 0.25) * 1000)):
                if socket is self._monitor:
                    self._note(parse_monitor_message(self._monitor.recv_multipart())["event"])
                elif self._welcomed(self._socket.recv()):
                    return
            if self._turned_away >= 2 and not self._met:
                break
            if not told and wait_s - left_s > SAY_AFTER_S:
                told = True
                say(f"{self._standing()}; waiting for it up to {wait_s:g} s")
        raise self._failure(wait_s)

    def _note(self, event: int) -> None:
        if event == zmq.EVENT_CONNECTED:
            self._connected = True
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._met = True
        elif event in _FAILED and self._connected and not self._met:
            self._turned_away += 1

    def _welcomed(self, data: bytes) -> bool:
        try:
            kind, why, _ = unpacked(data)
        except Exception:  # any bytes at all may stand there
            return False
        if kind == DISMISSAL:
            raise UsageError(
                f"the master at {self._address} does not need this worker: {why}",
                where="harness run --worker",
                remedy="start all workers before the run begins; --expect-workers says how many it waits for",
            )
        return bool(kind == WELCOME)

    def _standing(self) -> str:
        if self._met:
            return f"the master at {self._address} does not answer yet"
        return f"no master answers at {self._address} yet" if self._connected else f"nobody listens at {self._address}"

    def _failure(self, wait_s: float) -> Exception:
        if self._turned_away and not self._met:
            return UsageError(
                f"who listens at {self._address} does not let this worker in",
                where=TOKEN_ENV,
                remedy=f"set {TOKEN_ENV} to the token that this run's master printed, or was given",
            )
        return TargetError(
            f"{self._standing()}: no master within {wait_s:g} s",
            where="harness run --worker",
            remedy="start the master first, or let the worker wait for it: --wait SECONDS",
        )
