"""Calls that a run makes a few times: what is sure of them is a miss, what is not is told with what it would take."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.distributions import Constant
from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.core.slo import CatchAll
from harness.core.tables import View
from harness.record.manifest import Neighbours
from reports.catch_all import CatchAllRow
from reports.intervals import APART_S, LEAST_APART, SURE, Evidence, apart
from reports.statistics import binomial
from reports.verdict import Verdict, judge
from tests.reports import build

Sample = tuple[int, float, Outcome]
"""Second of the measure phase, milliseconds, outcome."""


def run_with(samples: Iterable[Sample], *, view: View = View.SERVER, **changes: object) -> build.Run:
    """A healthy minute, and a call that came so rarely."""
    run = build.Run(build.manifest((build.latency_slo(),), catch_all=CatchAll(), **changes)).fit()
    run.spread([90.0] * 300)
    for second, took_ms, outcome in samples:
        run.add(build.START + second, took_ms, operation="unfollow", view=view, outcome=outcome)
    return run.finished()


def judged(samples: Iterable[Sample], *, view: View = View.SERVER, **changes: object) -> tuple[Verdict, CatchAllRow]:
    found = judge(run_with(samples, view=view, **changes))
    assert found.catch_all is not None
    return found, next(row for row in found.catch_all.rows if row.name == "unfollow")


def failing(at: Iterable[int], of: int) -> list[Sample]:
    """One call every five seconds; those with these numbers fail."""
    bad = set(at)
    return [(5 * n, 20.0, Outcome.SERVER_ERROR if n in bad else Outcome.OK) for n in range(of)]


def slow(at: Iterable[int], of: int, took_ms: float, outcome: Outcome = Outcome.OK) -> list[Sample]:
    late = set(at)
    return [(5 * n, took_ms if n in late else 20.0, outcome if n in late else Outcome.OK) for n in range(of)]


# ---- failures ---------------------------------------------------------------------------------------------------


def test_two_of_five_that_fail_are_a_miss_where_one_in_a_hundred_may() -> None:
    found, row = judged(failing((0, 4), 5))
    assert (row.failures, row.telling) == ("missed", None)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "unfollow (server): 2 of 5 failed (server_error)" in found.sentence


def test_two_that_fail_in_the_same_moment_are_one_mishap() -> None:
    same = [(20, 20.0, Outcome.NETWORK), (21, 20.0, Outcome.NETWORK)]
    found, row = judged([*same, *((30 + 3 * n, 20.0, Outcome.OK) for n in range(5))])
    assert (row.failures, found.exit_code) == ("unshown", ExitCode.PASS)
    assert "Too rarely to be sure: unfollow (server) 2 of 7 failed" in found.sentence


@pytest.mark.parametrize("of", [1, 2, 3])
def test_one_of_three_at_most_is_a_doubt_that_says_how_many_would_tell(of: int) -> None:
    found, row = judged(failing((0,), of))
    assert (row.failures, found.exit_code) == ("doubt", ExitCode.INCONCLUSIVE)
    assert row.telling == 2 * of
    assert f"unfollow (server): 1 of {of} failed (server_error); too few to be sure; {2 * of} like these" in (
        found.sentence
    )


def test_one_of_eight_is_told_and_passes() -> None:
    found, row = judged(failing((3,), 8))
    assert (row.failures, found.exit_code) == ("unshown", ExitCode.PASS)
    assert row.telling is not None
    assert f"unfollow (server) 1 of 8 failed ({row.telling} like these would be a miss)" in found.sentence


def test_two_of_sixteen_may_be_chance() -> None:
    bad = {0, 15}
    every_four = [(4 * n if n < 15 else 59, 20.0, Outcome.TIMEOUT if n in bad else Outcome.OK) for n in range(16)]
    _, row = judged(every_four)
    assert row.failures == "unshown"


def test_nothing_that_fails_is_hinted_at_in_a_healthy_run() -> None:
    found, row = judged(failing((), 4))
    assert (row.failures, row.latency, row.telling) == ("unshown", "unshown", None)
    assert "Too rarely" not in found.sentence


# ---- replies that are as good as none -----------------------------------------------------------------------------


def test_three_of_eleven_replies_after_15_s_are_a_miss_where_the_limit_is_2() -> None:
    found, row = judged(slow((0, 4, 8), 11, 15_000.0))
    assert (row.latency, row.overdue) == ("missed", 3)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "unfollow (server): p95 15.0 s of 2,000 ms, 3 of 11 took 5,000 ms or more" in found.sentence


def test_waits_that_the_phone_gave_up_after_long_count_like_replies_as_long() -> None:
    _, row = judged(slow((0, 4, 8), 11, 6_000.0, Outcome.GAVE_UP))
    assert (row.latency, row.overdue) == ("missed", 3)
    _, early = judged(slow((0, 4, 8), 11, 900.0, Outcome.GAVE_UP))
    assert (early.latency, early.overdue) == ("unshown", 0)


def test_joins_that_no_answer_came_to_in_chats_that_were_left_are_a_miss() -> None:
    """As long as people stayed in half a minute's chats, of which one join in three was not answered."""
    waited = {7: 5_300.0, 10: 6_400.0, 12: 5_800.0, 20: 6_500.0, 31: 8_700.0, 36: 5_300.0}
    given_up = [(second, took_ms, Outcome.GAVE_UP) for second, took_ms in waited.items()]
    _, row = judged([*given_up, (21, 10_000.0, Outcome.TIMEOUT), *((2 * n, 6.0, Outcome.OK) for n in range(16))])
    assert row.status == "missed"
    assert row.overdue >= len(given_up)


