"""When a client sends its heartbeat, and when it gives the socket up for want of an answer. (pure)

Source: contract realtime 1.8. The older generation has one interval timer whose next tick notices a heartbeat still
unanswered, also one that was sent on the socket before (defect a); the newer has a timer for the answer and forgets
with the socket.
"""

from __future__ import annotations

from typing import Protocol

from harness.client.realtime.phoenix.generation import Generation
from harness.client.realtime.phoenix.timer_wheel import Timer, Wheel
from harness.core.outcome import Outcome

HEARTBEAT_TIMEOUT = "heartbeat timeout"


class HeartbeatConnection(Protocol):
    """What it needs of its connection."""

    generation: Generation
    wheel: Wheel

    def new_ref(self) -> str: ...
    def send_heartbeat(self, ref: str) -> None: ...
    def heartbeat_missed(self) -> None: ...
    def report(self, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str) -> None: ...


class Heartbeat:
    """Of one connection; runs while a socket is open."""

    __slots__ = ("_at", "_connection", "_ref", "_timer")

    def __init__(self, connection: HeartbeatConnection) -> None:
        self._connection = connection
        self._timer: Timer | None = None
        self._ref: str | None = None  # of the one that is not answered yet
        self._at = 0.0

    def start(self) -> None:
        """A socket is open: the first comes after a whole interval, in this socket's own phase."""
        self.stop()
        if self._connection.generation.heartbeat_own_timer:
            self._ref = None
        self._wait()

    def stop(self) -> None:
        """The socket is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget(self) -> None:
        """The app asked for the end of the socket."""
        self._ref = None

    def end(self) -> None:
        """The connection is closed for good: forget it, because the two know each other."""
        self.stop()
        self.forget()
        del self._connection

    def _wait(self) -> None:
        self._timer = self._connection.wheel.after(self._connection.generation.heartbeat_s, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._ref is not None:
            self._ref = None
            lasted = self._connection.wheel.clock() - self._at
            self._connection.report("realtime_heartbeat", Outcome.TIMEOUT, self._at, lasted, 0, HEARTBEAT_TIMEOUT)
            self._connection.heartbeat_missed()
            return
        self._ref = ref = self._connection.new_ref()
        self._at = self._connection.wheel.clock()
        self._wait()
        self._connection.send_heartbeat(ref)

    def answered(self, ref: str | None, at: float, size: int) -> None:
        """A reply on the phoenix topic was read at `at`."""
        if ref is None or ref != self._ref:
            return
        self._ref = None
        self._connection.report("realtime_heartbeat", Outcome.OK, self._at, at - self._at, size, "")
        if self._connection.generation.heartbeat_own_timer:
            self.start()
