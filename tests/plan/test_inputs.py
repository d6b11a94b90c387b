"""Impossible figures are refused by name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.plan import PlanInputs, Range
from harness.plan.inputs import EVENING, MIX

FLAT = (1 / 24,) * 24


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Lets refusals pass that name the figure; anything else is a failure."""
    try:
        yield
    except UsageError as error:
        if name not in str(error):
            raise AssertionError(f"{error} does not name {name}") from error
        raise


@pytest.mark.parametrize(
    ("values", "figure"),
    [
        ({"dau": -1}, "dau = -1"),
        ({"dau": 0}, "dau = 0"),
        ({"dau": math.nan}, "dau = nan"),
        ({"dau": math.inf}, "dau = inf"),
        ({"dau": 1e11}, "dau = 1e+11"),
        ({"dau": "many"}, "dau = 'many'"),
        ({"dau": True}, "dau = True"),
        ({"sessions_per_day": -0.5}, "sessions_per_day = -0.5"),
        ({"session_minutes": 0}, "session_minutes = 0"),
        ({"session_minutes": 1441}, "session_minutes = 1441"),
        ({"live_share": 1.01}, "live_share = 1.01"),
        ({"group_size": 1}, "group_size = 1"),
        ({"mau_per_dau": 0.5}, "mau_per_dau = 0.5"),
        ({"swipes_per_session": Range(60, 25)}, "swipes_per_session = 60-25"),
        ({"swipes_per_session": Range(-1, 25)}, "swipes_per_session = -1"),
        ({"swipes_per_session": 40.0}, "swipes_per_session = 40.0"),
        ({"dau": Range(1, 2)}, "dau = Range"),
        ({"browser": 1}, "browser = 1"),
        ({"curve": FLAT[:23]}, "curve = 23 numbers"),
        ({"curve": (2 / 24, *FLAT[1:])}, "sum of curve = 1.04166667"),
        ({"curve": (-1 / 24, 3 / 24, *FLAT[2:])}, "curve[0] = -0.0416667"),
        ({"curve": 7}, "curve = 7"),
        ({"mix": {"swiper": 0.5, "reader": 0.4}}, "sum of mix = 0.9"),
        ({"mix": {"swiper": 1.5, "reader": -0.5}}, "mix.reader = -0.5"),
        ({"mix": {"swipper": 1.0}}, "mix = swipper"),
        ({"mix": {"swiper": "half"}}, "mix.swiper = 'half'"),
        ({"mix": {}}, "sum of mix = 0"),
        ({"mix": 3}, "mix = 3"),
        ({"messaging_share": 0.31}, "messaging_share = 0.31"),
    ],
)
def test_the_wrong_figure_is_named(values: dict[str, Any], figure: str) -> None:
    with pytest.raises(UsageError) as caught:
        PlanInputs(**values)
    assert figure in caught.value.what
    assert caught.value.where
    assert caught.value.remedy


def test_the_remedy_of_a_sum_and_of_a_typing_error() -> None:
    with pytest.raises(UsageError, match=r"adjust one share by \+0\.1"):
        PlanInputs(mix={"swiper": 0.5, "reader": 0.4})
    with pytest.raises(UsageError, match="did you mean swiper"):
        PlanInputs(mix={"swipper": 1.0})
    with pytest.raises(UsageError, match="did you mean session_minutes"):
        PlanInputs().changed(sesion_minutes=3)


def test_defaults_are_the_manuals() -> None:
    inputs = PlanInputs()
    assert (inputs.dau, inputs.sessions_per_day, inputs.session_minutes) == (500_000, 1.5, 8)
    assert (inputs.swipes_per_session, inputs.messages_per_person) == (Range(25, 60), Range(5, 30))
    assert math.fsum(EVENING) == pytest.approx(1, abs=1e-12)
    assert max(EVENING) * 24 == pytest.approx(2.5, abs=0.01)
    assert math.fsum(MIX.values()) == pytest.approx(1, abs=1e-12)


def test_inputs_cannot_be_changed_from_outside() -> None:
    mix = {"swiper": 1.0}
    inputs = PlanInputs(mix=mix)
    mix["swiper"] = 0.0
    assert inputs.mix["swiper"] == 1.0


@given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.lists(st.floats())))
def test_whatever_stands_there_is_taken_or_refused_by_name(value: Any) -> None:
    for name in ("dau", "mix", "curve", "group_size", "swipes_per_session", "messaging_share", "browser"):
        with contextlib.suppress(UsageError), _named(name):
            PlanInputs(**{name: value})
