"""One direction of a proxied connection: from a socket through the stages into the other socket."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

from chaos.byte_faults import ByteSink, FaultStage, StageClock, StreamFault
from chaos.fault import Layer
from chaos.frames import FrameFault, FrameSplitter
from chaos.proxy.ports import PauseReason, PipeOwner, Source
from chaos.proxy.toxic import Direction, Toxic


class Pipe:
    """`feed` is where bytes enter: the first stage, or the socket itself when nothing is wrong.

    It is also the stages' `StageContext`.
    """

    __slots__ = (
        "_full",
        "_held",
        "_room",
        "clock",
        "closes",
        "direction",
        "feed",
        "key",
        "seed",
        "session",
        "sink",
        "source",
        "splitter",
        "stages",
    )

    feed: Callable[[bytes], object]
    clock: StageClock

    def __init__(
        self, session: PipeOwner, direction: Direction, source: Source, sink: ByteSink, clock: StageClock, seed: int
    ) -> None:
        self.session = session
        self.direction = direction
        self.source = source
        self.sink = sink
        self.clock = clock
        self.seed = seed
        self.key = session.key
        self.stages: Sequence[FaultStage] = ()
        self.splitter: FrameSplitter | None = None
        self._held = 0
        self._room = math.inf
        self._full = False
        self.closes = False
        """Whether the connection ends with this direction's stream."""
        self.feed = sink.feed

    # ---- bytes ------------------------------------------------------------------------------------------------

    def feed_frames(self, data: bytes) -> None:
        """The entrance once the connection is a websocket."""
        splitter = self.splitter
        assert splitter is not None
        if self.stages and self.stages[0].fault.layer is Layer.FRAME:
            for frame in splitter.split(data):
                self.feed(frame)
        else:
            self.feed(splitter.track(data))

    def followed(self, data: bytes) -> None:
        """These bytes of a websocket were passed on already."""
        assert self.splitter is not None
        self.splitter.track(data)

    def eof(self) -> None:
        """The source ended."""
        if self.splitter is not None and self.splitter.held:
            self.feed(self.splitter.track(b""))
        self._head().eof()

    # ---- stages -----------------------------------------------------------------------------------------------

    def update_faults(self, toxics: Iterable[Toxic]) -> None:
        """Make the stages those of `toxics`: frames before the stream, each in the order of creation.

        One that stays keeps its state; one that goes lets go what it held, from the socket's end backwards. One that
        has ended the stream never goes.
        """
        wanted = sorted((t for t in toxics if self._wants(t)), key=lambda toxic: toxic.layer is Layer.STREAM)
        names = {toxic.name for toxic in wanted}
        for stage in reversed(self.stages):
            if stage.label not in names and not stage.spent:
                self._join([other for other in self.stages if other is not stage])
                stage.end()
        if self.splitter is not None and self.splitter.held and not any(t.layer is Layer.FRAME for t in wanted):
            self.feed(self.splitter.track(b""))
        there = {stage.label: stage for stage in self.stages}
        stages = [there.get(toxic.name) or self._made(toxic) for toxic in wanted]
        for place, stage in enumerate(self.stages):
            if stage not in stages:  # spent: before whatever was behind it
                behind = (stages.index(other) for other in self.stages[place:] if other in stages)
                stages.insert(next(behind, len(stages)), stage)
        self._join(stages)
        for toxic in wanted:
            stage = next(stage for stage in stages if stage.label == toxic.name)
            if stage.fault is not toxic.fault:
                stage.change(toxic.fault)
            stage.share = toxic.toxicity

    def dispose(self) -> None:
        """The connection is gone."""
        for stage in self.stages:
            stage.dispose()
        self.stages = ()
        self.feed = self.sink.feed

    def _wants(self, toxic: Toxic) -> bool:
        if toxic.layer is Layer.FRAME:
            return self.splitter is not None and toxic.direction is self.direction
        if toxic.layer is not Layer.STREAM or toxic.direction is not self.direction:
            return False
        return toxic.hits_connection(self.seed, self.key)

    def _made(self, toxic: Toxic) -> FaultStage:
        fault = cast("StreamFault | FrameFault", toxic.fault)
        count = toxic.hit_count
        on_hit = partial(toxic.hit_connection, self.key) if toxic.layer is Layer.STREAM else count.hit
        return fault.stage(fault, toxic.name, toxic.toxicity, self, self.sink, on_hit, count.see)

    def _join(self, stages: list[FaultStage]) -> None:
        self.stages = tuple(stages)
        following: list[ByteSink] = [*stages[1:], self.sink]
        for stage, after in zip(stages, following, strict=False):  # one longer when there are none
            stage.after = after
        self.feed = self._head().feed
        self._room = min((stage.room for stage in stages), default=math.inf)
        self.session.route()

    def _head(self) -> ByteSink:
        head: ByteSink = self.sink
        if self.stages:
            head = self.stages[0]
        return head

    # ---- the stages' view of the connection -------------------------------------------------------------------

    def holds(self, size: int) -> None:
        self._held += size
        if not self._full and self._held > self._room:
            self._full = True
            self.source.pause(PauseReason.HELD)
        elif self._full and self._held <= self._room / 2:
            self._full = False
            self.source.resume(PauseReason.HELD)

    def close(self) -> None:
        self.session.close()

    def close_behind(self) -> None:
        self.closes = True

    def reset(self) -> None:
        self.session.reset()
