"""The planned peak as a profile that a run takes as it is."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.core.behaviour import PERSONAS
from harness.core.draw import draw
from harness.core.errors import UsageError
from harness.core.profile import Profile
from harness.plan import CapacityPlan, PlanInputs, Prices, Range, load_prices, make, profile_toml
from harness.plan.capacity import figures
from harness.plan.profile_file import human, shares


@cache
def default() -> CapacityPlan:
    """Whose figures alone are replaced: a whole plan takes half a second."""
    return make(PlanInputs(), load_prices())


def written(folder: Path, text: str) -> Profile:
    path = folder / "profile.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def test_it_loads_and_holds_the_peak(tmp_path: Path, prices: Prices) -> None:
    inputs = PlanInputs()
    plan = make(inputs, prices)
    profile = written(tmp_path, profile_toml(plan, inputs))
    ramp, hold, cool = profile.arrivals
    assert max(stage.end_rate for stage in profile.arrivals) == pytest.approx(plan.figures.peak.arrivals, rel=1e-5)
    assert (ramp.rate, hold.rate, hold.to, cool.to) == (0, ramp.to, None, 0)
    assert hold.seconds == 480 + 15 * 60  # to settle, then to measure
    assert profile.phases.warmup_s == 2 * 480
    assert profile.phones >= plan.figures.peak.phones
    assert profile.people >= 2 * profile.phones
    assert profile.sandbox.people > profile.people
    assert profile.mix == pytest.approx(dict(inputs.mix))
    assert profile.behaviour["commuter"]["tunnels"] == load_profile("nightly").behaviour["commuter"]["tunnels"]


def test_sessions_last_as_long_as_the_plan_says(tmp_path: Path, prices: Prices) -> None:
    """Drawn as the personas draw them: a swiper's cards, a reader's pages, a chatter's messages take 8 minutes."""
    inputs = PlanInputs()
    behaviour = written(tmp_path, profile_toml(make(inputs, prices), inputs)).behaviour
    rng = random.Random(7)

    def each(persona: str, many: str, *lengths: str) -> float:
        count = round(draw(behaviour[persona][many], rng))
        return sum(draw(behaviour[persona][length], rng) for _ in range(count) for length in lengths)

    def once(persona: str, *lengths: str) -> float:
        return sum(draw(behaviour[persona][length], rng) for length in lengths)

    lasting: dict[str, Callable[[], float]] = {
        "swiper": lambda: each("swiper", "swipes", "dwell_s"),
        "commuter": lambda: each("commuter", "swipes", "dwell_s"),
        "reader": lambda: each("reader", "pages", "read_s"),
        "chatter": lambda: each("chatter", "messages", "typing_s", "read_s") + once("chatter", "read_s"),
        "searcher": lambda: each("searcher", "queries", "read_s") + 10 * 3,
        "assistant_user": lambda: each("assistant_user", "questions", "typing_s", "read_s"),
        "newcomer": lambda: each("newcomer", "likes", "pick_s") + once("newcomer", "form_s", "puzzled_s", "landing_s"),
    }
    assert lasting.keys() == set(PERSONAS)
    for persona, seconds in lasting.items():
        mean = statistics.fmean(seconds() for _ in range(3_000))
        assert mean == pytest.approx(480, rel=0.05), persona


def test_a_share_of_the_peak(tmp_path: Path, prices: Prices) -> None:
    inputs = PlanInputs()
    plan = make(inputs, prices)
    tenth = written(tmp_path, profile_toml(plan, inputs, minutes=2, scale=0.1))
    assert max(stage.end_rate for stage in tenth.arrivals) == pytest.approx(plan.figures.peak.arrivals / 10, rel=1e-5)
    assert tenth.phones < plan.figures.peak.phones / 5
    assert tenth.phases.measure_s == 2 * 60 + 240


@given(
    dau=st.floats(1, 5e6),
    minutes=st.floats(0.01, 2_000),
    session=st.floats(0.01, 120),
    swipes=st.tuples(st.floats(0, 200), st.floats(0, 200)).map(sorted),
    weights=st.lists(st.floats(0.001, 1), min_size=len(PERSONAS), max_size=len(PERSONAS)),
    pages=st.floats(0, 50),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_plan_becomes_a_valid_profile_or_is_refused_by_figure(
    dau: float,
    minutes: float,
    session: float,
    swipes: list[float],
    weights: list[float],
    pages: float,
    tmp_path: Path,
    prices: Prices,
) -> None:
    mix = {persona: weight / sum(weights) for persona, weight in zip(PERSONAS, weights, strict=True)}
    inputs = PlanInputs(
        dau=dau,
        session_minutes=session,
        mix=mix,
        swipes_per_session=Range(*swipes),
        feed_pages_per_session=pages,
    )
    plan = replace(default(), inputs=inputs, figures=figures(inputs, prices))
    sessions = plan.figures.peak.arrivals * (1.5 * session * 60 + minutes * 60 + max(60, session * 30) / 2)
    if sessions > 50_000_000:
        with pytest.raises(UsageError, match="sessions = "):
            profile_toml(plan, inputs, minutes=minutes)
    else:
        assert written(tmp_path, profile_toml(plan, inputs, minutes=minutes)).phones >= 1


def test_more_than_a_run_can_have_is_refused_by_figure(prices: Prices) -> None:
    inputs = PlanInputs(dau=1e10, session_minutes=60)
    with pytest.raises(UsageError, match=r"people = [\d,]+, more than 2,147,483,647") as caught:
        profile_toml(make(inputs, prices), inputs)
    assert "--scale" in caught.value.remedy
    inputs = PlanInputs(dau=1e9)
    with pytest.raises(UsageError, match=r"sessions = [\d,]+, more than 50,000,000"):
        profile_toml(make(inputs, prices), inputs)


@pytest.mark.parametrize(("name", "value"), [("minutes", 0.0), ("minutes", -1.0), ("scale", 0.0), ("scale", -0.5)])
def test_impossible_wishes(name: str, value: float, prices: Prices) -> None:
    inputs = PlanInputs()
    with pytest.raises(UsageError, match=f"{name} = {value}"):
        profile_toml(make(inputs, prices), inputs, **{name: value})


def test_shares_are_rounded_and_sum_to_one() -> None:
    assert shares({"swiper": 1 / 3, "reader": 2 / 3, "chatter": 0.0}) == {"swiper": 0.333333, "reader": 0.666667}


@pytest.mark.parametrize("mean", [0.01, 1.0, 11.3, 4000.0])
def test_human_times_have_the_mean_asked_for(mean: float) -> None:
    rng = random.Random(3)
    times = human(mean)
    drawn = [draw(times, rng) for _ in range(20_000)]
    assert statistics.fmean(drawn) == pytest.approx(mean, rel=0.02)
    assert max(drawn) <= 4 * mean * 1.001
