"""A retry storm in a simulated target, judged by our rule: who comes back, and who never does.

The target is a queue that also serves what nobody waits for any more; people arrive openly at half of its capacity,
wait 1 s and try up to five times. For 30 s the capacity falls to a tenth. Without retries it comes back, with impatient
ones it never does, with a budget for them it does (the effect described by Bronson et al., HotOS 2021).
"""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest

from harness.core.outcome import Outcome
from harness.core.profile import ArrivalStage
from harness.core.tables import View
from reports.frames import load
from reports.recovery.model import FaultReport
from reports.recovery.report import recover
from tests.recovery import build

CAPACITY, RATE, PATIENCE_S, TRIES = 50.0, 25.0, 1.0, 5
END_S = 260


def storm(policy: str) -> FaultReport:
    rng = random.Random(5)
    made = build.run(
        lambda _: (0, 0, 100.0, 0), (build.FAULT,), end_s=END_S, stages=(ArrivalStage(seconds=END_S, rate=1),)
    )
    made.counts = Counter()
    heap: list[tuple[float, int, int, float]] = []  # instant, tie, attempt, intended
    at, tie = 0.0, 0
    while (at := at + rng.expovariate(RATE)) < END_S:
        heap.append((at, tie := tie + 1, 1, at))
    heapq.heapify(heap)
    free, tokens = 0.0, 0.0
    while heap:
        sent, _, attempt, intended = heapq.heappop(heap)
        start = max(sent, free)
        free = start + (10 if 80 <= start < 110 else 1) / CAPACITY
        tokens = min(tokens + 0.1, 10.0) if attempt == 1 else tokens
        if (took := free - sent) <= PATIENCE_S:
            made.add(int(sent), took * 1000)
            made.add(int(intended), (free - intended) * 1000, view=View.E2E)
            continue
        made.add(int(sent), PATIENCE_S * 1000, outcome=Outcome.TIMEOUT)
        allowed = policy == "immediate" or (policy == "budget" and tokens >= 1)
        if attempt < TRIES and allowed:
            tokens -= policy == "budget"
            heapq.heappush(heap, (sent + PATIENCE_S, tie := tie + 1, attempt + 1, intended))
        else:
            made.add(int(intended), (sent + PATIENCE_S - intended) * 1000, view=View.E2E, outcome=Outcome.TIMEOUT)
    found = recover(load(made.finished()), build.no_rows)
    assert found is not None
    return found.faults[0]


@pytest.fixture(scope="module")
def none() -> FaultReport:
    return storm("none")


def test_without_retries_the_queue_empties_by_itself(none: FaultReport) -> None:
    assert none.recovered.status == "recovered"
    assert none.amplification == pytest.approx(1)
    assert none.goodput_share is not None
    assert none.goodput_share < 0.2
    assert none.recovered.after_s is not None
    # 30 s with 20 too many a second leave 600 in the queue, of which 25 a second go: 24 s, and 5 s of rolling.
    assert 20 <= none.recovered.after_s <= 40


def test_impatient_retries_keep_it_down() -> None:
    found = storm("immediate")
    assert found.recovered.status == "never"
    assert found.amplification is not None
    assert found.amplification > 3.5
    assert found.wasted_share is not None
    assert found.wasted_share > 0.9


def test_a_budget_brings_it_back(none: FaultReport) -> None:
    found = storm("budget")
    assert found.recovered.status == "recovered"
    assert found.amplification is not None
    assert found.amplification < 1.5
    assert (found.recovered.after_s or 0) >= (none.recovered.after_s or 0)
