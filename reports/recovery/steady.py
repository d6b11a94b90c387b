"""The baseline before the first fault, and the instant from which a target is back at it. (pure)

Recovery time: from the fault's end to the first instant from which rolling goodput is at least 95 % of the baseline's
and rolling p95 at most 1.1 times the baseline's, both for 30 seconds; "never" when the load ends, or the next fault
begins, before that. The rolling figures cover 5 seconds.

Taken to the letter, a run with few operations would never recover from nothing at all: the count of a 5-second window
wanders by more than 5 %. Hence both limits give way to three standard deviations of the baseline's own rolling
figures where that is wider, and the windows widen until such a limit still means something (at least half of the
baseline's goodput). What was used stands in the baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.recovery.model import Baseline, Recovered
from reports.recovery.seconds import Reals, Seconds, p95_us, rolling
from reports.text import plural, seconds

ENOUGH_S = 30  # shortest baseline
ENOUGH_OPERATIONS = 100
GUARD_S = 5  # between baseline and first fault: what was wanted then may meet the fault
HOLD_S = 30
GOODPUT, P95 = 0.95, 1.1
SPREAD = 3.0  # standard deviations of the baseline's own rolling figures
MEANS_SOMETHING = 0.5  # of the baseline's goodput: a lower floor than this says nothing
WIDTHS_S = (5, 10, 15, 20, 30)
INDEPENDENT = 4  # windows side by side that a baseline must hold, to know how they spread


@dataclass(frozen=True, eq=False, slots=True)
class Steady:
    """The baseline, and for every whole second whether the target is within its limits (entry t: up to instant t)."""

    baseline: Baseline
    within: npt.NDArray[np.bool_]


def calm(measure: tuple[float, float], first_fault_s: float) -> tuple[float, float]:
    """Where a baseline may be taken, in seconds since zero; may be empty."""
    start = float(np.ceil(measure[0]))
    return start, max(start, min(measure[1], float(np.floor(first_fault_s - GUARD_S))))


def steady(counted: Seconds, where: tuple[float, float]) -> Steady | str:
    """The baseline, or why there is none."""
    start, end = where
    part = counted.part(start, end)
    operations, good = int(counted.operations[part].sum()), int(counted.good[part].sum())
    length = part.stop - part.start
    if length < ENOUGH_S or operations < ENOUGH_OPERATIONS:
        return (
            f"no baseline: {length} s and {plural(operations, 'operation')} were measured before the first fault, less "
            f"its last {GUARD_S} s; {ENOUGH_S} s and {ENOUGH_OPERATIONS} operations are needed"
        )
    if not good:
        return "no baseline: no operation ended well in time before the first fault"
    width, floor = _floor(counted, part)
    if not width:
        return (
            f"no baseline: only {good / length:.1f} good operations a second before the first fault, and they vary too "
            "much to notice that half of them are missing"
        )
    p95 = p95_us(rolling(counted.histogram, width), counted.values_us)
    whole = float(p95_us(counted.histogram[part].sum(axis=0, dtype=np.int64)[None, :], counted.values_us)[0])
    ceiling = max(P95 * whole, _usual(p95, part, width, +SPREAD)) if np.isfinite(whole) else np.inf
    enough = _expected(counted, part, width) * floor * width
    within = (rolling(counted.good, width) >= enough) & (np.nan_to_num(p95, nan=np.inf) <= ceiling)
    attempts, answers = int(counted.attempts[part].sum()), int(counted.answers[part].sum())
    baseline = Baseline(
        start_s=start,
        end_s=end,
        operations_per_s=operations / length,
        attempts_per_s=attempts / length,
        attempts_per_operation=attempts / operations,
        answers_per_s=answers / length,
        goodput_per_s=good / length,
        p95_ms=whole / 1000.0 if np.isfinite(whole) else None,
        rolling_s=width,
        goodput_floor=floor,
        p95_ceiling_ms=ceiling / 1000.0 if np.isfinite(ceiling) else None,
    )
    return Steady(baseline, within)


def _floor(counted: Seconds, part: slice) -> tuple[int, float]:
    """Width of the rolling window and the goodput it must reach, a second; (0, 0) when none means anything."""
    mean = float(counted.good[part].mean())
    for width in WIDTHS_S:
        if width * INDEPENDENT > part.stop - part.start:
            break
        floor = min(GOODPUT * mean, _usual(rolling(counted.good, width) / width, part, width, -SPREAD))
        if floor >= MEANS_SOMETHING * mean:
            return width, floor
    return 0, 0.0


def _usual(figures: Reals, part: slice, width: int, spread: float) -> float:
    """Mean of the baseline's own rolling figures and `spread` of their standard deviations."""
    own = figures[part.start + width : part.stop + 1]
    own = own[np.isfinite(own)]
    return float(own.mean() + spread * own.std()) if len(own) else float("nan")


def _expected(counted: Seconds, part: slice, width: int) -> Reals:
    """The plan's load around each instant over the plan's load in the baseline."""
    usual = float(counted.load[part].mean())
    if usual <= 0:
        return np.ones(len(counted) + 1)
    total = np.concatenate([[0.0], np.cumsum(counted.load)])
    first = np.maximum(np.arange(len(total)) - width, 0)
    found: Reals = (total - total[first]) / np.maximum(np.arange(len(total)) - first, 1) / usual
    return found


def recovered(within: Sequence[bool] | npt.NDArray[np.bool_], end_s: float, until_s: float) -> Recovered:
    """When a fault that ended at `end_s` was over for the target, seen up to `until_s` (seconds since zero).

    `within[t]` says whether the rolling figures up to instant t are those of the baseline.
    """
    start, last = int(np.ceil(end_s)), min(int(np.floor(until_s)), len(within) - 1)
    if last - start < HOLD_S:
        seen = max(last - start, 0)
        return Recovered(
            status="unknown", note=f"only {seen} s without a fault followed; at least {HOLD_S} s are needed"
        )
    held = 0
    for at in range(start, last + 1):
        held = held + 1 if within[at] else 0
        if held > HOLD_S:
            return Recovered(status="recovered", after_s=max(at - HOLD_S - end_s, 0.0))
    if held:
        note = f"within the limits for the last {seconds(held - 1)} only; {HOLD_S} s are needed"
        return Recovered(status="unknown", note=note)
    return Recovered(status="never", note=f"not within {seconds(until_s - end_s)}")
