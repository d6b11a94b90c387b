from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.outcome import Outcome
from harness.core.tables import View
from reports.compare import compare
from reports.compare_rows import Comparison
from reports.frames import Frames, load
from reports.render import html as render_html
from reports.render import terminal
from reports.side_by_side import Entrant, lay
from reports.text import DASH
from tests.reports import build


def run_with(ms: float, *, name: str = "now", number: int = 200, failed: int = 0, **changes: Any) -> Frames:
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
    [(84, "faster"), (86, "ok"), (115, "ok"), (116, "slower"), (128, "slower"), (132, "regressed")],
)
def test_bounds(ms: float, change: str) -> None:
    found = against(run_with(ms), 100.0)
    assert [row.change for row in found.rows] == [change]
    assert found.rows[0].ratio == pytest.approx(ms / 100)
    assert bool(found.regressed) == (change == "regressed")


def test_a_regression_needs_five_milliseconds() -> None:
    assert against(run_with(15.0), 10.0).rows[0].change == "slower"
    assert against(run_with(15.1), 10.0).rows[0].change == "regressed"


def with_tail(body_ms: float, tail_ms: float, *, name: str = "now") -> Frames:
    """One sample of ten in the tail."""
    run = build.Run(build.manifest(run_id=name))
    run.spread([tail_ms if number % 10 == 0 else body_ms for number in range(200)])
    return load(run)


@pytest.mark.parametrize(("tail_ms", "change"), [(190.0, "slower"), (199.9, "slower"), (201.0, "regressed")])
def test_one_run_cannot_tell_a_longer_tail_alone_from_a_noisy_night_unless_it_doubles(
    tail_ms: float, change: str
) -> None:
    row = against(with_tail(80.0, tail_ms), 80.0, 100.0).rows[0]
    assert row.change == change
    assert ("a longer tail alone, the median is 80 ms, 100 ms before" in row.note) == (change == "slower")


def test_the_median_has_to_be_above_that_of_every_baseline_run() -> None:
    assert against(run_with(130.0), 100.0, 100.0, 114.0).rows[0].change == "slower"
    assert against(run_with(132.0), 100.0, 100.0, 114.0).rows[0].change == "regressed"


def test_the_median_has_to_move_by_more_than_a_scheduler_takes() -> None:
    before = with_tail(5.0, 10.0, name="before")
    assert compare(with_tail(6.9, 19.0), [before]).rows[0].change == "slower"
    assert compare(with_tail(7.1, 19.0), [before]).rows[0].change == "regressed"


@pytest.mark.parametrize(("lag_ms", "change"), [(1.0, "regressed"), (30.0, "slower")])
def test_what_the_generator_may_have_added_is_not_held_against_the_target(lag_ms: float, change: str) -> None:
    run = build.Run(build.manifest(run_id="now")).fit(lag_ms=lag_ms)
    run.spread([140.0] * 200)
    row = against(load(run), 100.0).rows[0]
    assert row.change == change
    assert ("the generator's own delays could have added" in row.note) == (change == "slower")


def several(tails_ms: Sequence[float], name: str) -> list[Frames]:
    return [with_tail(80.0, tail_ms, name=f"{name}-{number}") for number, tail_ms in enumerate(tails_ms)]


def test_three_runs_against_seven_tell_a_longer_tail_from_noise() -> None:
    before = several([100, 104, 98, 109, 95, 102, 130], "before")
    run, *also = several([135, 141, 160], "now")
    row = compare(run, before, also=also).rows[0]
    assert (row.change, row.note) == ("regressed", "p = 0.00013 in 3 against 7 runs")
    assert (row.p95, row.baseline_p95) == (141.0, 102.0)
    assert row.ratio == pytest.approx(141 / 102, abs=0.03)
    assert row.ratio_low is not None
    assert row.ratio_high is not None
    assert 1.1 < row.ratio_low < 141 / 102 < row.ratio_high < 1.8
    noisier, *others = several([90, 125, 150], "now")
    row = compare(noisier, before, also=others).rows[0]
    assert row.change == "slower"
    assert "chance explains it" in row.note
    assert "runs of each would tell it" in row.note


def test_with_few_runs_each_has_to_be_told_from_a_noisy_night_by_itself() -> None:
    run, *also = several([250, 260], "now")
    assert compare(run, several([100, 110], "before"), also=also).rows[0].change == "regressed"
    run, *also = several([250, 160], "now")
    row = compare(run, several([100, 110], "before"), also=also).rows[0]
    assert row.change == "slower"
    assert "more runs can tell" in row.note


def test_a_run_of_the_group_without_enough_samples_is_left_out() -> None:
    also = [run_with(900.0, name="few", number=59)]
    row = compare(run_with(100.0), [run_with(100.0, name="b")], also=also).rows[0]
    assert (row.change, row.p95, row.samples) == ("ok", 100.0, 200)


