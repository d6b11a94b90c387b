from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.outcome import Outcome
from harness.record.schema import View
from reports.compare import Comparison, compare
from reports.frames import Frames, load
from tests.reports import build


def run_with(ms: float, *, name: str = "now", number: int = 200, failed: int = 0, **changes: object) -> Frames:
    run = build.Run(build.manifest(run_id=name, **changes))
    run.spread([ms] * number)
    if failed:
        run.spread([1.0] * failed, outcome=Outcome.TIMEOUT)
    run.add(2, 60_000.0, number=500)
    return load(run)


def against(now: Frames, *before: float) -> Comparison:
    return compare(now, [run_with(ms, name=f"before-{index}") for index, ms in enumerate(before)])


@pytest.mark.parametrize(
    ("ms", "change"),
    [(84, "faster"), (86, "ok"), (115, "ok"), (116, "slower"), (125, "slower"), (126, "regressed")],
)
def test_bounds(ms: float, change: str) -> None:
    found = against(run_with(ms), 100.0)
    assert [row.change for row in found.rows] == [change]
    assert found.rows[0].ratio == pytest.approx(ms / 100)
    assert bool(found.regressed) == (change == "regressed")


def test_a_regression_needs_five_milliseconds() -> None:
    assert against(run_with(15.0), 10.0).rows[0].change == "slower"
    assert against(run_with(15.1), 10.0).rows[0].change == "regressed"


def test_the_baseline_is_the_median_of_the_runs() -> None:
    found = against(run_with(110.0), 100.0, 400.0, 104.0)
    assert (found.rows[0].baseline_p95, found.rows[0].change) == (104.0, "ok")


def test_samples_on_both_sides() -> None:
    few = run_with(500.0, number=99)
    assert against(few, 100.0).rows[0].change == "not enough samples"
    assert compare(run_with(500.0), [run_with(100.0, name="b", number=99)]).rows[0].change == "not enough samples"
    mixed = compare(run_with(500.0), [run_with(100.0, name="b"), run_with(900.0, name="c", number=99)])
    assert (mixed.rows[0].baseline_p95, mixed.rows[0].change) == (100.0, "regressed")


def test_operations_that_came_or_went_are_shown() -> None:
    now = build.Run(build.manifest(run_id="now"))
    now.spread([10.0] * 200, operation="new", view=View.E2E)
    found = compare(load(now), [run_with(100.0, name="b")])
    assert {(row.operation, row.view, row.change) for row in found.rows} == {
        ("home_feed", "server", "not enough samples"),
        ("new", "e2e", "not enough samples"),
    }


def test_failing_now_is_a_regression_and_failing_before_is_not() -> None:
    found = against(run_with(100.0, failed=20), 100.0)
    assert (found.rows[0].change, found.rows[0].p95, found.rows[0].ratio) == ("regressed", None, None)
    assert "no answer" in found.sentence
    healed = compare(run_with(100.0), [run_with(100.0, name="b", failed=20)])
    assert healed.rows[0].change == "faster"


def test_unlike_runs_are_refused_unless_forced() -> None:
    now = run_with(100.0)
    unlike = {
        "nightly": run_with(100.0, name="b", profile=build.profile(name="nightly")),
        "people": run_with(100.0, name="b", profile=build.profile(people=49)),
        "staging": run_with(100.0, name="b", target_environment="staging"),
        "not a complete run": run_with(100.0, name="b", status="aborted"),
        "is the run itself": run_with(100.0),
    }
    for word, baseline in unlike.items():
        with pytest.raises(UsageError, match=word):
            compare(now, [baseline])
        forced = compare(now, [baseline], force=True)
        assert word in forced.notes[0]
        assert forced.rows[0].change == "ok"


def test_seed_and_description_may_differ() -> None:
    assert not compare(
        run_with(100.0), [run_with(100.0, name="b", profile=build.profile(seed=9, description="x"))]
    ).notes


def test_no_baseline_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        compare(run_with(1.0), [])
