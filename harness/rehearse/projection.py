"""From smaller steps to a larger one: what its latencies will be, and whether it should be made at all. (pure)

Latency is projected as that of a queue: p(r) = a / (1 - r / C). Two steps give `a` and the capacity `C` that explains
both; beyond C there is no latency that stays. The interval follows from those of the two steps, the most favourable
pair and the least. With one step nothing is known of the slope: the latency is at least what it was. CPU of the
machine is projected in a straight line.

A step is left out only where even the favourable end of a projection misses its limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.errors import ExitCode
from harness.core.frozen_model import FrozenModel
from harness.rehearse.state import StepOutcome

MACHINE_FULL = 0.9


class Projected(FrozenModel):
    """A figure at a rate. Milliseconds, or a share of the machine; null: beyond what can be carried, or not known."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    limit: float
    unit: str = "ms"

    @property
    def text(self) -> str:
        low, high = (_shown(one, self.unit) for one in (self.low, self.high))
        return f"{self.name} {_shown(self.value, self.unit)} ({low} to {high}), limit {_shown(self.limit, self.unit)}"


@dataclass(frozen=True, slots=True)
class Leave:
    """Why the next step should not be made, and the exit code that it means."""

    why: str
    code: ExitCode


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "no end"
    return f"{value:.0%}" if unit == "share" else f"{value:,.0f} ms"


def queueing(rate_a: float, value_a: float, rate_b: float, value_b: float, rate: float) -> float:
    """The latency at `rate` of the queue that has these two, at rates a < b; infinite beyond its capacity. One that
    does not rise with the rate is taken to stay."""
    if value_b <= value_a:
        return value_b
    capacity = (value_b * rate_b - value_a * rate_a) / (value_b - value_a)
    if rate >= capacity:
        return math.inf
    return value_b * (1 - rate_b / capacity) / (1 - rate / capacity)


def project(steps: Sequence[StepOutcome], rate: float) -> tuple[Projected, ...]:
    """Every objective of the last step at another rate, and the machine's CPU."""
    if not steps:
        return ()
    last, before = steps[-1], steps[-2] if len(steps) > 1 else None
    found = []
    for one in last.figures:
        if one.value is None:
            continue
        low_b, high_b = one.low or one.value, one.high or one.value
        earlier = next((other for other in before.figures if other.name == one.name), None) if before else None
        if before is None or earlier is None or earlier.value is None or before.rate >= last.rate:
            found.append(Projected(name=one.name, value=one.value, low=low_b, high=None, limit=one.limit))
            continue
        low_a, high_a = earlier.low or earlier.value, earlier.high or earlier.value
        value, low, high = (
            queueing(before.rate, a, last.rate, b, rate)
            for a, b in ((earlier.value, one.value), (high_a, low_b), (low_a, high_b))
        )
        found.append(
            Projected(name=one.name, value=_finite(value), low=_finite(low), high=_finite(high), limit=one.limit)
        )
    if before is not None and before.machine_share is not None and last.machine_share is not None:
        slope = (last.machine_share - before.machine_share) / max(last.rate - before.rate, 1e-9)
        share = last.machine_share + max(0.0, slope) * (rate - last.rate)
        found.append(
            Projected(
                name="CPU of the generator's machine", value=share, low=share * 0.8, high=share * 1.2,
                limit=MACHINE_FULL, unit="share",
            )
        )  # fmt: skip
    return tuple(found)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def should_leave(steps: Sequence[StepOutcome], rate: float) -> Leave | None:
    """Whether the steps so far speak against one at `rate`."""
    if not steps:
        return None
    last = steps[-1]
    if last.code in (ExitCode.SLO_MISSED, ExitCode.ABORTED, ExitCode.TARGET, ExitCode.INTERNAL):
        return Leave(f"{last.share:.0%} of the peak was too much already: {last.sentence}", last.code)
    if last.generator_ended_it or not last.generator_fit:
        return Leave(f"the generator was in doubt at {last.share:.0%} already: {last.sentence}", ExitCode.INCONCLUSIVE)
    for one in project(steps, rate):
        if one.low is not None and one.low < one.limit:
            continue
        code = ExitCode.INCONCLUSIVE if one.unit == "share" else ExitCode.SLO_MISSED
        return Leave(f"projected to {rate:.3g} sessions/s: {one.text}", code)
    return None
