"""What holds for every plan."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.behaviour import PERSONAS
from harness.plan import PlanInputs, Prices, Range, load_prices, make
from harness.plan.app import AppSettings
from harness.plan.capacity import figures
from harness.plan.input_checks import HOURS
from harness.plan.sessions import amounts, mean_amounts

PRICES = load_prices()


def _shares(count: int) -> st.SearchStrategy[tuple[float, ...]]:
    weights = st.lists(st.floats(0.01, 1.0), min_size=count, max_size=count)
    return weights.map(lambda values: tuple(value / math.fsum(values) for value in values))


def _range(high: float) -> st.SearchStrategy[Range]:
    return st.tuples(st.floats(0, high), st.floats(0, high)).map(lambda pair: Range(min(pair), max(pair)))


INPUTS = st.builds(
    PlanInputs,
    dau=st.floats(10, 1e7),
    sessions_per_day=st.floats(0.1, 20),
    session_minutes=st.floats(0.5, 90),
    curve=_shares(HOURS),
    mix=_shares(len(PERSONAS)).map(lambda shares: dict(zip(PERSONAS, shares, strict=True))),
    swipes_per_session=_range(300),
    messages_per_person=_range(100),
    group_share=st.floats(0, 1),
    group_size=st.floats(2, 50),
    live_share=st.floats(0, 1),
    page_loads_per_session=st.floats(0, 3),
    app=st.builds(AppSettings, presence=st.sampled_from(["always", "chats", "off"])),
)


@given(INPUTS)
@settings(max_examples=40)
def test_arrivals_integrate_to_the_sessions_of_a_day(inputs: PlanInputs) -> None:
    day = figures(inputs, PRICES).hours
    assert math.fsum(hour.arrivals * 3600 for hour in day) == pytest.approx(inputs.sessions)
    assert math.fsum(hour.sessions for hour in day) == pytest.approx(inputs.dau * inputs.sessions_per_day)


@given(INPUTS)
@settings(max_examples=40)
def test_littles_law_in_every_hour_and_over_the_day(inputs: PlanInputs) -> None:
    made = figures(inputs, PRICES)
    for hour in made.hours:
        assert hour.phones == pytest.approx(hour.arrivals * inputs.session_minutes * 60)
    mean = math.fsum(hour.phones for hour in made.hours) / HOURS
    assert mean == pytest.approx(inputs.sessions * inputs.session_minutes / 1440)
    assert made.peak.phones == max(hour.phones for hour in made.hours)
    assert made.peak.sockets <= made.peak.phones * (1 + 1e-9)


@given(INPUTS)
@settings(max_examples=40)
def test_parts_sum_to_the_whole(inputs: PlanInputs) -> None:
    made = figures(inputs, PRICES)
    mixed = math.fsum(inputs.mix[persona] * count for persona, count in made.persona_requests.items())
    assert made.requests_per_day == pytest.approx(mixed * inputs.sessions)
    assert math.fsum(hour.requests * 3600 for hour in made.hours) == pytest.approx(made.requests_per_day)
    nested = math.fsum(load.nested_per_day for load in made.endpoints)
    assert math.fsum(load.per_day for load in made.endpoints) == pytest.approx(made.requests_per_day + nested)
    assert math.fsum(load.peak for load in made.tables) == pytest.approx(made.peak.rows)
    assert math.fsum(count for _, count in made.swipe_session.tables) == pytest.approx(made.swipe_session.rows)
    assert made.cost.whole == pytest.approx(math.fsum(item.amount for item in made.cost.items))


@given(INPUTS, st.floats(1.1, 10))
@settings(max_examples=40)
def test_linear_in_people_but_for_presence(inputs: PlanInputs, factor: float) -> None:
    one, more = figures(inputs, PRICES), figures(inputs.changed(dau=inputs.dau * factor), PRICES)
    for pick in ("requests_per_day", "invocations_per_day", "rows_per_day", "http_bytes_per_day"):
        assert getattr(more, pick) == pytest.approx(factor * getattr(one, pick))
    for item in fields(one.peak):
        if item.name != "hour":
            assert getattr(more.peak, item.name) == pytest.approx(factor * getattr(one.peak, item.name))
    presence, changes, typing = (
        (few.per_day, many.per_day) for few, many in zip(one.realtime.streams, more.realtime.streams, strict=True)
    )
    for few, many in (changes, typing):
        assert many == pytest.approx(factor * few)
    if inputs.app.presence == "always":
        assert factor * presence[0] < presence[1] <= factor**2 * presence[0] * (1 + 1e-9)


@given(INPUTS, st.sampled_from(["dau", "mau_per_dau", "days_per_month", "retained_days"]), st.floats(1, 10))
@settings(max_examples=60)
def test_more_never_costs_less(inputs: PlanInputs, name: str, factor: float) -> None:
    one = figures(inputs, PRICES).cost
    more = figures(inputs.changed(**{name: getattr(inputs, name) * factor}), PRICES).cost
    if name != "dau":  # more people may bring presence to its fall, and what does not happen costs nothing
        assert more.total >= one.total - 1e-6
    assert more.asked >= one.asked - 1e-6
    assert one.asked >= one.total - 1e-6
    assert all(item.amount >= 0 for item in more.items if item.name != "compute credit")


@given(INPUTS)
@settings(max_examples=40)
def test_nothing_is_negative_and_nothing_delivered_that_was_not_asked_for(inputs: PlanInputs) -> None:
    made = figures(inputs, PRICES)
    assert all(load.per_day > 0 and load.bytes_per_day >= 0 and load.peak >= 0 for load in made.endpoints)
    assert all(load.rows_per_day > 0 and load.kept_bytes_per_day >= 0 for load in made.tables)
    for stream in made.realtime.streams:
        assert 0 <= stream.delivered_per_day <= stream.per_day * (1 + 1e-9)
        assert stream.delivered_per_day <= stream.limit * 86_400 * (1 + 1e-9)
    assert made.realtime.bytes_per_day <= made.realtime.asked_bytes_per_day * (1 + 1e-9)
    assert all(row.over == (row.share < 0) for row in made.limits)
    for persona in PERSONAS:
        assert all(units >= 0 for units in amounts(persona, inputs).values())


@given(INPUTS)
@settings(max_examples=20)
def test_the_mean_session_is_the_mix_of_the_personas(inputs: PlanInputs) -> None:
    for driver, units in mean_amounts(inputs).items():
        mixed = math.fsum(share * amounts(persona, inputs).get(driver, 0.0) for persona, share in inputs.mix.items())
        assert units == pytest.approx(mixed)


def test_the_same_inputs_give_the_same_plan(prices: Prices) -> None:
    assert make(PlanInputs(), prices) == make(PlanInputs(), prices)


def test_the_manuals_day(prices: Prices) -> None:
    """500,000 people at 1.5 sessions of 8 minutes: 750,000 sessions, 4,167 open on average, 10,400 at the peak."""
    made = make(PlanInputs(), prices).figures
    assert sum(hour.sessions for hour in made.hours) == pytest.approx(750_000)
    assert sum(hour.phones for hour in made.hours) / 24 == pytest.approx(750_000 * 8 / 1440)
    assert made.peak.phones == pytest.approx(750_000 * 0.104 / 3600 * 480)
    over = {row.name for row in made.limits if row.over}
    assert {"sockets at once", "presence messages", "changes poller, busy"} <= over


def test_without_global_presence_the_square_and_its_price_are_gone(prices: Prices) -> None:
    with_it = make(PlanInputs(), prices).figures
    without = make(PlanInputs(app=AppSettings(presence="off")), prices).figures
    assert without.realtime.streams[0].per_day == 0
    assert without.peak.sockets < with_it.peak.sockets / 3
    assert without.cost.asked < with_it.cost.asked / 100