# ---- requests that people left ------------------------------------------------------------------------------------


LEFT = slow((1, 4, 8), 11, 1_500.0, Outcome.GAVE_UP)


def test_requests_that_people_left_after_many_times_the_usual_wait_were_not_answered() -> None:
    found, row = judged(LEFT)
    assert (row.failures, row.samples, row.failed, row.left) == ("missed", 11, 3, 3)
    assert found.exit_code == ExitCode.SLO_MISSED
    assert "unfollow (server): 3 of 11 never answered: people left after 1,000 ms and more, where a reply takes 20" in (
        found.sentence
    )


def test_those_beyond_the_latency_limit_are_counted_once() -> None:
    _, row = judged(
        [
            *slow((0,), 1, 3_000.0, Outcome.GAVE_UP),
            *((5 + second, took_ms, outcome) for second, took_ms, outcome in LEFT),
        ]
    )
    assert (row.failures, row.samples, row.failed, row.left) == ("missed", 12, 4, 4)


def test_requests_let_go_of_soon_are_the_apps_own_way() -> None:
    found, row = judged(slow((0, 4, 8), 11, 700.0, Outcome.GAVE_UP))
    assert (row.failures, row.left, found.exit_code) == ("unshown", 0, ExitCode.PASS)


def test_where_replies_take_as_long_the_target_is_slow_and_people_leave_some() -> None:
    as_long = [(2 + 15 * n, 1_600.0, Outcome.OK) for n in range(3)]
    _, row = judged([*LEFT, *as_long])
    assert (row.failures, row.left) == ("unshown", 0)


def test_one_stall_in_which_people_left_accuses_nobody() -> None:
    stall = [(20 + n, 1_500.0, Outcome.GAVE_UP) for n in range(3)]
    _, row = judged([*stall, *((30 + 2 * n, 20.0, Outcome.OK) for n in range(12))])
    assert (row.failures, row.left) == ("unshown", 0)


@pytest.mark.parametrize(("persona", "left"), [("chatter", 0), ("swiper", 3)])
def test_what_people_in_tunnels_left_is_nobodys_fault(persona: str, left: int) -> None:
    """Each of three people waited once: where it may have been their tunnel, nobody is accused."""
    run = run_with(LEFT, profile=build.profile(behaviour={"chatter": {"tunnels": Constant(dist="constant", value=2)}}))
    for ticket in range(3):
        run.session(
            build.START + 20 * ticket, build.START + 20 * ticket, build.START + 20 * ticket + 15, persona=persona
        )
        call = {"ticket": ticket, "worker": 0, "call": "unfollow", "requests": 3, "failed": 0, "seconds": 1.5}
        run.requests.append(call | {"bytes_out": 0, "bytes_in": 0, "rows": 0})
    found = judge(run.finished()).catch_all
    assert found is not None
    assert next(row for row in found.rows if row.name == "unfollow").left == left


