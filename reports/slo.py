"""Service level objectives judged on frames. (pure)

A latency objective is a proportion: "p95 < 400 ms" is "at least 95 % of the samples of the measure phase under 400 ms".
The percentile reported is the nearest-rank percentile of the same samples, so value and status cannot contradict each
other (see `reports.ranks`). A failure counts as over every limit (see `reports.frames`). A bucket counts as over the
limit when its representative value is at or over it; that value lies within 0.5 % of every sample in the bucket.

Intervals respect that requests of the same moment share its weather. The measure phase is cut into k = 10 contiguous
slices of equal length; slice i holds n_i samples, u_i of them in the class that is counted. With F = sum u / sum n,

    se = sqrt( k / (k - 1) * sum (u_i - F * n_i)^2 ) / sum n,    h = t(0.975, k - 1) * se = 2.262 * se

For a share the interval is F - h .. F + h, never narrower than Wilson's score interval (Wilson 1927), which still says
something when no sample failed. For a percentile q with value v, F is the share at or below v and the interval is
Q(q - h) .. Q(q + h), Q being the empirical quantile (Woodruff 1952): an upper end past the last answer is open.
Simulated with noise that lasts (per-second AR(1), rho 0.95, log-normal latencies, 200 to 6,000 samples) the nominal
95 % interval covers the truth in 91 to 96 % of runs; one from order statistics alone falls to 42 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from harness.config.models import LatencySlo, ShareSlo, Slo
from harness.outcome import OUTCOMES
from harness.record.schema import View
from reports.frames import Frames
from reports.ranks import grouped_percentiles, rank_of, share_of, value_at_share
from reports.text import DASH, MINUS, count, ms, percent, plural

SLICES = 10
STUDENT_T = 2.262  # two-sided 95 %, 9 degrees of freedom
NORMAL_Z = 1.960  # two-sided 95 %

Status = Literal["pass", "fail", "inconclusive"]


class Interval(BaseModel):
    """A 95 % interval in the unit of its row. `high` is null when no upper end can be shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: float
    high: float | None


