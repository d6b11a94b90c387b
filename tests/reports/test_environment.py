"""A busier machine than the baseline's: what it may have made slower is a warning with the figure."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter

import pytest

from harness.core.errors import ExitCode
from harness.load.child_process import cores
from harness.record.manifest import Canary
from harness.run import canary as canary_module
from harness.run.canary import sing
from reports.compare import compare
from reports.environment import busier
from reports.frames import load
from reports.render import summary, terminal
from reports.verdict import judge
from tests.reports import build


def canary(cpu_ms: float, loopback_us: float = 20.0) -> tuple[Canary, ...]:
    return (
        Canary(at="start", cpu_ms=cpu_ms, loopback_us=loopback_us),
        Canary(at="end", cpu_ms=cpu_ms, loopback_us=loopback_us),
    )


def run(seed: int, slow: float = 1.0, machine: tuple[Canary, ...] = ()) -> build.Run:
    return build.realistic(seed, slow=slow, canary=machine, run_id=f"20261123T03000{seed}Z-smoke-ab12")


def test_a_regression_that_a_busier_machine_may_have_made_is_a_warning_with_the_figure() -> None:
    baseline = load(run(1, machine=canary(10.0)))
    alike = compare(load(run(2, 2.0, canary(10.4))), [baseline])
    assert {row.operation for row in alike.regressed} == {"swipe_deck"}
    assert alike.machine == ""
    busy = run(2, 2.0, canary(21.0))
    doubted = compare(load(busy), [baseline])
    assert doubted.regressed == ()
    rows = [row for row in doubted.rows if row.operation == "swipe_deck"]
    assert {row.change for row in rows} == {"slower"}
    assert "the machine was 2.10 times as slow as the baseline's" in rows[0].note
    assert "(fixed work on all cores took 21 ms, 10 ms)" in doubted.sentence
    assert ExitCode.REGRESSION not in judge(busy, doubted).exit_codes
    assert "2.10 times as slow" in " ".join(terminal.comparison(doubted))


def test_what_no_machine_makes_stays_a_regression() -> None:
    found = compare(load(run(2, 12.0, canary(15.0))), [load(run(1, machine=canary(10.0)))])
    assert {row.operation for row in found.regressed} == {"swipe_deck"}
    assert found.machine


def test_a_run_without_a_canary_is_compared_as_before() -> None:
    assert compare(load(run(2, 2.0, canary(30.0))), [load(run(1))]).regressed
    assert compare(load(run(2, 2.0)), [load(run(1, machine=canary(10.0)))]).regressed


@pytest.mark.parametrize(("now", "before", "ratio"), [(10, 10, None), (13, 10, None), (15, 10, 1.5), (10, 20, None)])
def test_how_much_busier(now: float, before: float, ratio: float | None) -> None:
    found = busier([build.manifest(canary=canary(now))], [build.manifest(canary=canary(before))])
    assert (None if found is None else found.ratio) == ratio


def test_a_busy_moment_is_no_busy_machine() -> None:
    moment = (canary(10.0)[0], canary(17.0)[1])
    assert busier([build.manifest(canary=moment)], [build.manifest(canary=canary(10.0))]) is None
    slow = busier([build.manifest(canary=canary(10.0, 45.0))], [build.manifest(canary=canary(10.0))])
    assert slow is not None
    assert "a loopback round trip took" in slow.text


def test_the_report_shows_the_machine() -> None:
    found = judge(run(1, machine=canary(12.0)))
    assert [row.cpu_ms for row in found.facts.machine] == [12.0, 12.0]
    assert "machine, end of the run" in summary.render(found)


def test_threads_of_the_canary_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed out piece by piece the work measures who wakes whom: two threads share a core of an idle machine then."""
    worked: Counter[int] = Counter()
    monkeypatch.setattr(canary_module, "_hash", lambda: worked.update([threading.get_ident()]))
    sing("start")
    assert sorted(worked.values()) == [1 + canary_module.REPEATS] * min(canary_module.MOST_THREADS, cores())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads cannot be bound here")
def test_round_trips_of_the_canary_stay_on_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    echo = canary_module._echo

    def looked(server: socket.socket) -> None:
        seen.append(os.sched_getaffinity(0))
        echo(server)

    monkeypatch.setattr(canary_module, "_echo", looked)
    mine = os.sched_getaffinity(0)
    sing("start")
    assert seen == [{core} for core in sorted(mine)[: canary_module.MOST_CORES]]
    assert os.sched_getaffinity(0) == mine, "whoever asks stays where it was"


def test_the_canary_measures() -> None:
    found = sing("start")
    assert found.at == "start"
    assert 0 < found.cpu_ms < 5_000
    assert 0 < found.loopback_us < 1_000_000
