"""A service of known rate, simulated: visits of a profile's own schedule, one queue, and the verdict of a step."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.capacity.step import Step
from harness.capacity.step_profile import Timing, at_rate
from harness.config.load import load_profile
from harness.core.profile import Profile
from harness.schedule.arrivals import plan
from reports.capacity.step import grown

VISITS = Path(__file__).parents[1] / "data" / "capacity.toml"
BARE_S = 0.005
"""Of a reply for which nobody waited."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that a visit sends at once, so long after it has the replies to those before."""

    after_s: float
    requests: int
    judged: bool = False  # how long they take together is what the objective is about


VISIT = (
    Batch(0.0, 1),
    Batch(0.05, 6),
    Batch(0.1, 4),
    Batch(0.3, 5, judged=True),
    Batch(3.0, 10, judged=True),
    Batch(3.0, 2),
)


def visits() -> Profile:
    """The profile of the measured searches, with people for every rate."""
    return load_profile(str(VISITS)).model_copy(update={"people": 2_000})


@dataclass(frozen=True, slots=True)
class Service:
    """Requests one after the other, so many a second; visits alike but for their instants."""

    per_second: float
    visit: tuple[Batch, ...]
    limit_s: float = 6.0

    @property
    def carries(self) -> float:
        """Visits a second."""
        return self.per_second / sum(batch.requests for batch in self.visit)

    def step(self, profile: Profile, rate: float, timing: Timing, chance: random.Random, noise: float) -> Step:
        """A run at that rate; on a machine whose speed differs by `noise` from one run to the next."""
        level = at_rate(profile, rate, timing)
        starts = plan(level.arrivals, level.mix, level.people, level.seed).instants_s
        replies, judged = self._served(starts.tolist(), self.per_second * chance.gauss(1, noise))
        return self._answer(rate, replies, judged, timing)

    def _served(
        self, starts: Sequence[float], per_second: float
    ) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Of each reply, and of each judged batch: when it was there, and how long it took."""
        waiting = [(at + self.visit[0].after_s, number, 0) for number, at in enumerate(starts)]
        heapq.heapify(waiting)
        free, replies, judged = 0.0, [], []
        while waiting:
            at, number, stage = heapq.heappop(waiting)
            batch, done = self.visit[stage], at
            for _ in range(batch.requests):
                free = max(free, at) + 1 / per_second
                done = free + BARE_S
                replies.append((done, done - at))
            if batch.judged:
                judged.append((done, done - at))
            if stage + 1 < len(self.visit):
                heapq.heappush(waiting, (done + self.visit[stage + 1].after_s, number, stage + 1))
        return replies, judged

    def _answer(
        self, rate: float, replies: list[tuple[float, float]], judged: list[tuple[float, float]], timing: Timing
    ) -> Step:
        start, end = timing.settle_s, timing.settle_s + timing.measure_s
        late = sorted(took for at, took in judged if start <= at < end)
        if late and late[int(0.95 * (len(late) - 1))] > self.limit_s:
            return Step(rate=rate, word="fail", reason="the objective was missed")
        inside = [(int(at), "call", round(took * 1e6), 1) for at, took in replies if start <= at < end]
        reason = grown(pd.DataFrame(inside, columns=["second", "operation", "value_us", "count"]), start, end)
        return Step(rate=rate, word="fail" if reason else "pass", reason=reason)
