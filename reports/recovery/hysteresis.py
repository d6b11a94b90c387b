"""Does the target remember overload? Goodput at the same load on the way up and on the way down. (pure)

Needs a plan whose arrivals rise to one peak and fall again. The plan's load, before and after its peak, is cut into
equal levels that both sides have; at each level goodput before is held against goodput after. A mean gap above 10 %
means vulnerable: after the peak the same people get less than before.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from reports.frames import Frames
from reports.recovery.model import Hysteresis, LoadStep
from reports.recovery.seconds import Seconds

LEVELS = 5
ENOUGH_S = 10  # of each level, on both sides
RISE = 1.5  # the peak over the load at both ends, at least


def hysteresis(counted: Seconds, frames: Frames) -> Hysteresis | None:
    """None when the plan does not go up and down, or too few seconds share a level."""
    part = counted.part(*frames.window)
    load, good = counted.load[part], counted.good[part]
    if len(load) < 4 * ENOUGH_S:
        return None
    peak = int((np.flatnonzero(load >= load.max() * 0.999)).mean())
    up, down = load[: peak + 1], load[peak + 1 :]
    if not len(down) or load.max() < RISE * max(up.min(), down.min()):
        return None
    if np.any(np.diff(up) < -1e-9) or np.any(np.diff(down) > 1e-9):
        return None  # more than one peak: "before" and "after" have no meaning
    edges = np.linspace(max(up.min(), down.min()), load.max(), LEVELS + 1)
    steps = [step for low, high in itertools.pairwise(edges) if (step := _step(load, good, peak, low, high))]
    if len(steps) < 2:
        return None
    gaps = [(step.goodput_up - step.goodput_down) / step.goodput_up for step in steps]
    return Hysteresis(steps=tuple(steps), gap=float(np.mean(gaps)))


def _step(
    load: npt.NDArray[np.float64], good: npt.NDArray[np.int64], peak: int, low: float, high: float
) -> LoadStep | None:
    """Goodput per unit of load on both sides, told for the level's middle: within a level the sides' loads differ."""
    at, middle = np.arange(len(load)), (low + high) / 2
    level = (load >= low) & (load <= high)
    sides = [level & (at <= peak), level & (at > peak)]
    if any(side.sum() < ENOUGH_S or load[side].sum() <= 0 for side in sides):
        return None
    before, after = (float(good[side].sum() / load[side].sum()) * middle for side in sides)
    return LoadStep(sessions_per_s=middle, goodput_up=before, goodput_down=after) if before > 0 else None