def test_a_crowded_machine_puts_what_people_left_in_doubt_as_far_as_it_explains_it() -> None:
    found, row = judged(LEFT, neighbours=Neighbours(seconds=60, crowded=40, share=0.6))
    assert (row.failures, found.exit_code) == ("doubt", ExitCode.INCONCLUSIVE)
    assert "other programs on this machine" in found.sentence


def test_over_the_limit_and_not_overdue_is_for_the_percentile_alone() -> None:
    _, row = judged(slow((0, 4, 8), 11, 3_000.0))
    assert (row.latency, row.slow, row.overdue) == ("unshown", 3, 0)


def test_one_stall_of_the_target_makes_no_overdue_miss() -> None:
    stall = [(20, 9_000.0, Outcome.OK), (20, 8_000.0, Outcome.OK), (21, 7_500.0, Outcome.OK)]
    _, row = judged([*stall, *((30 + 2 * n, 20.0, Outcome.OK) for n in range(12))])
    assert (row.latency, row.overdue) == ("unshown", 3)


def test_one_of_two_that_is_overdue_is_a_doubt() -> None:
    found, row = judged(slow((1,), 2, 9_500.0))
    assert (row.latency, found.exit_code) == ("doubt", ExitCode.INCONCLUSIVE)
    assert "too few to be sure; 4 like these would be a miss" in found.sentence


def test_what_people_wait_for_end_to_end_is_not_asked_for_overdue_replies() -> None:
    _, row = judged(slow((0, 4, 8), 11, 60_000.0), view=View.E2E)
    assert (row.latency, row.overdue, row.overdue_ms) == ("unshown", 0, None)


def test_a_crowded_machine_is_an_excuse_as_far_as_it_explains_so_much() -> None:
    crowded = Neighbours(seconds=60, crowded=40, share=0.6)
    found, row = judged(slow((0, 4, 8), 11, 9_000.0), neighbours=crowded)
    assert (row.latency, found.exit_code) == ("doubt", ExitCode.INCONCLUSIVE)
    assert "other programs on this machine" in row.note
    lightly = crowded.model_copy(update={"share": 0.11, "crowded": 3})
    _, row = judged(slow((0, 4, 8), 11, 15_000.0), neighbours=lightly)
    assert row.latency == "missed"


# ---- the statistics -------------------------------------------------------------------------------------------


@given(samples=st.integers(2, 400), bad=st.integers(0, 20), allowed=st.sampled_from([0.005, 0.01, 0.05]))
def test_a_miss_by_two_is_as_sure_as_any_other(samples: int, bad: int, allowed: float) -> None:
    known = Evidence(samples, min(bad, samples), float(samples), allowed, apart=True)
    sure = binomial.lower(min(bad, samples), samples, SURE) > allowed
    assert known.missed == (sure and known.bad >= LEAST_APART)
    together = Evidence(samples, known.bad, float(samples), allowed)
    assert known.missed or not together.missed, "what is a miss by one mishap is one by more"


@given(samples=st.integers(1, 60), bad=st.integers(1, 5))
def test_as_many_as_it_says_would_be_a_miss(samples: int, bad: int) -> None:
    bad = min(bad, samples)
    telling = Evidence(samples, bad, float(samples), 0.01).telling
    assert telling is not None
    assert telling >= samples
    assert Evidence(telling, round(telling * bad / samples + 0.5), float(telling), 0.01, apart=True).missed


def test_moments_are_apart_by_when_the_bad_ones_began() -> None:
    frame = pd.DataFrame({"second": [10, 10 + int(APART_S), 40], "count": [1, 1, 1]})
    assert apart(frame, pd.Series([True, True, False]))
    assert not apart(frame, pd.Series([True, False, False]))
    assert not apart(frame.assign(second=[10, 11, 40]), pd.Series([True, True, False]))
    assert not apart(frame, pd.Series([False, False, False]))
