"""The verdict's statistics against data whose truth is known. Exits 1 when a bar is missed.

    python benchmarks/gate.py [--scale 1.0] [--seed 1]

Nothing is measured but the rules themselves, so every figure is a simulation with a seed. --scale multiplies the
numbers of repetitions. Some five minutes on one core.

Data: log-normal latencies, sigma 0.6, recorded in buckets as a run records them. "AR(0.9)" is a Gaussian series in
which neighbouring samples correlate by 0.9; "seconds" are independent samples on top of a level that changes from
second to second (AR 0.9, sd 0.15).

Coverage is that of what is said: of both ends where there are two, of "at least" where the upper end is open because
samples are too few, or worth too little, to show one. Nothing is claimed above, so nothing can be measured there; both
sorts of interval have their own figure beside the row's. 93 to 97 % is asked; a row is missed when it lies outside by
more than two standard errors of its repetitions. "seconds" in one minute is known to reach less in some rows, and has a
floor of 90 %: sixty seconds hold some three independent levels.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.record import buckets
from reports.compare import LEVEL, WARN
from reports.drift import step
from reports.intervals import evidence, of_percentile, timed_in
from reports.ranks import value_at_share
from reports.statistics.many import Groups, alarms, noises

Floats = npt.NDArray[np.float64]
SIGMA, SECONDS_SD, RHO = 0.6, 0.15, 0.9
MINUTE, TEN_MINUTES = 60, 600
COVERED, WEAK_FLOOR = (0.93, 0.97), 0.90
SIZES = (40, 84, 143, 600, 2000, 6000)
OPERATIONS, NOISE, BASELINES = 30, 0.10, 10


@dataclass(frozen=True)
class Row:
    """One figure and its bar."""

    what: str
    value: float
    low: float
    high: float
    remark: str = ""
    told: bool = False  # a known weakness: shown, and no bar
    slack: float = 0.0  # what chance does to so few repetitions

    @property
    def held(self) -> bool:
        return self.told or self.low - self.slack <= self.value <= self.high + self.slack

    @property
    def text(self) -> str:
        bar = f">= {self.low:.0%}" if self.high >= 1 else f"<= {self.high:.0%}"
        if 0 < self.low < self.high < 1:
            bar = f"{100 * self.low:.0f}-{self.high:.0%}"
        mark = "told" if self.told else "ok  " if self.held else "MISS"
        return f"{mark}  {self.what:<58} {self.value:>7.1%}  {bar:<8}  {self.remark}"


@dataclass(frozen=True)
class Kind:
    """A way in which samples depend on each other. `draw(rng, samples, seconds)` are normal, with the sd `spread`."""

    name: str
    spread: float
    draw: Callable[[np.random.Generator, int, int], Floats]


def series(rng: np.random.Generator, length: int, rho: float = RHO) -> Floats:
    """A Gaussian series of variance 1 in which neighbours correlate by `rho`."""
    values, fresh = rng.standard_normal(length).tolist(), math.sqrt(1 - rho**2)
    return np.array(list(itertools.accumulate(values, lambda before, new: rho * before + fresh * new)))


def seconds_of(samples: int, length: int) -> npt.NDArray[np.int64]:
    return (np.arange(samples) * length // samples).astype("int64")


KINDS = (
    Kind("independent", SIGMA, lambda rng, samples, _: SIGMA * rng.standard_normal(samples)),
    Kind("AR(0.9)", SIGMA, lambda rng, samples, _: SIGMA * series(rng, samples)),
    Kind(
        "seconds",
        math.hypot(SIGMA, SECONDS_SD),
        lambda rng, samples, length: (
            SIGMA * rng.standard_normal(samples) + SECONDS_SD * series(rng, length)[seconds_of(samples, length)]
        ),
    ),
)


def frame(values_us: Floats, length: int) -> pd.DataFrame:
    recorded = buckets.representative(buckets.index(values_us)).astype("float64")
    return pd.DataFrame({"second": seconds_of(len(values_us), length), "value_us": recorded, "count": 1})


def coverage(rng: np.random.Generator, kind: Kind, samples: int, length: int, repetitions: int) -> Row:
    """How often the interval of a p95 holds the true one, and how often each sort of it does."""
    truth = 100.0 * math.exp(kind.spread * NormalDist().inv_cdf(0.95))
    held, number = {"both ends": 0, "at least": 0}, {"both ends": 0, "at least": 0}
    for _ in range(repetitions):
        chosen = frame(1e5 * np.exp(kind.draw(rng, samples, length)), length)
        interval = of_percentile(timed_in((0.0, float(length)), chosen), 95.0, value_at_share(chosen, 0.95))
        assert interval is not None
        sort = "at least" if interval.high is None else "both ends"
        number[sort] += 1
        held[sort] += interval.low <= truth and (interval.high is None or truth <= interval.high)
    name = f"p95 interval covers, {kind.name}, n = {samples:,}, {length} s"
    parts = [f"{sort} {held[sort] / number[sort]:.1%} of {number[sort]:,}" for sort in number if number[sort]]
    weak = kind is KINDS[2] and length == MINUTE
    low, high = (WEAK_FLOOR, 1.0) if weak else COVERED
    value, slack = sum(held.values()) / repetitions, 0.0 if weak else 2.0 * math.sqrt(0.95 * 0.05 / repetitions)
    asked = "; below the 93 % asked" if value < COVERED[0] else "; above the 97 % asked" if value > COVERED[1] else ""
    return Row(name, value, low, high, ", ".join(parts) + asked, slack=slack)


def passes(rng: np.random.Generator, kind: Kind, over: float, samples: int, repetitions: int) -> float:
    """How often a p95 that is truly `over` times the limit passes (claim "shown")."""
    limit_us = 1e5 * math.exp(kind.spread * NormalDist().inv_cdf(0.95)) / over
    passed = 0
    for _ in range(repetitions):
        chosen = frame(1e5 * np.exp(kind.draw(rng, samples, MINUTE)), MINUTE)
        bad = chosen["value_us"] >= limit_us
        passed += evidence((0.0, float(MINUTE)), chosen, bad, 0.05, ranked=True).met
    return passed / repetitions


def night(rng: np.random.Generator, runs: int, shift: float) -> tuple[bool, bool]:
    """A night of thirty operations, one of them slower by `shift`: whether that one, and whether another is accused."""
    later = NOISE * rng.standard_normal((OPERATIONS, runs))
    later[0] += math.log(shift)
    earlier = NOISE * rng.standard_normal((OPERATIONS, BASELINES))
    groups = [Groups(tuple(a), tuple(b), 0.0) for a, b in zip(later, earlier, strict=True)]
    told = alarms([n.chance(g.shift) for n, g in zip(noises(groups), groups, strict=True)], LEVEL)
    accused = [alarm and group.shift > math.log(WARN) for alarm, group in zip(told, groups, strict=True)]
    return accused[0], any(accused[1:])


def stepped(rng: np.random.Generator, kind: Kind, factor: float, rate: int, length: int) -> bool:
    """Whether a step of the latency in the middle of a run is seen."""
    values = 1e5 * np.exp(kind.draw(rng, rate * length, length))
    chosen = frame(values, length)
    chosen.loc[chosen["second"] >= length // 2, "value_us"] *= factor
    return step(chosen, (0.0, float(length))) is not None


def best_possible(rng: np.random.Generator, alarm: float, rate: int, length: int, runs: int) -> float:
    """How often the most powerful test finds a +50 % step in the middle under "seconds" noise: one that is told the
    noise of each second and its correlation, and looks at every cut. `alarm`: its share of alarms without any."""
    second = np.arange(length)
    noise = SECONDS_SD**2 * RHO ** abs(second[:, None] - second[None, :]) + SIGMA**2 / rate * np.eye(length)
    inverse, one = np.linalg.inv(noise), np.ones(length)
    weights = []
    for cut in range(round(0.15 * length), round(0.85 * length) + 1):
        design = np.stack([one, second >= cut], axis=1).astype("float64")
        covariance = np.linalg.inv(design.T @ inverse @ design)
        weights.append((covariance @ design.T @ inverse)[1] / math.sqrt(covariance[1, 1]))
    drawn = np.linalg.cholesky(noise) @ rng.standard_normal((length, 2 * runs))
    quiet = (np.array(weights) @ drawn[:, :runs]).max(axis=0)
    moved = drawn[:, runs:] + (math.log(1.5) * (second >= length // 2))[:, None]
    found = (np.array(weights) @ moved).max(axis=0) > np.quantile(quiet, 1.0 - alarm)
    return float(found.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the repetitions")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, began = np.random.default_rng(options.seed), time.monotonic()
    rows: list[Row] = []

    def times(number: int) -> int:
        return max(20, int(number * options.scale))

    def show(row: Row) -> None:
        rows.append(row)
        print(row.text, flush=True)

    for kind in KINDS:
        for length in (MINUTE, TEN_MINUTES):
            for samples in SIZES:
                show(coverage(rng, kind, samples, length, times(2000)))
    for kind in KINDS:
        for samples in (47, 84, 143, 600, 2000):
            share = passes(rng, kind, 1.1, samples, times(250))
            show(Row(f"p95 10 % above the limit passes, {kind.name}, n = {samples:,}", share, 0.0, 0.05))
    for samples in (59, 84, 143):
        share = passes(rng, KINDS[0], 1 / 4, samples, times(250))
        show(Row(f"p95 a fourth of the limit passes, n = {samples:,}", share, 0.9, 1.0))
    for runs in (1, 3, 5):
        nights = [night(rng, runs, 1.0) for _ in range(times(2000))]
        share = sum(one or other for one, other in nights) / len(nights)
        show(Row(f"quiet night of 30 operations alarms, {runs} v {BASELINES} runs", share, 0.0, 0.05, "10 % noise"))
    found = [night(rng, 5, 1.25)[0] for _ in range(times(2000))]
    show(
        Row(
            f"+25 % in one of 30 operations found, 5 v {BASELINES} runs",
            sum(found) / len(found),
            0.8,
            1.0,
            "10 % noise",
        )
    )
    for kind in (KINDS[0], KINDS[2]):
        for rate, length in ((12, MINUTE), (3, TEN_MINUTES)):
            name = f"{kind.name}, {rate}/s for {length} s"
            number = times(100)
            seen = [stepped(rng, kind, 1.5, rate, length) for _ in range(number)]
            # a level that wanders for ten seconds at a time hides a step in a minute, and looks like one
            weak = kind is KINDS[2] and length == MINUTE
            best = best_possible(np.random.default_rng(1), 0.02, rate, length, 10_000) if weak else 0.0
            remark = f"no test finds more than {best:.0%} at 2 % alarms" if weak else ""
            show(Row(f"+50 % step in mid-run found, {name}", sum(seen) / number, 0.9, 1.0, remark, told=weak))
            # three operations are judged in a run
            quiet = [any(stepped(rng, kind, 1.0, rate, length) for _ in range(3)) for _ in range(number)]
            show(Row(f"healthy run alarms (3 operations), {name}", sum(quiet) / number, 0.0, 0.05, told=weak))
    bars = [row for row in rows if not row.told]
    missed = [row for row in bars if not row.held]
    print(f"{len(bars) - len(missed)} of {len(bars)} bars held, {time.monotonic() - began:.0f} s")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
