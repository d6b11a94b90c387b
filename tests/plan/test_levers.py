"""Levers of the plan: which there are, what is refused, and what each moves by model."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.plan import plan as command
from harness.core.errors import UsageError
from harness.plan import LEVERS, PlanInputs, Prices, make, parse_levers
from harness.plan.app import SHIPPED, AppSettings
from harness.plan.capacity import Core, core
from harness.plan.levers import pulled
from harness.plan.sessions import gathered, kept_decks, posts_per_swipe


def moved(prices: Prices, **settings: object) -> tuple[Core, Core]:
    """As shipped, and with these settings."""
    inputs = PlanInputs()
    return core(inputs, prices), core(inputs.changed(app=AppSettings(**settings)), prices)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("batchsize=25", "did you mean batch_size?"),
        ("deck_tll_s=300", "did you mean deck_ttl_s?"),
        ("batch_size", "write name=value"),
        ("batch_size=0", "give 1 to 50"),
        ("batch_size=51", "give 1 to 50"),
        ("batch_size=2.5", "whole numbers"),
        ("batch_size=many", "batch_size = many"),
        ("deck_ttl_s=-1", "deck_ttl_s = -1"),
        ("deck_ttl_s=nan", "deck_ttl_s = nan"),
        ("deck_ttl_s=inf", "deck_ttl_s = inf"),
        ("presence=sometimes", "always, chats, off"),
        ("live=", "changes, broadcast"),
    ],
)
def test_what_is_refused(given: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_levers([given])
    assert complaint in str(caught.value)


def test_once_each() -> None:
    assert parse_levers(["deck_ttl_s=300", "batch_size=25"]) == {"deck_ttl_s": 300.0, "batch_size": 25}
    with pytest.raises(UsageError, match="set twice"):
        parse_levers(["batch_size=25", "batch_size=10"])


def test_a_lever_without_a_model_has_to_be_measured() -> None:
    with pytest.raises(UsageError, match="no rule says") as caught:
        pulled(parse_levers(["rerank=off"]))
    assert "--measured" in str(caught.value)


def test_every_lever_with_a_model_is_a_setting_of_the_app() -> None:
    modelled = {lever.name for lever in LEVERS.values() if lever.modelled}
    assert modelled == set(AppSettings.__dataclass_fields__)
    assert pulled({}) == SHIPPED


def test_on_the_command_line() -> None:
    done = CliRunner().invoke(command, ["--lever", "deck_ttl_s=300", "--lever", "batch_size=25"])
    assert done.exit_code == 0
    assert "levers: deck_ttl_s=300.0" in done.output
    assert "app, other than shipped: batch_size 25, deck_ttl_s 300" in done.output


def test_batches(prices: Prices) -> None:
    """42.5 swipes at 11 s: one request each as shipped, 85 events by 25 in batches."""
    shipped, batched = moved(prices, batch_size=25)
    assert posts_per_swipe(11) == 1
    assert posts_per_swipe(11, 25) == pytest.approx(2 / 25)
    assert posts_per_swipe(11, 1) == 2
    assert posts_per_swipe(0.4) == pytest.approx(1 / 3)  # what falls into one second goes along
    assert posts_per_swipe(11, 25, 30.0) == pytest.approx(1 / 3)  # half a minute is over sooner than 25 are there
    online = 0.45 * 42.5 + 0.05 * 21.25 + 0.02 * 21.25
    saved = online * (1 - 2 / 25)
    assert shipped.session.invocations - batched.session.invocations == pytest.approx(saved)
    assert shipped.session.rows - batched.session.rows == pytest.approx(saved * 1.1)  # a limit each, a rollup in ten
    assert shipped.disk == batched.disk  # the events themselves are all there


def test_decks_that_are_kept(prices: Prices) -> None:
    assert kept_decks(PlanInputs()) == 0
    day = PlanInputs(app=AppSettings(deck_ttl_s=86_400))
    assert kept_decks(day) == pytest.approx(0.777, abs=0.001)  # 1 - e^-1.5: people come one and a half times a day
    shipped, kept = moved(prices, deck_ttl_s=86_400)
    assert shipped.session.invocations - kept.session.invocations == pytest.approx(5 * 0.7769, rel=1e-3)


def test_polls(prices: Prices) -> None:
    shipped, slower = moved(prices, chat_poll_s=10)
    polls = 0.25 * 480 * 0.75 / 5
    asked = shipped.session.requests - shipped.session.preflights
    assert asked - (slower.session.requests - slower.session.preflights) == pytest.approx(4 * polls / 2)
    assert slower.session.rows == shipped.session.rows


def test_broadcast_spares_the_poller(prices: Prices) -> None:
    shipped, broadcast = moved(prices, live="broadcast")
    assert shipped.day.live.poller_share > 20
    assert broadcast.day.live.poller_share == 0
    assert broadcast.day.live.streams[1].per_day == 0
    # a message is sent once and heard by those of the others who look, a question to the assistant by nobody else
    inputs = PlanInputs()
    hearing = 1 + (0.8 * 1 + 0.2 * 4) * inputs.live_share
    sent = inputs.messages * hearing + inputs.sessions * 0.05 * inputs.turns_per_session
    told = broadcast.day.live.streams[2].per_day - shipped.day.live.streams[2].per_day
    assert told == pytest.approx(sent)
    _, messages = moved(prices, live="broadcast_messages")
    assert 0 < messages.day.live.poller_share < shipped.day.live.poller_share


def test_presence(prices: Prices) -> None:
    shipped, off = moved(prices, presence="off")
    assert off.day.live.streams[0].per_day == 0
    assert off.limits[0].name == "changes poller, busy"
    _, chats = moved(prices, presence="chats")
    # a presence channel of 0.1875 of the people: messages fall with its square
    assert chats.day.live.streams[0].peak / shipped.day.live.streams[0].peak == pytest.approx(0.1875**2, rel=0.01)
    _, slower = moved(prices, presence_every_s=60)
    assert slower.limits[0].people > 1.4 * shipped.limits[0].people


def test_receipts_that_go_together(prices: Prices) -> None:
    assert gathered(100, 360, 0) == 100
    assert gathered(100, 360, 36) == pytest.approx(10)
    assert gathered(3, 360, 5) == 3  # they are further apart than that
    shipped, batched = moved(prices, receipts_every_s=30)
    assert batched.session.requests < shipped.session.requests
    assert batched.session.rows == shipped.session.rows


def test_smaller_decks_are_asked_for_more_often(prices: Prices) -> None:
    shipped, small = moved(prices, deck_first=36, deck_refill=36)
    assert small.session.invocations > shipped.session.invocations


@given(st.sampled_from([lever for lever in LEVERS.values() if lever.modelled and not lever.choices]), st.floats(0, 1))
def test_anything_within_its_range_makes_a_plan(lever, part) -> None:  # type: ignore[no-untyped-def]
    value = lever.low + part * (lever.high - lever.low)
    text = f"{lever.name}={round(value) if lever.whole else value}"
    app = pulled(parse_levers([text]))
    from harness.plan import load_prices

    made = core(PlanInputs(app=app), load_prices())
    assert made.session.requests > 100
    assert made.cost.total > 0


def test_the_table_leaves_out_what_is_pulled_already(prices: Prices) -> None:
    plan = make(PlanInputs(), prices, {"batch_size": 25})
    assert "batch_size" not in {row.name for row in plan.levers}
    assert plan.pulled == {"batch_size": 25}
    assert [row.cost for row in plan.levers] == sorted(row.cost for row in plan.levers)
