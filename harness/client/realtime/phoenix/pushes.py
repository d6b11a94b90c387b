"""What one channel pushes and is answered: the buffer before the join, replies awaited after it. (pure)

Source: contract realtime 1.8: a push times out as a join does; a hundred wait for the join, the oldest is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harness.client.realtime.phoenix import refusal
from harness.client.realtime.phoenix.generation import Generation
from harness.client.realtime.phoenix.timer_wheel import Timer, Wheel
from harness.core.outcome import Outcome

Done = Callable[[Outcome, str], object]
"""How a push ended, and the server's word for it."""


class Teller(Protocol):
    """What pushes need of their connection."""

    generation: Generation
    wheel: Wheel

    def tell(self, listener: Callable[..., object], *news: object) -> None: ...


class Push:
    """One message that waits for its reply, or for the join. at: seconds of the wheel's clock."""

    __slots__ = ("at", "done", "event", "payload", "timer")

    def __init__(self, event: str, payload: Mapping[str, Any], at: float, done: Done | None) -> None:
        self.event, self.payload, self.at, self.done = event, payload, at, done
        self.timer: Timer | None = None


class Pushes:
    """Those of one channel. Most channels have none, so both containers are made when needed."""

    __slots__ = ("_awaited", "_buffer", "_connection")

    def __init__(self, connection: Teller) -> None:
        self._connection = connection
        self._awaited: dict[str, Push] | None = None
        self._buffer: deque[Push] | None = None

    def keep(self, push: Push) -> None:
        """Until the channel has joined."""
        if self._buffer is None:
            self._buffer = deque()
        self._buffer.append(push)
        if len(self._buffer) > self._connection.generation.push_buffer:
            self._settle(self._buffer.popleft(), Outcome.GAVE_UP, "buffer full")

    def take_kept(self) -> list[Push]:
        """All that waited for the join and not longer than a push may."""
        kept, self._buffer = self._buffer or (), None
        oldest = self._connection.wheel.clock() - self._connection.generation.join_timeout_s
        for push in kept:
            if push.at <= oldest:
                self._settle(push, Outcome.TIMEOUT, "not joined")
        return [push for push in kept if push.at > oldest]

    def await_reply(self, ref: str, push: Push) -> None:
        """It was written; without a reply in time it ends in `timeout`."""
        if self._awaited is None:
            self._awaited = {}
        self._awaited[ref] = push
        push.timer = self._connection.wheel.after(
            self._connection.generation.join_timeout_s, lambda: self._unanswered(ref)
        )

    def _unanswered(self, ref: str) -> None:
        if self._awaited is not None and (push := self._awaited.pop(ref, None)) is not None:
            self._settle(push, Outcome.TIMEOUT, "no reply")

    def answered(self, ref: str, status: Any, response: Any) -> None:
        """A reply came; one that nobody waits for is nothing."""
        push = self._awaited.pop(ref, None) if self._awaited else None
        if push is not None:
            outcome, code = (Outcome.OK, "") if status == "ok" else refusal.push(response)
            self._settle(push, outcome, code)

    def give_up(self) -> None:
        """The channel is closed."""
        left = [*(self._awaited or {}).values(), *(self._buffer or ())]
        self._awaited = self._buffer = None
        for push in left:
            self._settle(push, Outcome.GAVE_UP, "channel closed")

    def _settle(self, push: Push, outcome: Outcome, code: str) -> None:
        if push.timer is not None:
            push.timer.cancel()
        if push.done is not None:
            self._connection.tell(push.done, outcome, code)
