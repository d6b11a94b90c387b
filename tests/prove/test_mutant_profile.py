"""The run of the mutation proof makes rare calls so often that a mutant of them is no chance."""

from __future__ import annotations

import math

import pytest

from harness.config.load import load_profile
from harness.prove.mutants.catalogue import CALL_OPERATORS
from harness.prove.mutants.operators.base import CallOperator
from harness.prove.mutants.trials import PROFILE
from harness.schedule.arrivals import plan
from reports.intervals import Evidence

FAILING = ("client_error", "closed", "no_reply", "server_error", "slow_tail")
FEWEST = 5
"""Calls in the measure phase from which on one in three or four that fails is sure."""
SESSIONS = {"swiper": 4, "reader": 10, "chatter": 14, "searcher": 5, "commuter": 3, "assistant_user": 5, "newcomer": 7}
"""What makes each of their calls that often: a newcomer signs up once, a reader opens home once, half of all chatters
ask for a new chat."""


@pytest.mark.parametrize("operator", [one for one in CALL_OPERATORS if one.name in FAILING], ids=lambda one: one.name)
@pytest.mark.parametrize("calls", [*range(FEWEST, 30), 60])
def test_what_fails_one_in_so_many_times_is_sure_from_five_calls_on(operator: CallOperator, calls: int) -> None:
    assert Evidence(calls, math.ceil(calls / operator.one_in), float(calls), 0.01, apart=True).missed


def test_each_persona_comes_often_enough_and_early_enough() -> None:
    profile = load_profile(PROFILE)
    schedule = plan(profile.arrivals, profile.mix, profile.people, profile.seed)
    end = profile.phases.warmup_s + profile.phases.measure_s
    in_time = (schedule.instants_s >= profile.phases.warmup_s) & (schedule.instants_s < end - 2)
    found = {name: int((in_time & (schedule.persona == at)).sum()) for at, name in enumerate(schedule.personas)}
    assert {name: found[name] >= least for name, least in SESSIONS.items()} == dict.fromkeys(SESSIONS, True), found


def test_it_is_no_more_than_two_cores_carry() -> None:
    """With 59 sessions, 487 requests in the busiest second, healthy runs passed."""
    profile = load_profile(PROFILE)
    assert len(plan(profile.arrivals, profile.mix, profile.people, profile.seed)) <= 60
