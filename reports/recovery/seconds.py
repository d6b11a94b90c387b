"""A run second by second: what was sent, answered, wanted, and done in time. (pure)

An operation counts in the second in which it was wanted, and is good when it ended well within its deadline: its e2e
latency objective where it has one, otherwise three times its own p95 before the first fault, at least one second. So
"goodput" never credits what a flush delivers minutes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.core.outcome import Outcome
from harness.core.profile import ArrivalStage
from harness.core.slo import LatencySlo
from harness.core.tables import View
from reports.frames import Frames
from reports.ranks import grouped_percentiles

Counts = npt.NDArray[np.int64]
Histogram = npt.NDArray[np.int32]  # thousands of values a second of the run: four hours take some 100 MB
Reals = npt.NDArray[np.float64]
Whole = TypeVar("Whole", np.int32, np.int64)

DEADLINE_FACTOR, DEADLINE_LEAST_S = 3.0, 1.0
NO_ANSWER = (Outcome.TIMEOUT, Outcome.NETWORK, Outcome.GAVE_UP)
"""Outcomes of attempts that are no response: nothing complete came back."""


@dataclass(frozen=True, eq=False, slots=True)
class Seconds:
    """Counts per whole second of the run; second i is [i, i + 1). `histogram` has a row a second and a column a value:
    e2e samples of all operations, `values_us` ascending, failures infinite."""

    attempts: Counts
    answers: Counts
    operations: Counts
    good: Counts
    histogram: Histogram
    values_us: Reals
    load: Reals  # expected load, in any unit: planned arrivals over the length of a session

    def __len__(self) -> int:
        return len(self.attempts)

    def part(self, start_s: float, end_s: float) -> slice:
        """The seconds whose middle lies in [start_s, end_s)."""
        first, last = (min(max(int(np.ceil(at - 0.5)), 0), len(self)) for at in (start_s, end_s))
        return slice(first, max(first, last))


def tally(frames: Frames, calm: tuple[float, float]) -> Seconds:
    """Count. `calm`: where deadlines are learned, seconds since zero."""
    samples = frames.samples
    size = int(max(samples["second"].max() + 1 if len(samples) else 0, np.ceil(frames.window[1])))
    server, e2e = samples[samples["view"] == View.SERVER], samples[samples["view"] == View.E2E]
    answered = ~server["outcome"].isin([str(outcome) for outcome in NO_ANSWER])
    limits = deadlines_us(frames, e2e, calm)
    good = e2e["value_us"] <= e2e["operation"].map(limits).astype("float64")
    values_us, histogram = _histogram(e2e, size)
    return Seconds(
        attempts=_per_second(server, size),
        answers=_per_second(server[answered], size),
        operations=_per_second(e2e, size),
        good=_per_second(e2e[good], size),
        histogram=histogram,
        values_us=values_us,
        load=expected_load(frames, size),
    )


def deadlines_us(frames: Frames, e2e: pd.DataFrame, calm: tuple[float, float]) -> Mapping[str, float]:
    """Per operation, in microseconds."""
    start, end = calm
    before = e2e[(e2e["second"] >= start) & (e2e["second"] < end)]
    p95 = grouped_percentiles(before, ["operation"], (95.0,)).set_index("operation")["p95"].to_dict()
    least, found = DEADLINE_LEAST_S * 1e6, {}
    for operation in e2e["operation"].unique():
        usual = p95.get(operation, np.inf)
        found[str(operation)] = max(least, DEADLINE_FACTOR * usual) if np.isfinite(usual) else 10 * least
    for slo in frames.manifest.slos:
        if isinstance(slo, LatencySlo) and slo.view is View.E2E:
            found[slo.operation] = slo.limit_ms * 1000.0
    return found


def _per_second(samples: pd.DataFrame, size: int) -> Counts:
    return np.bincount(samples["second"], weights=samples["count"], minlength=size).astype(np.int64)


def _histogram(e2e: pd.DataFrame, size: int) -> tuple[Reals, Histogram]:
    values, column = np.unique(e2e["value_us"].to_numpy(np.float64), return_inverse=True)
    counts = np.zeros((size, len(values)), np.int32)
    np.add.at(counts, (e2e["second"].to_numpy(), column), e2e["count"].to_numpy())
    return values, counts


def expected_load(frames: Frames, size: int) -> Reals:
    """What the plan alone asks of the target in each second: session starts a second, averaged over the length of one
    session. Constant arrivals give a constant; a spike in the plan is then not mistaken for a recovery."""
    rates = _rates(frames.manifest.profile.arrivals, size)
    done = frames.arrivals[frames.arrivals["end"] == "finished"]
    length = (done["ended_us"] - done["started_us"]).mean() / 1e6 if len(done) else 1.0
    width = int(min(max(round(float(length)), 1), max(size, 1)))
    held = np.concatenate([np.full(width - 1, rates[0] if size else 0.0), rates])
    return np.convolve(held, np.full(width, 1.0 / width), mode="valid") if size else rates


def _rates(stages: tuple[ArrivalStage, ...], size: int) -> Reals:
    """Planned session starts per second; the last rate goes on after the plan's end."""
    rates = np.zeros(size)
    middles, start = np.arange(size) + 0.5, 0.0
    for stage in stages:
        inside = middles >= start
        along = np.minimum((middles[inside] - start) / stage.seconds, 1.0)
        rates[inside] = stage.rate + (stage.end_rate - stage.rate) * along
        start += stage.seconds
    return rates


def rolling(counts: npt.NDArray[Whole], width: int) -> npt.NDArray[Whole]:
    """Sum of the `width` rows before each instant: entry t covers seconds [t - width, t), fewer near zero."""
    total = np.zeros((len(counts) + 1, *counts.shape[1:]), counts.dtype)
    np.cumsum(counts, axis=0, out=total[1:])
    first = np.maximum(np.arange(len(total)) - width, 0)
    summed: npt.NDArray[Whole] = total - total[first]
    return summed


def p95_us(histogram: npt.NDArray[Whole], values_us: Reals) -> Reals:
    """p95 by nearest rank of each row, in microseconds; NaN without samples."""
    if not len(values_us):
        return np.full(len(histogram), np.nan)
    below = np.cumsum(histogram, axis=1, dtype=histogram.dtype)
    samples = below[:, -1]
    rank = -(-samples * 19 // 20)
    at = (below < rank[:, None]).sum(axis=1)
    found: Reals = np.where(samples > 0, values_us[np.minimum(at, len(values_us) - 1)], np.nan)
    return found