def test_the_baseline_is_the_median_of_the_runs() -> None:
    found = against(run_with(110.0), 100.0, 400.0, 104.0)
    assert (found.rows[0].baseline_p95, found.rows[0].change) == (104.0, "ok")


def test_samples_on_both_sides() -> None:
    few = run_with(500.0, number=2)
    assert against(few, 100.0).rows[0].change == "not enough samples"
    assert compare(run_with(500.0), [run_with(100.0, name="b", number=2)]).rows[0].change == "not enough samples"
    mixed = compare(run_with(500.0), [run_with(100.0, name="b"), run_with(900.0, name="c", number=59)])
    assert (mixed.rows[0].baseline_p95, mixed.rows[0].change) == (100.0, "regressed")


@pytest.mark.parametrize("number", [6, 47])
def test_a_tenfold_change_needs_no_hundred_samples(number: int) -> None:
    row = compare(run_with(1077.0, number=number), [run_with(61.0, name="b", number=number)]).rows[0]
    assert (row.change, row.figure) == ("regressed", "p50")
    assert "no answer" not in row.baseline_text + row.value_text
    assert row.interval_text.startswith("+")


def test_many_operations_are_judged_together() -> None:
    """A shift that one operation alone would be accused of is chance among thirty."""

    def run(name: str, slow: float) -> Frames:
        made = build.Run(build.manifest(run_id=name))
        for number in range(30):
            made.spread([slow if number == 0 else 100.0] * 100, operation=f"operation_{number}")
        return load(made)

    alone = compare(run_with(135.0), [run_with(100.0, name="b")]).rows[0]
    among = compare(run("now", 135.0), [run("b", 100.0)]).rows[0]
    assert (alone.change, among.change) == ("regressed", "slower")
    assert alone.chance == pytest.approx(among.chance)


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


def several_operations(name: str, factors: dict[str, float], **changes: Any) -> Frames:
    slos = (build.latency_slo("home_feed", 400.0), build.latency_slo("message_send", 400.0, view=View.E2E))
    run = build.Run(build.manifest(slos, run_id=name, **changes))
    for operation, factor in factors.items():
        for view in (View.SERVER, View.E2E):
            run.spread([100.0 * factor] * 200, operation=operation, view=view)
    return load(run)


def test_changes_come_first_by_effect_and_objectives_are_always_there() -> None:
    before = several_operations("b", {"home_feed": 1, "message_send": 1, "deck": 1, "diary": 1, "library": 1})
    now = several_operations("now", {"home_feed": 1, "message_send": 1, "deck": 3, "diary": 0.2, "library": 9})
    found = compare(now, [before])
    assert [row.operation for row in found.changed] == ["library", "library", "deck", "deck", "diary", "diary"]
    assert {(row.operation, row.view) for row in found.unchanged_slos} == {
        ("home_feed", "server"),
        ("message_send", "e2e"),
    }
    assert {(row.operation, row.view) for row in found.unchanged_others} == {
        ("home_feed", "e2e"),
        ("message_send", "server"),
    }
    lines = terminal.comparison(found)
    assert max(map(len, lines)) <= 80
    assert next(line.split()[0] for line in lines if "(server)" in line) == "regressed"
    assert any("home_feed (server)" in line for line in lines)
    assert "2 others unchanged (the page names them all)" in lines


def test_switches_and_versions_that_differ_are_named() -> None:
    before = several_operations("b", {"deck": 1}, notes=("sandbox switch delay_deck_ms=0",))
    changes = {"notes": ("sandbox switch delay_deck_ms=900",), "versions": {"python": "3.12.1"}}
    now = several_operations("now", {"deck": 1}, **changes)
    found = compare(now, [before])
    told = {one.name: one.values for one in found.differing}
    assert told["sandbox switch delay_deck_ms"] == ("900", "0")
    assert told["version: python"] == ("3.12.1", "3.11.7")
    page = lay([Entrant(now, None), Entrant(before, None)])
    assert ("sandbox switch delay_deck_ms", ("900", "0")) in [(row.name, row.cells) for row in page.tables[0].rows]
    html = render_html.side_by_side(page)
    assert html.index("What changed") < html.index("sandbox switch delay_deck_ms")


def test_the_figure_that_was_compared_is_the_one_that_is_shown() -> None:
    row = compare(run_with(1077.0, number=40), [run_with(61.0, name="b", number=40)]).rows[0]
    assert (row.change, row.now_text, row.before_text, row.times_text) == (
        "regressed",
        "1,077 ms p50",
        "61 ms p50",
        "\N{MULTIPLICATION SIGN} 17.7",
    )
    assert DASH in row.times_interval_text