class SloRow(BaseModel):
    """One objective and how it was answered. Latencies in milliseconds, shares as fractions of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["latency", "share"]
    operations: tuple[str, ...]
    view: View
    objective: str  # in words: "p95 < 400 ms"
    unit: Literal["ms", "share"]
    value: float | None  # null: no samples, or the percentile falls on a failure
    value_text: str
    limit: float
    margin: float | None  # limit - value; negative when missed
    margin_share: float | None  # margin / limit
    samples: int
    min_samples: int
    failed: int  # latency: samples that count as over the limit because they failed; share: samples that are bad
    share_under: float | None = None  # latency: share of samples under the limit
    interval: Interval | None = None
    status: Status
    note: str = ""

    @property
    def limit_text(self) -> str:
        return ms(self.limit) if self.unit == "ms" else percent(self.limit, 3)

    @property
    def margin_text(self) -> str:
        if self.margin is None:
            return DASH
        sign = "+" if self.margin >= 0 else MINUS
        size = ms(round(abs(self.margin), 1)) if self.unit == "ms" else percent(abs(self.margin), 3)
        part = "" if self.margin_share is None else f" ({sign}{abs(self.margin_share) * 100:,.0f} %)"
        return f"{sign}{size}{part}"

    @property
    def interval_text(self) -> str:
        if self.interval is None:
            return DASH
        show = ms if self.unit == "ms" else _percent3
        if self.interval.high is None:
            return f"{show(self.interval.low)} or more"
        return f"{show(self.interval.low)} {DASH} {show(self.interval.high)}"


def _percent3(share: float) -> str:
    return percent(share, 3)


def judge(frames: Frames, slos: Iterable[Slo]) -> tuple[SloRow, ...]:
    """One row per objective, in the order of the SLO file, over the measure phase only."""
    return tuple(
        judge_latency(frames, slo) if isinstance(slo, LatencySlo) else judge_share(frames, slo) for slo in slos
    )


def judge_latency(frames: Frames, slo: LatencySlo) -> SloRow:
    measured = frames.measured
    chosen = measured[(measured["operation"] == slo.operation) & (measured["view"] == slo.view)]
    samples = int(chosen["count"].sum())
    value_us = math.nan
    if samples:
        name = f"p{slo.percentile:g}"
        value_us = float(grouped_percentiles(chosen.assign(all=0), ["all"], (slo.percentile,))[name].iloc[0])
    value = value_us / 1000.0 if math.isfinite(value_us) else None
    under = int(chosen.loc[chosen["value_us"] < slo.limit_ms * 1000.0, "count"].sum())
    failed = int(chosen.loc[np.isinf(chosen["value_us"]), "count"].sum())
    interval = _percentile_interval(frames, chosen, slo.percentile, value_us)
    met = samples > 0 and under >= rank_of(slo.percentile, samples)
    status, note = _status(frames, slo, slo.operation, samples, met)
    if not note:
        close = _limit_within(frames, chosen, slo)
        note = _latency_note(slo, value, close, failed, samples)
    margin = None if value is None else slo.limit_ms - value
    return SloRow(
        name=slo.name,
        kind="latency",
        operations=(slo.operation,),
        view=slo.view,
        objective=f"p{slo.percentile:g} < {ms(slo.limit_ms)}",
        unit="ms",
        value=value,
        value_text="no samples" if samples == 0 else ms(value),
        limit=slo.limit_ms,
        margin=margin,
        margin_share=None if margin is None else margin / slo.limit_ms,
        samples=samples,
        min_samples=slo.min_samples,
        failed=failed,
        share_under=under / samples if samples else None,
        interval=interval,
        status=status,
        note=note,
    )


def judge_share(frames: Frames, slo: ShareSlo) -> SloRow:
    measured = frames.measured[frames.measured["view"] == slo.view]
    chosen = measured[measured["operation"].isin(slo.operations)]
    samples = int(chosen["count"].sum())
    counted = chosen["outcome"].isin([str(outcome) for outcome in slo.outcomes])
    bad = int(chosen.loc[counted, "count"].sum())
    value = bad / samples if samples else None
    interval = _share_interval(frames, chosen, counted)
    met = bad <= Fraction(str(slo.max_share)) * samples
    status, note = _status(frames, slo, ", ".join(slo.operations), samples, met)
    if not note and interval is not None and interval.high is not None and value is not None:
        if status == "pass" and interval.high > slo.max_share:
            note = f"met, but {plural(samples, 'sample')} cannot show it: the share may be {percent(interval.high, 3)}"
        elif status == "fail" and interval.low <= slo.max_share:
            note = "close: the limit lies inside the interval"
    margin = None if value is None else slo.max_share - value
    return SloRow(
        name=slo.name,
        kind="share",
        operations=slo.operations,
        view=slo.view,
        objective=f"{_outcomes_text(slo)} ≤ {percent(slo.max_share, 3)}",
        unit="share",
        value=value,
        value_text="no samples" if value is None else f"{percent(value, 3)} ({count(bad)})",
        limit=slo.max_share,
        margin=margin,
        margin_share=None if margin is None or slo.max_share == 0 else margin / slo.max_share,
        samples=samples,
        min_samples=slo.min_samples,
        failed=bad,
        interval=interval,
        status=status,
        note=note,
    )


def _outcomes_text(slo: ShareSlo) -> str:
    every_failure = {outcome for outcome in OUTCOMES if not outcome.good}
    return "any failure" if set(slo.outcomes) == every_failure else " + ".join(slo.outcomes)


def _status(frames: Frames, slo: Slo, operations: str, samples: int, met: bool) -> tuple[Status, str]:
    if samples == 0:
        known = sorted(set(frames.samples.loc[frames.samples["view"] == slo.view, "operation"]))
        seen = f"; this view has {', '.join(known)}" if known else ""
        return "inconclusive", f"no sample of {operations} in the measure phase{seen}"
    if samples < slo.min_samples:
        return "inconclusive", f"too few samples: {count(samples)} of at least {count(slo.min_samples)}"
    return ("pass" if met else "fail"), ""


def _latency_note(slo: LatencySlo, value: float | None, close: bool, failed: int, samples: int) -> str:
    if value is None:
        return f"{percent(failed / samples)} of the samples failed: p{slo.percentile:g} falls on a failure"
    if close:
        return "close: the limit lies inside the interval, a repeat may answer differently"
    return f"{count(failed)} failed, counted as over the limit" if failed else ""


# ---- intervals ------------------------------------------------------------------------------------------------


def _slices(frames: Frames, chosen: pd.DataFrame, counted: pd.Series[bool]) -> tuple[np.ndarray, np.ndarray] | None:
    """(n_i, u_i) of the ten slices, or None when a slice has no sample or the phase is under ten seconds."""
    start, end = frames.window
    if end - start < SLICES or chosen.empty:
        return None
    index = np.clip(((chosen["second"] - start) * SLICES / (end - start)).astype("int64"), 0, SLICES - 1)
    total = np.bincount(index, weights=chosen["count"], minlength=SLICES)
    under = np.bincount(index, weights=chosen["count"].where(counted, 0), minlength=SLICES)
    return (total, under) if bool((total > 0).all()) else None


def _half_width(total: np.ndarray, counted: np.ndarray) -> float:
    share = counted.sum() / total.sum()
    spread = SLICES / (SLICES - 1) * float(((counted - share * total) ** 2).sum())
    return STUDENT_T * math.sqrt(spread) / float(total.sum())


def _percentile_interval(frames: Frames, chosen: pd.DataFrame, percentile: float, value_us: float) -> Interval | None:
    if not math.isfinite(value_us):
        return None
    slices = _slices(frames, chosen, chosen["value_us"] <= value_us)
    if slices is None:
        return None
    share, half = float(share_of(percentile)), _half_width(*slices)
    low = value_at_share(chosen, share - half)
    high = value_at_share(chosen, share + half) if share + half < 1.0 else math.inf
    return Interval(low=low / 1000.0, high=high / 1000.0 if math.isfinite(high) else None)


def _limit_within(frames: Frames, chosen: pd.DataFrame, slo: LatencySlo) -> bool:
    """Does the interval of the share under the limit contain the share asked for?"""
    slices = _slices(frames, chosen, chosen["value_us"] < slo.limit_ms * 1000.0)
    if slices is None:
        return False
    return abs(float(slices[1].sum() / slices[0].sum()) - float(share_of(slo.percentile))) < _half_width(*slices)


def _share_interval(frames: Frames, chosen: pd.DataFrame, counted: pd.Series[bool]) -> Interval | None:
    slices = _slices(frames, chosen, counted)
    if slices is None:
        return None
    samples, bad = float(slices[0].sum()), float(slices[1].sum())
    share, half = bad / samples, _half_width(*slices)
    centre = (share + NORMAL_Z**2 / (2 * samples)) / (1 + NORMAL_Z**2 / samples)
    spread = math.sqrt(share * (1 - share) / samples + NORMAL_Z**2 / (4 * samples**2))
    wilson = NORMAL_Z * spread / (1 + NORMAL_Z**2 / samples)
    low, high = min(share - half, centre - wilson), max(share + half, centre + wilson)
    return Interval(low=max(0.0, low) if bad else 0.0, high=min(1.0, high))
