"""Abort rules fire after their grace period, on what they are meant for, and on nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.phase_window import Window
from harness.core.profile import Abort
from harness.core.slo import LatencySlo
from harness.core.tables import Phase, View
from harness.load.abort_rules import AbortRules
from harness.record.recorder import Recorder

FEED = LatencySlo(name="Feed", operation="home_feed", view=View.SERVER, limit_ms=100.0)
WINDOWS = (Window(phase=Phase.MEASURE, start_s=0, end_s=100),)


def batch(good: int, bad: int = 0, *, ms: float = 10.0, view: View = View.SERVER, outcome: Outcome = Outcome.TIMEOUT):  # type: ignore[no-untyped-def]
    recorder = Recorder(WINDOWS)
    for number in range(good + bad):
        what = Outcome.OK if number < good else outcome
        recorder.sample(view, "generator" if view is View.LAG else "home_feed", what, 1.0, ms / 1000)
    taken = [one.batch() for one in recorder.take()]
    return taken[0] if taken else None


def first_firing(watch: AbortRules, batches: list) -> tuple[int, str] | None:  # type: ignore[type-arg]
    """One batch a second; when the watch first gives a reason, and which."""
    for second, one in enumerate(batches):
        if one is not None:
            watch.absorb(one, float(second))
        if reason := watch.reason(float(second)):
            return second, reason
    return None


def test_errors_must_last_for_the_grace_period() -> None:
    rules = Abort(window_s=5, grace_s=8, min_samples=20, error_share=0.5)
    fired = first_firing(AbortRules(rules, ()), [batch(20)] * 10 + [batch(2, 18)] * 20)
    assert fired is not None
    # more than half of the last 5 s failed from second 12 on; 8 s later it has held long enough
    assert fired[0] == 20
    assert fired[1] == (
        "abort rule: more than 50 % of all requests failed for 8 s without a break; in the last 5 s 90 of 100 samples"
    )


def test_a_break_starts_the_grace_period_anew() -> None:
    rules = Abort(window_s=2, grace_s=8, min_samples=20, error_share=0.5)
    bad, good = [batch(2, 18)] * 7, [batch(60)]
    assert first_firing(AbortRules(rules, ()), (bad + good) * 4) is None
    assert first_firing(AbortRules(rules, ()), (bad + good) * 4 + bad * 2) is not None


def test_a_percentile_beyond_the_multiple_of_its_limit() -> None:
    rules = Abort(window_s=5, grace_s=3, min_samples=20, p95_multiple=3.0)
    fired = first_firing(AbortRules(rules, (FEED,)), [batch(20, ms=310.0)] * 9)
    assert fired is not None
    assert "Feed: p95 was 3 times its limit or more" in fired[1]
    assert first_firing(AbortRules(rules, (FEED,)), [batch(20, ms=280.0)] * 9) is None
    assert first_firing(AbortRules(rules, (FEED,)), [batch(10, 10)] * 9) is not None  # no answer is slower than any
    refused = [batch(10, 10, outcome=Outcome.RATE_LIMITED)] * 9
    assert first_firing(AbortRules(rules, (FEED,)), refused) is None  # a refusal is an answer


def test_a_generator_that_cannot_keep_up() -> None:
    rules = Abort(window_s=5, grace_s=3, min_samples=20, generator=True)
    assert first_firing(AbortRules(rules, ()), [batch(100, ms=30.0, view=View.LAG)] * 9) is not None
    assert first_firing(AbortRules(rules, ()), [batch(100, ms=15.0, view=View.LAG)] * 9) is None


def test_without_rules_nothing_ends_a_run() -> None:
    bad = [batch(0, 100)] * 100
    assert first_firing(AbortRules(None, (FEED,)), bad) is None
    assert first_firing(AbortRules(Abort(grace_s=0), (FEED,)), bad) is None


@settings(max_examples=25, deadline=None)
@given(
    seconds=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=60),
    window=st.integers(1, 10),
    grace=st.integers(0, 15),
    share=st.floats(0.05, 0.95),
    least=st.integers(1, 60),
)
def test_it_fires_when_every_look_of_the_grace_period_was_bad(
    seconds: list[tuple[int, int]], window: int, grace: int, share: float, least: int
) -> None:
    rules = Abort(window_s=window, grace_s=grace, min_samples=least, error_share=share)
    watch = AbortRules(rules, ())
    looks: list[bool] = []
    for at, (good, bad) in enumerate(seconds):
        if (one := batch(good, bad)) is not None:
            watch.absorb(one, float(at))
        recent = seconds[max(0, at - window + 1) : at + 1]
        samples, failed = sum(g + b for g, b in recent), sum(b for _, b in recent)
        looks.append(samples >= least and failed > share * samples)
        expected = len(looks) > grace and all(looks[-grace - 1 :])
        assert bool(watch.reason(float(at))) == expected


def test_memory_is_bounded_by_the_window() -> None:
    watch = AbortRules(Abort(window_s=5, error_share=0.5, generator=True), ())
    for second in range(60):
        watch.absorb(batch(5), float(second))
        watch.reason(float(second))
    assert all(len(rule.seen) <= 6 for rule in watch._rules)
