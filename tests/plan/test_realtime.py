"""Message counting against the contract's own tables."""

from __future__ import annotations

import pytest

from harness.plan import PlanInputs, Prices
from harness.plan.capacity import figures
from harness.plan.messages import changes_of_message, events_of_message
from harness.plan.presence import rate as presence_rate
from harness.plan.realtime import change_cost_ms


@pytest.mark.parametrize(("members", "writes", "events"), [(2, 5, 10), (5, 14, 70), (20, 59, 1_180), (50, 149, 7_450)])
def test_fan_out_of_one_message(members: int, writes: int, events: int) -> None:
    """Contract, realtime 2.5: with all screens open, 3n-1 writes, n(3n-1) events."""
    assert changes_of_message(members - 1) == writes
    assert events_of_message(members - 1) == events


@pytest.mark.parametrize(("online", "every", "rate"), [(100, 20, 500), (100, 30, 333), (1_000, 20, 50_000)])
def test_presence_is_the_square_of_who_is_online(online: float, every: float, rate: float) -> None:
    # the contract counts N^2/T received; sending adds N/T
    assert presence_rate(online, 0, every) == pytest.approx(rate + online / every, rel=2e-3)


@pytest.mark.parametrize(("subscriptions", "hearing", "measured"), [(0, 0, 0.53), (100, 2, 5.7), (1_000, 2, 39)])
def test_the_pollers_cost_is_near_what_was_measured(subscriptions: int, hearing: int, measured: float) -> None:
    assert change_cost_ms(subscriptions, hearing) == pytest.approx(measured, rel=0.15)


def test_delivery_stops_at_the_plans_limits(prices: Prices) -> None:
    free = prices.model_copy(update={"plan": "free"})
    few, many = figures(PlanInputs(), free).realtime, figures(PlanInputs(), prices).realtime
    for small, large in zip(few.streams, many.streams, strict=True):
        assert small.per_day == large.per_day
        assert small.delivered_per_day <= large.delivered_per_day
    assert few.streams[0].delivered_per_day == 0  # over the limit the channel is closed for good
    assert few.streams[0].capped_per_day == pytest.approx(20 * 86_400)
    assert few.reconnect_seconds == pytest.approx(few.channels / 100)


def test_joins_are_three_of_presence_and_two_for_each_conversation_opened(prices: Prices) -> None:
    inputs = PlanInputs(mix={"chatter": 1.0}, conversations_per_session=3)
    made = figures(inputs, prices)
    assert made.realtime.joins == pytest.approx(made.peak.arrivals * (3 + 2 * 3))
    assert made.realtime.channels == pytest.approx(made.peak.phones * (1 + 2 * 0.75))
