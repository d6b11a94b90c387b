"""What smaller steps say of larger ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.core.errors import ExitCode
from harness.rehearse.projection import project, queueing, should_leave
from harness.rehearse.state import StepFigure, StepOutcome

FEED, LIMIT = "Home feed, server", 400.0


def step(
    share: float,
    value: float | None,
    *,
    spread: float = 0.1,
    code: ExitCode = ExitCode.PASS,
    fit: bool = True,
    machine: float | None = None,
) -> StepOutcome:
    low, high = (None, None) if value is None else (value * (1 - spread), value * (1 + spread))
    return StepOutcome(
        share=share,
        rate=share * 20,
        run=f"run-{share:g}",
        planned_sessions=100,
        requests=1000,
        requests_per_s=10,
        verdict="pass",
        exit_code=int(code),
        sentence="as it was",
        generator_fit=fit,
        machine_share=machine,
        figures=(StepFigure(name=FEED, value=value, limit=LIMIT, low=low, high=high),),
    )


@given(
    capacity=st.floats(1, 1000),
    service=st.floats(1, 1000),
    at=st.lists(st.floats(0.01, 0.98), min_size=3, max_size=3, unique=True),
)
def test_two_steps_of_a_queue_give_its_third(capacity: float, service: float, at: list[float]) -> None:
    a, b, c = (share * capacity for share in sorted(at))
    assume(b - a > 0.01 * capacity)

    def latency(rate: float) -> float:
        return service / (1 - rate / capacity)

    assert queueing(a, latency(a), b, latency(b), c) == pytest.approx(latency(c), rel=1e-4)
    assert math.isinf(queueing(a, latency(a), b, latency(b), capacity * 1.01))


@given(a=st.floats(1, 1000), b=st.floats(1, 1000), rate=st.floats(2.01, 1000))
def test_a_projection_never_falls_below_what_was_seen(a: float, b: float, rate: float) -> None:
    assert queueing(1, a, 2, b, rate) >= min(b, a) * (1 - 1e-9)
    assert queueing(1, a, 2, b, rate) >= b * (1 - 1e-9)


def test_the_interval_holds_the_projection() -> None:
    (one,) = project([step(0.01, 100), step(0.1, 104)], 20)
    assert one.low is not None
    assert one.value is not None
    assert one.low <= one.value
    assert one.high is None or one.high >= one.value


def test_one_step_knows_no_slope_and_stops_nothing() -> None:
    (one,) = project([step(0.01, 100)], 20)
    assert (one.value, one.high) == (100, None)
    assert should_leave([step(0.01, 100)], 20) is None
    assert should_leave([], 20) is None


def test_what_certainly_will_not_fit_is_not_tried() -> None:
    leave = should_leave([step(0.01, 100, spread=0.01), step(0.1, 200, spread=0.01)], 20)
    assert leave is not None
    assert leave.code == ExitCode.SLO_MISSED
    assert FEED in leave.why


def test_what_may_fit_is_tried() -> None:
    assert should_leave([step(0.01, 100, spread=0.5), step(0.1, 110, spread=0.5)], 20) is None


@pytest.mark.parametrize("code", [ExitCode.SLO_MISSED, ExitCode.ABORTED])
def test_a_step_that_was_too_much_is_the_last(code: ExitCode) -> None:
    leave = should_leave([step(0.1, 100, code=code)], 20)
    assert leave is not None
    assert leave.code == code


def test_too_few_samples_stop_nothing_and_a_generator_in_doubt_does() -> None:
    assert should_leave([step(0.01, None, code=ExitCode.INCONCLUSIVE)], 20) is None
    leave = should_leave([step(0.01, 100, code=ExitCode.INCONCLUSIVE, fit=False)], 20)
    assert leave is not None
    assert leave.code == ExitCode.INCONCLUSIVE


def test_a_step_that_the_generator_ended_says_nothing_of_the_target() -> None:
    given_up = step(0.1, 100, code=ExitCode.ABORTED).model_copy(update={"generator_ended_it": True})
    leave = should_leave([given_up], 20)
    assert leave is not None
    assert leave.code == given_up.code == ExitCode.INCONCLUSIVE
    assert leave.why.startswith("the generator was in doubt at 10%")


def test_a_generator_that_will_have_no_cpu_left_is_no_miss_of_the_target() -> None:
    leave = should_leave([step(0.01, 100, machine=0.02), step(0.1, 100, machine=0.2)], 20)
    assert leave is not None
    assert leave.code == ExitCode.INCONCLUSIVE
    assert "CPU" in leave.why
