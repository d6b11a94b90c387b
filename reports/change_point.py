"""Did something change all at once, and when? (pure)

A line through a run sees a slow rise; a step in its middle bends no line far. The series of one figure per slot of time
is cut at every place that leaves a fifth on either side, and the largest difference of means is held against what the
series does by itself (self-normalised CUSUM, Shao and Zhang 2010): the noise is measured by the partial sums on both
sides of the cut, so that noise that lasts is not taken for a step, and nothing has to be known about how long it lasts.
The bound is simulated for independent normal noise with these numbers of slots (`benchmarks/gate.py` counts alarms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EDGE = 0.15
"""Share of the slots that has to lie on either side of a change."""
LEAST_SLOTS = 10

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """A level before, one after, and the first slot of the later one. `strength`: squared difference over noise."""

    at: int
    before: float
    after: float
    strength: float


def change(series: Sequence[float]) -> Change | None:
    """The most marked change of level in `series`; None when it is too short or does not vary."""
    values = np.asarray(series, dtype="float64")
    length = len(values)
    if length < LEAST_SLOTS or not np.isfinite(values).all() or float(np.ptp(values)) == 0.0:
        return None
    edge = max(2, round(EDGE * length))
    strengths = np.array([_strength(values, cut) for cut in range(edge, length - edge + 1)])
    at = edge + int(np.argmax(strengths))
    return Change(at, float(np.median(values[:at])), float(np.median(values[at:])), float(strengths.max()))


def _strength(values: Floats, cut: int) -> float:
    """T(cut)^2 / V(cut) of Shao and Zhang, for the mean."""
    length = len(values)
    whole = cut * (length - cut) / length**1.5 * (values[:cut].mean() - values[cut:].mean())
    early, late = _bridge(values[:cut]), _bridge(values[cut:])
    noise = float((early**2).sum() + (late**2).sum()) / length**2
    return float(whole**2 / max(noise, 1e-12 * float(np.ptp(values)) ** 2))


def _bridge(part: Floats) -> Floats:
    """Partial sums of what is above the part's mean."""
    sums: Floats = np.cumsum(part - part.mean())
    return sums
