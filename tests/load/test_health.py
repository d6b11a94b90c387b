"""The generator's own health: a stalled loop must show."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.phase_window import Window
from harness.core.tables import HEALTH, SCHEMAS, Phase
from harness.load.health import MAX_CATCH_UP, MAX_ROWS, Descriptors, Health, LoopLag, resident_bytes
from harness.record.recorder import Recorder

WINDOWS = (Window(phase=Phase.MEASURE, start_s=0, end_s=100),)


def uvloop_or_asyncio() -> list[Callable[[], asyncio.AbstractEventLoop]]:
    makers: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
    try:
        import uvloop
    except ImportError:
        return makers
    return [*makers, uvloop.new_event_loop]


class Timers:
    """A loop of timers only, on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        entry = (when, callback)
        self.timers.append(entry)

        class Handle:
            def cancel(_self) -> None:
                self.timers.remove(entry)

        return Handle()

    def run_until(self, end: float, stalls: dict[float, float] | None = None) -> None:
        """Fire timers in order until `end`; a stall holds the loop from an instant on for some seconds."""
        waiting = dict(stalls or {})
        while self.timers and min(self.timers)[0] <= end:
            entry = min(self.timers, key=lambda timer: timer[0])
            self.timers.remove(entry)
            self.now = max(self.now, entry[0])
            for start in [start for start in waiting if start <= self.now]:
                self.now = max(self.now, start + waiting.pop(start))
            entry[1]()
        self.now = max(self.now, end)


def lag_of(timers: Timers) -> tuple[LoopLag, list[tuple[float, float]]]:
    samples: list[tuple[float, float]] = []
    lag = LoopLag(timers, lambda due, late: samples.append((due, late)), clock=timers.time)  # type: ignore[arg-type]
    return lag, samples


def test_the_first_sample_comes_after_ten_milliseconds_and_then_every_ten() -> None:
    timers = Timers()
    lag, samples = lag_of(timers)
    lag.start()
    lag.start()  # harmless
    timers.run_until(1001.0001)
    assert [due for due, _ in samples] == pytest.approx([1000 + n / 100 for n in range(1, 101)])
    assert max(late for _, late in samples) < 1e-6
    lag.stop()
    assert timers.timers == []


def test_a_stall_is_as_many_late_samples_as_it_swallowed() -> None:
    timers = Timers()
    lag, samples = lag_of(timers)
    lag.start()
    timers.run_until(1001.0001, {1000.495: 0.25})
    assert len(samples) == 100
    late = sorted((round(late, 3) for _, late in samples if late > 0.001), reverse=True)
    assert late == pytest.approx([0.245 - n / 100 for n in range(25)], abs=0.001)


def test_a_suspended_machine_does_not_flood() -> None:
    timers = Timers()
    lag, samples = lag_of(timers)
    lag.start()
    timers.run_until(1000.5 + 86_400 + 0.1, {1000.5: 86_400})
    assert MAX_CATCH_UP <= len(samples) <= MAX_CATCH_UP + 100
    assert samples[-1][1] < 1e-6


def health_of(timers: Timers, zero: float, **options: Any) -> tuple[Health, Recorder]:
    recorder = Recorder(WINDOWS)
    return Health(recorder, timers, zero, clock=timers.time, **options), recorder  # type: ignore[arg-type]


def test_one_row_a_second_from_zero_on() -> None:
    timers = Timers()
    sessions = itertools.count(5)
    health, recorder = health_of(
        timers, 1000.5, worker=3, sessions=lambda: next(sessions), cpu_clock=lambda: timers.now / 4
    )
    health.start()
    timers.run_until(1003.9, {1000.995: 0.03})
    (batch,) = [taken.batch() for taken in health.take()]
    assert batch.schema == SCHEMAS[HEALTH]
    assert batch["second"].to_pylist() == [0, 1, 2]
    assert batch["worker"].to_pylist() == [3, 3, 3]
    assert batch["sessions"].to_pylist() == [5, 6, 7]
    assert batch["cpu_share"].to_pylist() == pytest.approx([0.25] * 3)
    assert batch["lag_max_us"].to_pylist() == pytest.approx([25_000, 0, 0], abs=2)
    assert batch["lag_p50_us"].to_pylist() == pytest.approx([0, 0, 0], abs=2)
    assert batch["lag_p99_us"].to_pylist()[0] == pytest.approx(15_000, abs=2)
    assert health.take() == []
    health.stop()
    (rest,) = [taken.batch() for taken in health.take()]
    assert rest["second"].to_pylist() == [3]
    (lags,) = [taken.batch() for taken in recorder.take()]
    rows = [row for row in lags.to_pylist() if row["view"] != "gc"]  # garbage is collected when it is
    assert {(row["view"], row["operation"], row["outcome"]) for row in rows} == {("lag", "generator", "ok")}
    counts = {s: sum(row["count"] for row in rows if row["second"] == s) for s in range(4)}
    assert counts == pytest.approx({0: 100, 1: 100, 2: 100, 3: 40}, abs=1)


