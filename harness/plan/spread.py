"""An interval for every total, from the ends of what is assumed. (pure)

Each assumed figure goes to its low and its high end alone; what that makes of a total adds up as the squares of its
logarithms do, downwards and upwards apart. That is an interval for 80 of 100 where the assumed figures are independent
and totals are about products of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.plan import assumed
from harness.plan.capacity import Core, core
from harness.plan.inputs import PlanInputs
from harness.plan.outlook import AssumedRow, Spread
from harness.plan.prices import Prices

Measures = Mapping[tuple[str, str], float]
"""(name, unit) of a total: its value. Infinite: never."""
MOST_LOG = 20.0
"""What a total that becomes nothing, or endless, counts as."""


@dataclass(frozen=True, slots=True)
class Swing:
    """What the two ends of one assumed figure make of everything."""

    ends: assumed.Ends
    low: Measures
    high: Measures


def measures(made: Core, inputs: PlanInputs, prices: Prices, sizes: Sequence[float]) -> dict[tuple[str, str], float]:
    """All totals of a plan, and of its costs at other sizes."""
    peak, sessions = made.day.peak, inputs.sessions
    found = {
        ("rows written a day", ""): made.session.rows * sessions,
        ("edge invocations a day", ""): made.session.invocations * sessions,
        ("requests at peak", "/s"): peak.requests,
        ("of them preflights", "/s"): peak.preflights,
        ("database calls at peak", "/s"): peak.database_calls,
        ("sockets at peak", ""): peak.sockets,
        ("database growth a day", "GB"): made.disk.gb_per_day,
        ("egress a month", "GB"): made.month.delivered["egress_gb"],
        ("cost a month, published prices", prices.currency): made.cost.total,
        ("cost a month, whole", prices.currency): made.cost.whole,
    }
    found |= {("breaks", row.name): row.people for row in made.limits}
    for people in sizes:
        other = core(inputs.changed(dau=people), prices, made.session).cost
        found |= {(f"cost at {people:g}", "total"): other.total, (f"cost at {people:g}", "whole"): other.whole}
    return found


def swings(inputs: PlanInputs, prices: Prices, sizes: Sequence[float]) -> tuple[Swing, ...]:
    """Of everything that is assumed."""

    def at(end: tuple[PlanInputs, Prices]) -> Measures:
        return measures(core(*end), *end, sizes)

    return tuple(Swing(one, at(one.at_low), at(one.at_high)) for one in assumed.ends(inputs, prices))


def spread(name: tuple[str, str], likely: float, moved: Iterable[Swing]) -> Spread:
    """The interval of one total."""
    if not math.isfinite(likely) or likely <= 0:
        return Spread(*name, likely, likely, likely)
    down = up = 0.0
    for one in moved:
        parts = [_log(one.low[name] / likely), _log(one.high[name] / likely), 0.0]
        down, up = down + min(parts) ** 2, up + max(parts) ** 2
    return Spread(*name, likely * math.exp(-math.sqrt(down)), likely, likely * math.exp(math.sqrt(up)))


def _log(ratio: float) -> float:
    return (
        min(MOST_LOG, max(-MOST_LOG, math.log(ratio))) if 0 < ratio < math.inf else (MOST_LOG if ratio else -MOST_LOG)
    )


def rows(moved: Iterable[Swing], currency: str) -> tuple[AssumedRow, ...]:
    """What was assumed, what moves the cost most first."""
    cost = ("cost a month, whole", currency)
    made = [
        AssumedRow(
            one.ends.name,
            one.ends.low,
            one.ends.likely,
            one.ends.high,
            one.low[cost],
            one.high[cost],
            one.ends.source,
        )
        for one in moved
    ]
    return tuple(sorted(made, key=lambda row: (-abs(row.cost_high - row.cost_low), row.name)))
