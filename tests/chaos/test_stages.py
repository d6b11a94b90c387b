"""Stages on a clock of our own: exact distributions, and properties that hold for any chunks."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaos.faults  # noqa: F401 - loads them
from chaos import byte_faults
from chaos.byte_faults import FaultStage, StreamFault
from chaos.fault import Layer, find, registered


@dataclass
class StageTimer:
    live: bool = True

    def cancel(self) -> None:
        self.live = False


class VirtualClock:
    """Time moves only in `run`."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list[tuple[float, int, StageTimer, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> StageTimer:
        timer = StageTimer()
        heapq.heappush(self._due, (max(when, self.now), next(self._numbers), timer, callback))
        return timer

    def run(self, until: float = 1e9) -> None:
        while self._due and self._due[0][0] <= until:
            self.now, _, timer, callback = heapq.heappop(self._due)
            if timer.live:
                callback()


@dataclass
class StageContext:
    """A direction of a connection that notes what happens to it."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    seed: int = 1
    key: str = "connection 0"
    got: list[tuple[float, bytes]] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    how: list[str] = field(default_factory=list)
    held: int = 0

    def holds(self, size: int) -> None:
        self.held += size

    def close(self) -> None:
        self.how.append("close")

    def reset(self) -> None:
        self.how.append("reset")

    def feed(self, data: bytes) -> None:
        self.got.append((self.clock.now, data))

    def eof(self) -> None:
        self.ended.append(self.clock.now)

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.got)

    def stage(self, name: str, **parameters: Any) -> FaultStage:
        fault = find(name, Layer.STREAM).parse(parameters)
        assert isinstance(fault, StreamFault)
        spot = cast(byte_faults.StageContext, self)  # whose clock may be any
        return fault.stage(fault, name, 1.0, spot, self, lambda: None)


def delays(name: str, count: int, size: int = 100, **parameters: Any) -> list[float]:
    """Milliseconds that each of `count` chunks waits, on a connection of its own."""
    found = []
    for number in range(count):
        context = StageContext(key=f"connection {number}")
        context.stage(name, **parameters).feed(bytes(size))
        context.clock.run()
        found.append((context.got[0][0] - 100) * 1000)
    return found


def test_latency_is_exact() -> None:
    assert delays("latency", 3, latency=70) == pytest.approx([70] * 3)


def test_jitter_is_uniform_around_latency() -> None:
    found = sorted(delays("latency", 2000, latency=100, jitter=40))
    assert 60 <= found[0] < 62
    assert 138 < found[-1] <= 140
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert found[int(2000 * share)] == pytest.approx(60 + 80 * share, abs=5)


def test_packet_loss_follows_its_model() -> None:
    """2 % of 20 segments: 33 % of the writes stall; a fifth or so of those at the tail, for a timeout."""
    found = delays("packet_loss", 3000, size=20 * 1460, loss=0.02, rtt=60)
    stalled = [delay for delay in found if delay]
    expected = 1 - 0.98**20
    assert abs(len(stalled) - 3000 * expected) < 5 * (3000 * expected * (1 - expected)) ** 0.5
    fast = sum(delay == pytest.approx(60) for delay in stalled)
    assert abs(fast / len(stalled) - 17 / 20) < 0.06
    assert sorted({round(delay) for delay in stalled})[:3] == [60, 200, 600]


def test_bandwidth_is_a_rate_and_not_a_chunk() -> None:
    context = StageContext()
    stage = context.stage("bandwidth", rate=100)
    for _ in range(5):
        stage.feed(bytes(20_000))
    context.clock.run()
    assert context.got[-1][0] - 100 == pytest.approx(1.0)
    passed = sum(len(data) for at, data in context.got if at <= 100.5)
    assert passed == pytest.approx(50_000, abs=5_001)


def test_slicer_meets_average_and_pace() -> None:
    context = StageContext()
    context.stage("slicer", average_size=100, size_variation=20, delay=500).feed(bytes(50_000))
    context.clock.run()
    sizes = [len(data) for _, data in context.got]
    assert statistics.mean(sizes) == pytest.approx(100, rel=0.03)
    assert min(sizes[:-1]) >= 80
    assert max(sizes) <= 120
    assert context.got[-1][0] - 100 == pytest.approx(0.0005 * (len(sizes) - 1), rel=0.01)


PARAMETERS: dict[str, dict[str, Any]] = {
    "noop": {},
    "latency": {"latency": 30, "jitter": 20},
    "bandwidth": {"rate": 10},
    "slow_close": {"delay": 300},
    "slicer": {"average_size": 7, "size_variation": 5, "delay": 100},
    "packet_loss": {"loss": 0.3, "rtt": 50},
    "reset_peer": {"timeout": 10**9},
    "limit_data": {"bytes": 10**9},
    "half_open": {},
    "timeout": {"timeout": 0},
}
LOSSLESS = sorted(set(PARAMETERS) - {"half_open", "timeout"})
CHUNKS = st.lists(st.binary(min_size=1, max_size=3000), max_size=8)


def test_every_stream_fault_is_covered_here() -> None:
    assert set(registered(Layer.STREAM)) == set(PARAMETERS)


@given(st.sampled_from(LOSSLESS), CHUNKS, st.floats(0, 2), st.booleans())
@settings(max_examples=150)
def test_a_fault_that_ends_has_lost_nothing_and_kept_the_order(
    name: str, chunks: list[bytes], ends_after: float, closes: bool
) -> None:
    context = StageContext()
    stage = context.stage(name, **PARAMETERS[name])
    for chunk in chunks:
        stage.feed(chunk)
    if closes:
        stage.eof()
    context.clock.run(100 + ends_after)
    stage.end()
    assert context.data == b"".join(chunks)
    assert len(context.ended) == closes
    assert context.held == 0
    context.clock.run(10**8)
    assert context.data == b"".join(chunks)
    assert context.how == []


@given(st.sampled_from(sorted(PARAMETERS)), CHUNKS)
@settings(max_examples=80)
def test_a_connection_that_is_gone_leaves_no_timer(name: str, chunks: list[bytes]) -> None:
    context = StageContext()
    stage = context.stage(name, **PARAMETERS[name])
    for chunk in chunks:
        stage.feed(chunk)
    before = len(context.got)
    stage.dispose()
    context.clock.run()
    assert len(context.got) == before
    assert context.how == []


@pytest.mark.parametrize(("name", "how"), [("timeout", "close"), ("half_open", "reset")])
def test_a_stream_with_a_hole_is_ended_with_its_fault(name: str, how: str) -> None:
    for fed, expected in ((b"lost", [how]), (b"", [])):
        context = StageContext()
        stage = context.stage(name)
        if fed:
            stage.feed(fed)
        stage.end()
        assert context.how == expected


def test_timeout_counts_from_its_beginning() -> None:
    context = StageContext()
    stage = context.stage("timeout", timeout=500)
    for number in range(20):
        context.clock.run(100 + number * 0.1)
        context.clock.now = 100 + number * 0.1
        stage.feed(b"busy")
    assert context.how == ["close"]
