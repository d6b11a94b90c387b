"""What the steps of a search mean together: what gave way first, the knee, two deployments, people a day."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.capacity.hunt import Hunt, hunt
from harness.capacity.search import Capacity, Kind, SearchLimits
from harness.capacity.state import Asked, SearchState, resumed, save
from harness.capacity.step import Figure, Step
from harness.capacity.step_profile import at_rate, highest_rate, objectives, people_for, timing_for
from harness.capacity.worth import worth
from harness.cli.capacity import _told
from harness.config.load import load_profile, load_slo_file
from harness.core.errors import ExitCode, UsageError
from harness.core.slo import Claim
from harness.plan import PlanInputs, load_prices
from harness.run.run_request import RunRequest
from harness.schedule.arrivals import plan
from reports.capacity.answer import CapacityAnswer, SideAnswer, compared, first_to_give_way, knee, side_answer
from reports.capacity.limiting import NOT_KNOWN
from reports.render import capacity_page

SERVICE_S, CAPACITY = 0.05, 20.0


def step(rate: float, word: str = "pass", resource: str = "", limit: float = 400.0, side: str = "") -> Step:
    """Of a queue that is as fast as it can be at nothing."""
    value = 1000 * SERVICE_S / max(0.02, 1 - rate / CAPACITY)
    return Step.model_validate(
        {
            "rate": rate,
            "word": word,
            "side": side,
            "began": rate,
            "requests": rate * 40,
            "good": min(rate, CAPACITY) * 5,
            "operations": rate * 5,
            "error_share": 0.0,
            "figures": (
                Figure(
                    name="Feed",
                    value=value,
                    text=f"{value:.0f} ms",
                    limit=limit,
                    limit_text=f"{limit:.0f} ms",
                    met=value < limit,
                ),
            ),
            "resource": resource,
            "evidence": "seen" if resource else "",
        }
    )


def test_the_lowest_rate_that_failed_says_what_gave_way_first() -> None:
    steps = [step(10), step(40, "fail", "the CPU"), step(18, "fail", "locks"), step(19, "fail", "locks")]
    missed, resource, evidence = first_to_give_way(steps)
    assert missed.startswith("Feed, 500 ms of 400 ms at 18")
    assert (resource, evidence) == ("locks", "seen")


def test_a_neighbour_that_saw_it_speaks_for_one_that_saw_nothing() -> None:
    steps = [step(18, "fail", NOT_KNOWN), step(19, "fail", "locks"), step(40, "fail", "the CPU")]
    assert first_to_give_way(steps)[1] == "locks"


def test_the_knee_is_where_power_is_highest() -> None:
    found, _ = knee([step(rate) for rate in (2, 4, 8, 10, 12, 16, 17)])
    assert found == 10, "half of the capacity, for a queue like this"
    assert knee([step(1), step(2)])[0] is None
    none, note = knee([step(rate) for rate in (1, 2, 4)])
    assert none is None
    assert "above 4" in note


def answered(side: str, low: float, high: float) -> SideAnswer:
    steps = [step(low, side=side), step(high, "fail", side=side)]
    return side_answer(side, f"target {side}", steps, Capacity("interval", low, high), None, None)


def test_two_deployments_differ_only_where_their_intervals_do() -> None:
    assert "No difference is shown" in compared([answered("A", 10, 11), answered("B", 10.5, 11.5)])
    assert compared([answered("A", 10, 11), answered("B", 5, 5.5)]) == "A carries 82 % to 120 % more than B."


def test_people_a_day_are_the_plans() -> None:
    inputs, prices = PlanInputs(), load_prices()
    peak = worth(1.0, None, inputs, prices)
    whole = worth(peak.planned_sessions, peak.planned_requests, inputs, prices)
    assert whole.people == pytest.approx(inputs.dau)
    assert whole.headroom == pytest.approx(1)
    light = worth(peak.planned_sessions, peak.planned_requests / 2, inputs, prices)
    assert light.people == pytest.approx(inputs.dau / 2), "sessions that ask for less are worth less"


def test_a_step_has_the_rate_that_was_asked_and_is_level() -> None:
    profile = load_profile("smoke")
    timing = timing_for(profile, None, 60, 5)
    made = at_rate(profile, 1.5, timing)
    begun = plan(made.arrivals, made.mix, made.people, made.seed).instants_s
    measured = begun[begun >= timing.settle_s]
    assert len(measured) == pytest.approx(90, abs=3)
    assert not made.chaos
    assert made.phones <= made.people
    with pytest.raises(UsageError, match="need more than the profile's"):
        at_rate(profile, highest_rate(profile) * 1.01, timing)
    more = profile.model_copy(update={"people": people_for(profile, 9)})
    assert at_rate(more, 9, timing).phones > 9 * 30


def test_objectives_of_a_step_are_judged_by_the_figure() -> None:
    assert {one.claim for one in objectives(load_slo_file().slo)} == {Claim.POINT}


def test_a_search_is_resumed_only_as_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path
    asked = Asked(
        profile="smoke", targets=("a",), start=1, lowest=0.1, highest=9, within=0.1, steps=9, tries=2, confirm=2,
        settle_s=9, measure_s=9, cool_s=1, seed=1,
    )  # fmt: skip
    state = SearchState(asked=asked).with_(step(1)).with_(step(2, "fail", "locks"))
    save(folder, state)
    assert resumed(folder, asked) == state
    with pytest.raises(UsageError, match=r"within was 0.1, now 0.2"):
        resumed(folder, asked.model_copy(update={"within": 0.2}))
    with pytest.raises(UsageError, match="no search to go on with"):
        resumed(folder / "elsewhere", asked)


def test_a_search_goes_on_against_the_same_deployment_alone(tmp_path: Path) -> None:
    """A target file that was changed meanwhile has the same name: half of the answer would be another deployment's."""
    asked = Asked(
        profile="smoke", targets=("a",), urls=("https://one.example.com",), objectives_digest="1", start=1, lowest=0.1,
        highest=9, within=0.1, steps=9, tries=2, confirm=2, settle_s=9, measure_s=9, cool_s=1, seed=1,
    )  # fmt: skip
    save(tmp_path, SearchState(asked=asked).with_(step(1)))
    with pytest.raises(UsageError, match=r"urls was .*one.example.com.*, now .*two.example.com"):
        resumed(tmp_path, asked.model_copy(update={"urls": ("https://two.example.com",)}))
    with pytest.raises(UsageError, match=r"objectives_digest was 1, now 2"):
        resumed(tmp_path, asked.model_copy(update={"objectives_digest": "2"}))
    text = (tmp_path / "capacity.json").read_text(encoding="utf-8")
    (tmp_path / "capacity.json").write_text(text.replace('"version": 1', '"version": 2'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot be gone on with: version: .* 1"):
        resumed(tmp_path, asked)


def test_profile_and_objectives_have_the_same_digest_in_every_process() -> None:
    ask = "from harness.run.resumed_state import digest; from harness.config.load import *; " + (
        "print(digest(load_profile('nightly')), digest(load_slo_file()))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", ask], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_the_page_shows_every_step_and_loads_nothing() -> None:
    side = answered("", 17, 18)
    page = capacity_page.render(CapacityAnswer(profile="smoke", sides=(side,)))
    assert "carries 17 to 18 sessions/s" in page
    assert page.count("<tr>") == 1 + len(side.steps)
    assert "default-src 'none'" in page
    for title in ("Latency against throughput", "Good work against throughput", "Errors against throughput"):
        assert title in page


@pytest.mark.parametrize(
    ("sides", "code"),
    [
        ([(2.0, 3.0)], ExitCode.PASS),
        ([(0.5, 0.9)], ExitCode.SLO_MISSED),
        ([(None, 0.9)], ExitCode.SLO_MISSED),
        ([(0.5, 1.5)], ExitCode.INCONCLUSIVE),
        ([(0.5, None)], ExitCode.INCONCLUSIVE),  # at least so much: no higher rate was allowed, none failed
        ([(None, 1.5)], ExitCode.INCONCLUSIVE),
        ([(2.0, 3.0), (0.5, 0.9)], ExitCode.SLO_MISSED),
        ([(0.5, None), (0.5, 0.9)], ExitCode.SLO_MISSED),
        ([(2.0, 3.0), (0.5, None)], ExitCode.INCONCLUSIVE),
    ],
)
def test_too_little_is_said_of_what_is_known_to_be(
    sides: list[tuple[float | None, float | None]], code: ExitCode, tmp_path: Path
) -> None:
    """Rates as shares of what the plan's people need."""
    inputs, prices = PlanInputs(), load_prices()
    peak = worth(1.0, None, inputs, prices).planned_sessions

    def side(name: str, low: float | None, high: float | None) -> SideAnswer:
        kind: Kind = "interval" if low and high else ("at least" if low else "below")
        found = Capacity(kind, low and low * peak, high and high * peak)
        values = (None if one is None else worth(one * peak, None, inputs, prices) for one in (low, high))
        return side_answer(name, "t", [step(1)], found, *values)

    made = [side(name, *ends) for name, ends in zip("AB", sides, strict=False)]
    answer = CapacityAnswer(profile="smoke", sides=tuple(made), compared=compared(made))
    assert _told(answer, tmp_path, needed=True) is code
    assert _told(answer, tmp_path, needed=False) is ExitCode.PASS


def test_answers_of_two_deployments_keep_their_order_whichever_was_found_first(tmp_path: Path) -> None:
    """Each stands beside its target by its place: an answer that came first under the other's name would praise it."""
    asked = Asked(
        profile="smoke", targets=("old", "new"), start=1, lowest=0.1, highest=2, within=0.5, steps=9, tries=2,
        confirm=1, settle_s=9, measure_s=9, cool_s=1, seed=1,
    )  # fmt: skip
    state = SearchState(asked=asked)
    found = (step(1, side="A"), step(1, side="B"), step(2, "fail", side="B"), step(1.4, "fail", side="A"))
    for one in (*found, step(1.2, "fail", side="B")):
        state = state.with_(one)
    profile = load_profile("smoke")
    ask = RunRequest(profile, "smoke", (), tmp_path, sandbox_url="http://127.0.0.1:9")
    limits = SearchLimits(start=1, highest=2, lowest=0.1, within=0.5, steps=9, confirm=1)
    made = Hunt({"A": ask, "B": ask}, limits, timing_for(profile, None, 60, 5), tmp_path, _nobody, _nobody, _nobody)
    _, answers = hunt(made, state)
    assert list(answers) == ["A", "B"]
    assert (answers["A"].high, answers["B"].high) == (1.4, 1.2)


def _nobody(*_: object) -> Any:
    raise AssertionError("every step was made already")
