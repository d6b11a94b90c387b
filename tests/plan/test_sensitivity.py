"""Elasticities of what is known to be linear, square or none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plan import PlanInputs, Prices, make
from harness.plan.inputs import EVENING
from harness.plan.sensitivity import sharpened


def test_elasticities_that_are_known(prices: Prices) -> None:
    rows = {row.name: row for row in make(PlanInputs(), prices).sensitivity}
    assert rows["dau"].requests == pytest.approx(1)
    assert rows["dau"].sockets == pytest.approx(1)
    assert rows["session_minutes"].sockets == pytest.approx(1)
    assert rows["mau_per_dau"].requests == rows["mau_per_dau"].sockets == 0
    assert rows["mau_per_dau"].cost > 0
    assert rows["typing_seconds"].requests == 0
    # The peak hour is 2.496 times the mean: 1 % more distance from the mean is (2.496 - 1) / 2.496 % more peak; a
    # little less, because the quietest hours cannot fall below nobody.
    assert rows["peak of the curve"].sockets == pytest.approx((0.104 * 24 - 1) / (0.104 * 24), rel=0.05)


def test_ranked_by_cost(prices: Prices) -> None:
    rows = make(PlanInputs(), prices).sensitivity
    assert [abs(row.cost) for row in rows] == sorted((abs(row.cost) for row in rows), reverse=True)
    assert rows[0].name == "dau"


@pytest.mark.parametrize(
    "values",
    [
        {"mix": {"swiper": 1.0}},
        {"mix": {"swiper": 0.0, "chatter": 1.0}},
        {"messaging_share": 0.3},
        {"dau": 1e10},
        {"session_minutes": 1440.0, "dau": 10.0},
        {"session_minutes": 1e-6},
        {"live_share": 1.0, "group_share": 1.0, "group_size": 2.0},
    ],
)
def test_at_the_ends_of_what_is_possible(values: dict[str, object], prices: Prices) -> None:
    plan = make(PlanInputs().changed(**values), prices)
    assert all(math.isfinite(row.cost + row.requests + row.sockets) for row in plan.sensitivity)


@given(st.floats(0.0, 3.0))
@settings(max_examples=30)
def test_a_sharper_curve_is_still_a_day(factor: float) -> None:
    curve = sharpened(EVENING, factor)
    assert math.fsum(curve) == pytest.approx(1)
    assert min(curve) >= 0
    assert (max(curve) >= max(EVENING)) == (factor >= 1)
