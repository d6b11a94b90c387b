"""What pieces become: effects, verdicts, money, and the forms in which they are shown."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

import pytest

from harness import plan
from harness.levers.answer import LeverAnswer, LeversAnswer, answer
from harness.levers.money import priced
from harness.levers.piece import Piece
from harness.levers.state import Asked, LeversState
from harness.levers.table import chosen
from harness.levers.text import rendered
from harness.levers.turns import turns
from reports.render.levers_page import bar, render

NAMES = ("control-same", "batch-25", "presence-off", "broadcast")
LEVERS = chosen(NAMES)
DECK, EVENTS = "POST functions/media-swipe-deck", "POST functions/media-swipe-event"
ACTS: Mapping[str, Mapping[str, float]] = {
    "batch-25": {"requests": 0.9, "invocations": 0.8, "rows": 0.95, "event_posts": 0.1, EVENTS: 0.1},
    "presence-off": {"realtime_presence": 0.0, "realtime_messages": 0.6},
    "broadcast": {"realtime_changes": 0.0, "realtime_broadcasts": 1.5},
}
TOTALS = {
    "requests": 1500.0, "preflights": 900.0, "failed": 0.0, "invocations": 300.0, "bytes_in": 5e6, "bytes_out": 1e6,
    "realtime_messages": 2000.0, "realtime_changes": 900.0, "realtime_broadcasts": 300.0, "realtime_presence": 800.0,
    "message_events": 120.0, "event_posts": 80.0, "decks": 120.0, "receipts": 90.0, "rows": 9000.0,
    "event_rows": 400.0, "database_ms": 4000.0, "wal_bytes": 3e6,
}  # fmt: skip


def pieces(rounds: int = 2, scatter: float = 0.01) -> tuple[Piece, ...]:
    """As if measured: figures of the levers above, with a little scatter."""
    draw = random.Random(3)
    found: list[Piece] = []
    for turn in turns(LEVERS, rounds, 5):
        group, lever, round_ = turn.key
        acts = ACTS.get(lever, {})

        def figure(name: str, value: float, acts: Mapping[str, float] = acts) -> float:
            return round(value * acts.get(name, 1.0) * draw.gauss(1, scatter))

        found.append(
            Piece(
                group=group,
                lever=lever,
                round=round_,
                seed=turn.seed,
                run=f"run-{len(found)}",
                took_s=20,
                sessions=20,
                closed=0,
                swipes=70,
                messages=40,
                totals={name: figure(name, value) for name, value in TOTALS.items()},
                endpoints={DECK: figure(DECK, 120), EVENTS: figure(EVENTS, 80)},
                tables={"media_events": 300},
                p95={"app_open": 300 * draw.gauss(1, 0.3)},
                people={"card age s": 4 * draw.gauss(1, scatter)},
                expected={"event_posts": 80 * acts.get("event_posts", 1.0), "event_rows": 400, "message_events": 120},
            )
        )
    return tuple(found)


def found(rounds: int = 2, **changes: float) -> LeversAnswer:
    asked = Asked(profile="levers", target="sandbox", seed=5, load_s=8)
    state = LeversState(asked=asked, rounds=rounds, levers=NAMES, pieces=pieces(rounds, **changes))
    prices = plan.load_prices()
    return priced(answer(state, LEVERS, dau=500_000), plan.make(plan.PlanInputs(), prices), prices)


def lever(answered: LeversAnswer, name: str) -> LeverAnswer:
    return next(one for one in answered.levers if one.name == name)


def test_effects_are_found_and_what_does_nothing_is_nothing() -> None:
    answered = found()
    batch = lever(answered, "batch-25")
    assert batch.verdict == "measured"
    assert batch.effects["invocations"].factor == pytest.approx(0.8, rel=0.05)
    assert batch.effects["invocations"].shown
    posts = batch.rates["event posts per swipe"]
    assert posts.factor == pytest.approx(posts.expected, rel=0.1)
    assert lever(answered, "control-same").verdict == "nothing"
    dollars = lever(answered, "control-same").dollars
    assert dollars is not None
    assert (dollars.low, dollars.likely, dollars.high) == (0, 0, 0)


def test_there_is_no_arithmetic_where_requests_fail() -> None:
    beside = chosen(("retries-none",))
    measured = tuple(
        one.model_copy(update={"group": "trouble", "lever": "retries-none" if one.lever else ""})
        for one in pieces()
        if one.lever in ("", "control-same")
    )
    asked = Asked(profile="levers", target="sandbox", seed=5, load_s=8)
    answered = answer(LeversState(asked=asked, rounds=2, levers=("retries-none",), pieces=measured), beside, dau=None)
    rate = lever(answered, "retries-none").rates["event posts per swipe"]
    assert rate.factor == pytest.approx(1, abs=0.05)
    assert rate.expected is None
    assert lever(found(), "control-same").rates["event posts per swipe"].expected == 1


def test_failures_of_one_service_make_no_figure_of_another_less_sure() -> None:
    draw = random.Random(7)
    failing = tuple(
        one.model_copy(
            update={
                "group": "trouble",
                "lever": "retries-none" if one.lever else "",
                "totals": {name: value * draw.uniform(0.3, 3) for name, value in one.totals.items()},
            }
        )
        for one in pieces()
        if one.lever in ("", "control-same")
    )
    levers = chosen((*NAMES, "retries-none"))
    asked = Asked(profile="levers", target="sandbox", seed=5, load_s=8)
    names = tuple(one.name for one in levers)
    both = LeversState(asked=asked, rounds=2, levers=names, pieces=(*pieces(), *failing))
    beside, alone = answer(both, levers, dau=None), found()
    assert lever(beside, "batch-25").rates == lever(alone, "batch-25").rates
    assert lever(beside, "batch-25").effects == lever(alone, "batch-25").effects
    assert lever(beside, "retries-none").verdict == "nothing"


def test_what_vanishes_is_a_factor_of_nothing() -> None:
    presence = lever(found(), "presence-off").effects["realtime_presence"]
    assert (presence.factor, presence.low, presence.shown) == (0, 0, True)
    assert presence.high is not None
    assert presence.high < 0.01


def test_what_the_plan_has_none_of_saves_nothing() -> None:
    """At this size presence is over its limit, so the plan bills none."""
    dollars = lever(found(), "presence-off").dollars
    assert dollars is not None
    assert (dollars.low, dollars.likely, dollars.high) == (0, 0, 0)


@pytest.mark.parametrize("name", ["batch-25", "broadcast"])
def test_fewer_of_what_is_billed_is_money(name: str) -> None:
    dollars = lever(found(), name).dollars
    assert dollars is not None
    assert dollars.low <= dollars.likely < 0


def test_the_dearest_comes_first_and_nothing_last() -> None:
    ranked = found().ranked
    assert ranked[-1].name == "control-same"
    worth = [one.dollars.likely for one in ranked if one.dollars is not None]
    assert worth[:-1] == sorted(worth[:-1])


def test_one_round_is_unfinished() -> None:
    answered = found(rounds=1)
    assert {one.verdict for one in answered.levers} == {"unfinished"}
    assert {one.dollars for one in answered.levers} == {None}
    assert "unfinished" in rendered(answered)


def test_the_file_is_what_others_were_promised() -> None:
    """docs/levers.md, read by the plan."""
    document = json.loads(found().model_dump_json())
    assert document["format"] == 1
    assert {"made_at", "target", "profile", "seed", "rounds", "shipped", "levers", "dau"} <= document.keys()
    assert {"sessions", "swipes", "messages", "rates", "endpoints"} <= document["shipped"].keys()
    one = next(one for one in document["levers"] if one["name"] == "batch-25")
    assert one["settings"] == {"batch_size": 25, "batch_wait_s": 300.0}
    for kind in ("effects", "endpoints", "rates", "people"):
        for effect in one[kind].values():
            assert {"shipped", "lever", "factor", "low", "high", "shown"} <= effect.keys()
    assert {"requests", "rows", "wal_bytes", "database_ms", "realtime_messages", "invocations"} <= one["effects"].keys()
    assert LeversAnswer.model_validate(document) == LeversAnswer.model_validate_json(json.dumps(document))


def test_the_table_names_every_lever_and_its_arithmetic() -> None:
    text = rendered(found())
    assert all(name in text for name in NAMES)
    assert "does nothing" in text
    assert "arithmetic: -90 %" in text
    assert all(len(line) <= 200 for line in text.splitlines())


def test_the_page_shows_them_in_order_and_opens_offline() -> None:
    answered = found()
    page = render(answered)
    places = [page.index(f'href="#lever-{one.name}"') for one in answered.ranked]
    assert places == sorted(places)
    assert "http://" not in page
    assert "https://" not in page
    assert page.count('class="bar"') >= len(NAMES)


def test_a_bar_lies_within_its_cell() -> None:
    for one in found(scatter=0.2).levers:
        for effect in one.effects.values():
            if (drawn := bar(effect)) is not None:
                assert 0 <= drawn.left <= 100
                assert drawn.left + drawn.width <= 100.7
                assert 0 <= drawn.point <= 100
