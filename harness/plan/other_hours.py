"""Hours other than the mean busiest one: chance, weekends, a launch, hidden tabs, everybody back at once. (pure)"""

from __future__ import annotations

import math
from statistics import NormalDist

from harness.plan import limits, traffic
from harness.plan.assumed import HIDDEN_TABS
from harness.plan.calls import Driver
from harness.plan.capacity import Core
from harness.plan.day import make
from harness.plan.input_checks import MOST
from harness.plan.inputs import PlanInputs
from harness.plan.outlook import Herd, PeakRow
from harness.plan.prices import Prices
from harness.plan.realtime import COLD_S, WINDOW_S
from harness.plan.sessions import amounts

QUANTILE = 0.999
OPENING = (Driver.LOAD, Driver.LANDING, Driver.BACKGROUND, Driver.REFRESH)
OUTAGE_S = 60.0
READS_PER_CARD = 4.0
"""That wait for the network until it is back, for each card swiped meanwhile (observed: 36 reads within 0.25 s after
eight offline swipes and one on the way)."""
RESUMED = {"reader": 3.0, "chatter": 4.0, "assistant_user": 4.0}
"""Reads that other open pages had under way: feed, stories and library; the four of an open conversation."""
HERD_RATE = 2.0
"""What the target bears, in rates of the busiest hour, while everybody loads again."""


def chance(phones: float) -> float:
    """How many are open at once in 999 of 1,000 moments when so many are on average: arrivals are a Poisson process."""
    return phones + NormalDist().inv_cdf(QUANTILE) * math.sqrt(phones)


def table(made: Core, inputs: PlanInputs, prices: Prices) -> tuple[PeakRow, ...]:
    """Each of these hours on its own."""
    phones = made.day.peak.phones
    rows = (
        ("busiest hour, mean", 1.0, inputs),
        (f"busiest hour, {QUANTILE:.1%} of moments", chance(phones) / phones, inputs),
        (f"weekend, {inputs.weekend_factor:g} x", inputs.weekend_factor, inputs),
        (f"launch, {inputs.launch_factor:g} x", inputs.launch_factor, inputs),
        (
            f"launch at a weekend, {inputs.launch_factor * inputs.weekend_factor:g} x",
            inputs.launch_factor * inputs.weekend_factor,
            inputs,
        ),
        (f"{HIDDEN_TABS[1]:g} hidden tabs a phone", 1.0, inputs.changed(hidden_tabs=HIDDEN_TABS[1])),
    )
    mean = {row.name for row in made.limits if row.over and row.breaks}
    return tuple(_row(name, times, made, other, prices, mean) for name, times, other in rows)


def _row(name: str, times: float, made: Core, inputs: PlanInputs, prices: Prices, mean: set[str]) -> PeakRow:
    scaled = inputs.changed(dau=min(inputs.dau * times, MOST))
    day = make(made.session, scaled, prices.chosen)
    over = [row.name for row in limits.headroom(day, made.disk, scaled, prices) if row.over and row.breaks]
    peak = day.peak
    return PeakRow(
        name, peak.arrivals, peak.phones, peak.sockets, peak.requests, tuple(one for one in over if one not in mean)
    )


def herd(made: Core, inputs: PlanInputs, prices: Prices) -> Herd:
    """After an outage in the busiest hour: what everybody who is there sends on coming back."""
    peak, plan = made.day.peak, prices.chosen
    swiped = READS_PER_CARD * OUTAGE_S / inputs.seconds_per_card if inputs.swipes_per_session.mean else 0.0
    waiting = {**RESUMED, "swiper": swiped, "commuter": swiped, "newcomer": swiped / 2}
    resumed = sum(share * waiting.get(persona, 0.0) for persona, share in inputs.mix.items())
    loads = 0.0
    for persona, share in inputs.mix.items():
        units = amounts(persona, inputs)
        once = {driver: 1.0 for driver in OPENING if units.get(driver, 0.0) > 0}
        loads += share * sum(of.requests for of in traffic.sent(once, inputs).values())
    reloaded = peak.phones * loads
    return Herd(
        phones=peak.phones,
        joins=made.day.live.channels,
        burst_joins=plan.joins_per_second * COLD_S,
        minute_joins=plan.joins_per_second * WINDOW_S,
        resumed_requests=peak.phones * resumed,
        reloaded_requests=reloaded,
        seconds=reloaded / (HERD_RATE * peak.requests) if peak.requests else 0.0,
    )
