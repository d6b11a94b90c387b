"""Intervals: against a drawing of lots, and where there is nothing to spread."""

from __future__ import annotations

import math
import random

import pytest

from harness.plan import PlanInputs, Prices, make
from harness.plan.capacity import core
from harness.plan.spread import Swing, spread

NAME = ("some total", "")


def swing(low: float, high: float) -> Swing:
    return Swing(None, {NAME: low}, {NAME: high})  # type: ignore[arg-type]


def test_squares_of_logarithms_add_up() -> None:
    one = spread(NAME, 100.0, [swing(50.0, 200.0)])
    assert [one.low, one.high] == pytest.approx([50, 200])
    two = spread(NAME, 100.0, [swing(50.0, 200.0), swing(200.0, 50.0)])  # which end is which does not matter
    assert two.high == pytest.approx(100 * math.exp(math.sqrt(2) * math.log(2)))
    assert two.low == pytest.approx(100**2 / two.high)


def test_what_nothing_moves_has_no_interval() -> None:
    assert spread(NAME, 100.0, [swing(100.0, 100.0)]).low == pytest.approx(100)
    for nothing in (0.0, math.inf):
        one = spread(NAME, nothing, [swing(1.0, 2.0)])
        assert (one.low, one.high) == (nothing, nothing)


def test_ends_that_never_come_or_are_nothing_stay_numbers() -> None:
    one = spread(NAME, 100.0, [swing(0.0, math.inf)])
    assert 0 < one.low < 1
    assert math.isfinite(one.high)


def test_every_total_lies_in_its_interval(prices: Prices) -> None:
    plan = make(PlanInputs(), prices)
    for one in (*plan.totals, *plan.breaks, *(row.cost for row in plan.sizes), *(row.whole for row in plan.sizes)):
        assert one.low <= one.likely <= one.high, one.name
    for one in plan.totals:
        assert one.low < one.high, one.name


def test_eight_of_ten_draws_fall_inside(prices: Prices) -> None:
    """Every assumed figure drawn for itself, log-normally, with its ends as the 10th and 90th of a hundred."""
    from harness.plan.assumed import SCALED

    plan, default = make(PlanInputs(), prices), PlanInputs()
    dice, inside, draws = random.Random(7), 0, 300
    rows = plan.spread("rows written a day")
    for _ in range(draws):
        drawn = {}
        for one in SCALED:
            if one.name in ("group_size", "mau_per_dau") or hasattr(default, one.name):
                likely = getattr(default, one.name)
                z = dice.gauss(0, 1) / 1.2816
                end = one.high if z > 0 else one.low
                value = likely * math.exp(abs(z) * math.log(end / likely))
                most = 1.0 if one.name.endswith("share") or one.name == "compressed" else math.inf
                drawn[one.name] = min(max(value, {"group_size": 2.0, "mau_per_dau": 1.0}.get(one.name, 0.0)), most)
        made = core(default.changed(**drawn), prices)
        inside += rows.low <= made.session.rows * default.sessions <= rows.high
    # the mix and the curve stay as they are here, so that more than eight of ten are inside
    assert 0.75 < inside / draws <= 1.0


def test_what_was_assumed_stands_with_its_ends(prices: Prices) -> None:
    plan = make(PlanInputs(), prices)
    moved = [abs(row.cost_high - row.cost_low) for row in plan.assumed]
    assert moved == sorted(moved, reverse=True)
    model = next(row for row in plan.assumed if row.name == "language model")
    assert model.cost_high - plan.figures.cost.whole == pytest.approx(4.5e6 * (0.02 - 0.004))
    assert all(row.source for row in plan.assumed)


def test_an_input_of_ones_own_keeps_the_proportion_of_its_ends(prices: Prices) -> None:
    plan = make(PlanInputs(searches_per_session=10), prices)
    row = next(row for row in plan.assumed if row.name == "searches_per_session")
    assert (row.low, row.likely, row.high) == ("6", "10", "16")
