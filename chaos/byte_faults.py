"""A fault at work in one direction of one connection: stages that bytes or frames pass one after the other. (pure)

Nothing here opens sockets or knows a loop: clock, timers, and the connection's end come in through `StageContext`.
A stage passes on with `self.after.feed(data)` and, once, `self.after.eof()`. Whatever it holds back it must let go in
`release`, which is called when the fault changes or ends, so that no connection outlives a fault in a stalled state.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from chaos.fault import Fault, Layer, draw, draws

KIB = 1024
SLACK_S = 0.0005  # chunks due within this share one wake-up
MOST_AHEAD = 16  # numbers drawn at once on a busy connection


class StageTimer(Protocol):
    def cancel(self) -> None: ...


class StageClock(Protocol):
    """Seconds that never run backwards, and timers on them."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object]) -> StageTimer: ...


class ByteSink(Protocol):
    """Where bytes go next: another stage, or the socket."""

    def feed(self, data: bytes) -> None: ...

    def eof(self) -> None: ...


class StageContext(Protocol):
    """The direction of a connection that a stage stands in.

    seed and key feed the draw; `holds` is told of every byte held back (negative when let go) and pauses the source.
    """

    clock: StageClock
    seed: int
    key: str

    def holds(self, size: int) -> None: ...

    def close(self) -> None:
        """End the whole connection in order (FIN), now: what other stages hold is lost."""

    def close_behind(self) -> None:
        """End the whole connection in order once the end of this direction's stream is out."""

    def reset(self) -> None:
        """End the whole connection with RST on both sides."""


class FaultStage:
    """Base of all: passes everything on.

    label: the name of this use of the fault, part of its draw. share: of messages, where each is drawn for.
    on_hit, on_seen: told of each connection or message that it hits, and of each message that it concerns.
    """

    __slots__ = ("after", "ahead", "context", "count", "fault", "label", "on_hit", "on_seen", "share")

    room: ClassVar[float] = math.inf
    """Bytes held back in this direction before the source is no longer read; the least of all stages counts."""

    def __init__(
        self,
        fault: Any,
        label: str,
        share: float,
        context: StageContext,
        after: ByteSink,
        on_hit: Callable[[], None],
        on_seen: Callable[[], None] = lambda: None,
    ) -> None:
        self.fault = fault
        self.label = label
        self.share = share
        self.context = context
        self.after = after
        self.on_hit = on_hit
        self.on_seen = on_seen
        self.count = 0
        self.ahead: list[float] = []  # the numbers of the next turns, the next one last
        self.begin()

    def begin(self) -> None:
        """The fault begins on this connection."""
        self.on_hit()

    @property
    def spent(self) -> bool:
        """Whether it has ended the stream: it stays until the connection is closed, even when the fault is over."""
        return False

    def feed(self, data: bytes) -> None:
        self.after.feed(data)

    def eof(self) -> None:
        self.after.eof()

    def change(self, fault: Any) -> None:
        """The fault's parameters changed: let go what waits under the old ones."""
        self.release()
        self.fault = fault

    def release(self) -> None:
        """Pass on at once whatever is held back."""

    def end(self) -> None:
        """The fault is over."""
        self.release()

    def dispose(self) -> None:
        """The connection is gone: cancel timers, forget what is held."""

    def draw(self) -> float:
        """The next number in [0, 1) of this fault on this connection."""
        if not self.ahead:
            last = self.count + min(
                self.count, MOST_AHEAD - 1
            )  # many at once cost a half, but whoever is idle needs none
            turns = range(last, self.count - 1, -1)
            self.ahead = draws(self.context.seed, self.label, self.context.key, turns)
        self.count += 1
        return self.ahead.pop()

    def draw_more(self, what: str) -> float:
        """Another number for the same turn, so that how much does not disturb whom."""
        return draw(self.context.seed, f"{self.label} {what}", self.context.key, self.count)


class DelayedStage(FaultStage):
    """A line in which pieces wait until they are due, in order: a late one holds those behind it.

    Subclasses say when in `due`, or override `feed` and `hold` several pieces.
    """

    __slots__ = ("behind", "head", "last", "timer")

    room = 4096 * KIB
    one_a_turn: ClassVar[bool] = False
    """Let go one piece a turn of the loop, so that each becomes a segment of its own."""

    def begin(self) -> None:
        super().begin()
        self.head: tuple[float, bytes | None] | None = None
        self.behind: deque[tuple[float, bytes | None]] | None = None  # made when needed: an empty one takes 600 bytes
        self.timer: StageTimer | None = None
        self.last = 0.0

    def due(self, data: bytes, now: float) -> float:
        """When `data`, read at `now`, goes on. May be infinite."""
        return now

    def eof_due(self, now: float) -> float:
        """When the end of the stream goes on; never before what is held."""
        return now

    def feed(self, data: bytes) -> None:
        now = self.context.clock.time()
        due = self.due(data, now)
        if due <= now and self.head is None:  # nothing to wait for
            self.after.feed(data)
        else:
            self.hold(data, due)

    def eof(self) -> None:
        now = self.context.clock.time()
        due = self.eof_due(now)
        if due <= now and self.head is None:
            self.after.eof()
        else:
            self.hold(None, due)

    def hold(self, piece: bytes | None, due: float) -> None:
        """Keep a piece (None is the end of the stream) until `due`."""
        if due < self.last:
            due = self.last
        self.last = due
        if self.head is None:
            self.head = (due, piece)
        elif self.behind is None:
            self.behind = deque(((due, piece),))
        else:
            self.behind.append((due, piece))
        if piece is not None:
            self.context.holds(len(piece))
        if self.timer is None and due != math.inf:
            self.timer = self.context.clock.call_at(due, self._tick)

    def _tick(self) -> None:
        self.timer = None
        clock = self.context.clock
        limit = clock.time() + SLACK_S
        while (head := self.head) is not None and head[0] <= limit:
            self.head = self.behind.popleft() if self.behind else None
            if (piece := head[1]) is not None:
                self.context.holds(-len(piece))
                self.after.feed(piece)
            else:
                self.after.eof()
            if self.one_a_turn:
                break
        if (head := self.head) is not None and self.timer is None and head[0] != math.inf:
            self.timer = clock.call_at(head[0], self._tick)

    def _let_go(self, piece: bytes | None) -> None:
        if piece is None:
            self.after.eof()
        else:
            self.context.holds(-len(piece))
            self.after.feed(piece)

    def release(self) -> None:
        self._stop_timer()
        self.last = 0.0
        head, behind = self.head, self.behind
        self._forget()
        if head is not None:
            self._let_go(head[1])
        for _, piece in behind or ():
            self._let_go(piece)

    def dispose(self) -> None:
        self._stop_timer()
        self._forget()

    def _forget(self) -> None:
        self.head = self.behind = None

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class StreamFault(Fault):
    """A fault of the byte stream. Its share is a share of connections, drawn once for each and direction."""

    layer: ClassVar[Layer] = Layer.STREAM
    stage: ClassVar[type[FaultStage]]