def test_seconds_within_a_stall_get_their_rows() -> None:
    timers = Timers()
    health, _ = health_of(timers, 1000.0)
    health.start()
    timers.run_until(1005.5, {1001.015: 3.0})
    (batch,) = [taken.batch() for taken in health.take()]
    assert batch["second"].to_pylist() == [0, 1, 2, 3, 4]
    assert batch["lag_max_us"].to_pylist() == pytest.approx([0, 2.995e6, 2.015e6, 1.015e6, 0.015e6], abs=1.1e4)


def test_rows_that_nobody_takes_do_not_pile_up() -> None:
    timers = Timers()
    health, _ = health_of(timers, 1000.0)
    for second in range(MAX_ROWS + 50):
        health._sample(1000.0 + second, 0.0)
    (batch,) = [taken.batch() for taken in health.take()]
    assert batch.num_rows == MAX_ROWS
    assert batch["second"].to_pylist()[-1] == MAX_ROWS + 48


@pytest.mark.parametrize("make_loop", uvloop_or_asyncio())
def test_a_real_loop_that_is_blocked_shows_it(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = make_loop()
    recorder = Recorder(WINDOWS)
    try:
        health = Health(recorder, loop, loop.time(), worker=1, sessions=lambda: 4)
        health.start()

        def block() -> None:
            end = time.process_time() + 0.2
            while time.process_time() < end:
                pass

        loop.call_later(0.3, block)
        loop.call_later(1.15, loop.stop)
        loop.run_forever()
        health.stop()
        (batch,) = [taken.batch() for taken in health.take()]
    finally:
        loop.close()
    first = batch.to_pylist()[0]
    assert (first["second"], first["worker"], first["sessions"]) == (0, 1, 4)
    assert first["lag_max_us"] >= 180_000
    assert first["lag_p99_us"] >= 150_000
    assert first["lag_p50_us"] < first["lag_p99_us"]
    assert 0.1 < first["cpu_share"] < 4
    assert first["rss_bytes"] > 10_000_000
    assert first["descriptors"] > 3
    (lags,) = [taken.batch() for taken in recorder.take()]
    assert sum(row["count"] for row in lags.to_pylist() if row["view"] == "lag") == pytest.approx(114, abs=15)


def test_descriptors_follow_what_is_open() -> None:
    counter = Descriptors()
    before = counter.count()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(40)]
    try:
        assert counter.count() - before == 40
    finally:
        for descriptor in opened:
            os.close(descriptor)
    assert counter.count() == before


def test_very_many_descriptors_are_listed_only_now_and_then(tmp_path: Path) -> None:
    """A folder stands in for /proc/self/fd of a kernel older than 6.2, whose size is always 0."""

    class Sizeless(type(tmp_path)):  # type: ignore[misc]
        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            return os.stat_result((*super().stat()[:6], 0, *super().stat()[7:10]))

    folder = Sizeless(tmp_path / "fd")
    folder.mkdir()
    for n in range(1_200):
        (folder / str(n)).touch()
    counter = Descriptors(folder)
    assert counter.count() == 1_199
    (folder / "new").touch()
    assert [counter.count() for _ in range(10)] == [1_199] * 9 + [1_200]


def test_memory_is_what_the_kernel_says() -> None:
    ballast = bytearray(os.urandom(1) * 50_000_000)
    with_ballast = resident_bytes()
    del ballast
    assert with_ballast - resident_bytes() > 30_000_000
