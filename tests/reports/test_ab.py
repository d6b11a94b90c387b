"""Two deployments loaded at the same time: what is told, what cancels, and what nothing can be said of."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports.ab.judge import answer
from reports.ab.model import AbAnswer
from reports.ab.paired import Samples, ratio
from reports.ab.rounds import Round
from reports.frames import Frames, load
from reports.render import ab as shown
from tests.reports import build

SLICES = 20
ZERO = 1_800_000_000.0


def samples(source: np.random.Generator, number: int, *, factor: float = 1.0, levels: Any = None) -> Samples:
    """Log-normal latencies around 20 ms. levels: of each slice, what everything in it is multiplied by."""
    place = source.integers(0, SLICES, number)
    level = np.ones(SLICES) if levels is None else np.asarray(levels)
    values = 20_000 * factor * level[place] * source.lognormal(0.0, 0.4, number)
    return Samples(place, np.round(values), np.ones(number, dtype="int64"))


def side(seed: int, number: int, *, epoch: float = ZERO, **how: Any) -> Frames:
    """The frames of a run of one deployment in one round."""
    changes: dict[str, Any] = {"run_id": f"run-{seed}-{number}", "zero_epoch_s": epoch + number * 100}
    return load(build.realistic(seed + 10 * number, **how, **changes))


def rounds(*, base: dict[str, Any] | None = None, head: dict[str, Any] | None = None) -> list[Round]:
    return [Round(side(1, number, **(base or {})), side(2, number, **(head or {}))) for number in range(2)]


def asked(found: list[Round]) -> AbAnswer:
    return answer(found, "main", "change")


# ---- one figure ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percentile", [50.0, 95.0])
def test_thirty_percent_are_told_with_an_interval_that_holds_them(percentile: float) -> None:
    source = np.random.default_rng(1)
    found = ratio(samples(source, 900), samples(source, 900, factor=1.3), SLICES, percentile)
    low, high = found.interval()
    assert low < 1.3 < high
    assert low > 1.05
    assert found.chance < 0.001


def test_what_hits_both_alike_cancels() -> None:
    """Half of the time everything takes three times as long, at both."""
    source = np.random.default_rng(2)
    levels = np.where(np.arange(SLICES) % 2 == 0, 3.0, 1.0)
    both = [samples(source, 4000, levels=levels) for _ in range(2)]
    alone = ratio(samples(source, 4000), both[1], SLICES, 50.0)
    found = ratio(both[0], both[1], SLICES, 50.0)
    assert found.error < alone.error / 2
    assert found.interval()[0] < 1.0 < found.interval()[1]
    assert found.interval()[1] < 1.2


def test_what_hits_one_of_them_in_a_few_slices_is_no_precise_answer() -> None:
    source = np.random.default_rng(3)
    levels = np.where(np.arange(SLICES) < 3, 4.0, 1.0)
    quiet = ratio(samples(source, 900), samples(source, 900), SLICES, 95.0)
    hit = ratio(samples(source, 900), samples(source, 900, levels=levels), SLICES, 95.0)
    assert hit.error > 3 * quiet.error


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    source = np.random.default_rng(4)
    held = 0
    for _ in range(120):
        levels = source.lognormal(0.0, 0.2, SLICES)
        pair = [samples(source, 300, levels=levels) for _ in range(2)]
        low, high = ratio(pair[0], pair[1], SLICES, 50.0).interval()
        held += low <= 1.0 <= high
    assert held >= 110


def test_a_percentile_on_a_failure_has_no_ratio() -> None:
    source = np.random.default_rng(5)
    sound = samples(source, 100)
    failing = Samples(sound.slice, np.where(np.arange(100) < 10, math.inf, sound.value_us), sound.count)
    found = ratio(sound, failing, SLICES, 95.0)
    assert (found.told, found.head_us, found.chance) == (False, math.inf, 1.0)
    assert ratio(sound, failing, SLICES, 50.0).told


def test_too_few_slices_say_nothing() -> None:
    source = np.random.default_rng(6)
    one = samples(source, 500)
    squeezed = Samples(one.slice % 4, one.value_us, one.count)
    assert not ratio(squeezed, squeezed, 4, 50.0).told


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.2, 5.0), percentile=st.sampled_from([50.0, 95.0]))
def test_the_ratio_is_one_of_latencies_and_turns_over_with_its_sides(
    seed: int, factor: float, percentile: float
) -> None:
    source = np.random.default_rng(seed)
    base, head = samples(source, 80), samples(source, 70, factor=factor)
    there, back = ratio(base, head, SLICES, percentile), ratio(head, base, SLICES, percentile)
    assert there.shift == pytest.approx(-back.shift)
    assert there.error == pytest.approx(back.error)
    tenfold = [Samples(one.slice, one.value_us * 10, one.count) for one in (base, head)]
    assert ratio(tenfold[0], tenfold[1], SLICES, percentile).shift == pytest.approx(there.shift)


# ---- the answer ------------------------------------------------------------------------------------------------------


def test_no_change_passes() -> None:
    found = asked(rounds())
    assert (found.verdict, found.exit_code) == ("pass", 0), found.sentence
    assert found.regressed == ()
    assert found.slices >= 16


def test_a_slower_deck_is_named_with_its_effect() -> None:
    found = asked(rounds(head={"slow": 1.3}))
    assert (found.verdict, found.exit_code) == ("fail", 12)
    assert {row.operation for row in found.regressed} == {"swipe_deck"}
    row = found.regressed[0]
    assert row.ratio_low is not None
    assert row.ratio_high is not None
    assert row.ratio_low < 1.3 < row.ratio_high
    assert found.sentence.startswith("swipe_deck (")
    assert "% slower (95 % interval +" in found.sentence


def test_a_faster_one_is_no_regression() -> None:
    found = asked(rounds(head={"slow": 0.6}))
    assert found.exit_code == 0
    assert any(row.change == "faster" and row.operation == "swipe_deck" for row in found.rows)


def test_failures_at_the_head_are_a_regression() -> None:
    found = asked(rounds(head={"bad": 0.2}))
    assert found.exit_code == 12
    assert "fails at the head, and did not at the base" in " ".join(found.reasons)


def test_an_operation_that_only_one_side_answers_is_no_pass() -> None:
    found = rounds()
    silent = [Round(one.base, _without(one.head, "home_feed")) for one in found]
    said = asked(silent)
    assert said.exit_code == 20
    assert "home_feed (server) was answered 0 times at the head" in " ".join(said.reasons)


def test_few_samples_are_too_little_to_say() -> None:
    found = asked(thinned())
    assert found.exit_code == 20
    assert "no operation that an objective names was measured often enough" in found.sentence
    assert any(note.startswith("Not compared, too few samples: ") for note in found.notes)


def test_what_was_measured_often_and_wandered_is_too_little_to_say() -> None:
    """Every six seconds another level, of each deployment's feed by itself: neither more nor less can be told."""
    source = np.random.default_rng(7)
    found = rounds()
    for one in found:
        for frame in (one.base.samples, one.head.samples):
            levels = source.lognormal(0.0, 1.2, 100)[(frame["second"] // 6).to_numpy()]
            feed = frame["operation"] == "home_feed"
            frame["value_us"] = frame["value_us"].where(~feed, frame["value_us"] * levels)
    said = asked(found)
    assert said.exit_code == 20, said.sentence
    assert "can be neither told nor excluded" in " ".join(said.reasons)


def test_what_the_runs_themselves_found_is_said() -> None:
    found = answer(rounds(), "main", "change", ["The head's run of round 1: three writes are gone."])
    assert found.exit_code == 0
    assert "three writes are gone" in shown.summary(found)


def test_rounds_that_do_not_count_are_said() -> None:
    first, second = rounds()
    apart = Round(side(1, 5), side(2, 5, epoch=ZERO + 3600))
    found = asked([first, second, apart])
    assert found.exit_code == 0
    assert found.rounds[2].problem
    assert any("Round 3 does not count" in note for note in found.notes)
    alone = asked([apart])
    assert alone.exit_code == 20
    assert "measured together for less than" in alone.sentence


def test_what_the_heads_generator_made_is_no_regression() -> None:
    """The head's replies waited 60 ms for its own generator, and its record says so."""
    late = rounds()
    for one in late:
        one.head.samples["value_us"] = one.head.samples["value_us"] + 60_000.0
        for frame in (one.head.samples, one.head.generator):
            frame["bucket_us"] = frame["bucket_us"] + 60_000
    found = asked(late)
    assert found.regressed == ()
    assert any("the head's own generator" in row.note for row in found.rows)


def _without(frames: Frames, operation: str) -> Frames:
    return _of(frames, frames.samples[frames.samples["operation"] != operation])


def thinned() -> list[Round]:
    """A few samples of each operation at each deployment."""
    found = rounds(base={"rate": 1}, head={"rate": 1})
    return [
        Round(*(_of(side, side.samples.sample(frac=0.04, random_state=1)) for side in (one.base, one.head)))
        for one in found
    ]


def _of(frames: Frames, samples: pd.DataFrame) -> Frames:
    return Frames(frames.manifest, True, samples, frames.generator, frames.arrivals, frames.health, frames.traffic)


# ---- as it is shown --------------------------------------------------------------------------------------------------


def test_the_comment_names_operation_effect_and_command() -> None:
    found = asked(rounds(head={"slow": 1.3}))
    text = shown.comment(found, command="harness ab --base-code .harness-base", job_url="https://github.com/a/b/1")
    first, *_ = text.splitlines()
    assert first.startswith("<!-- movinesta-harness: ab ")
    assert "❌ FAIL" in text
    assert "**swipe\\_deck**" in text
    assert found.regressed[0].ratio_text in text
    assert found.regressed[0].interval_text in text
    assert "<pre>harness ab --base-code .harness-base</pre>" in text


def test_terminal_summary_junit_and_remarks_agree() -> None:
    found = asked(rounds(head={"slow": 1.3}))
    lines = shown.terminal(found)
    assert all(len(line) <= 100 for line in lines)
    assert lines[-1] == "exit code: 12 (slower than the base)"
    assert "REGRESSED" in shown.summary(found)
    root = ElementTree.fromstring(shown.junit(found).partition("\n")[2])
    assert int(root.get("failures", "0")) == len(found.regressed)
    assert root.get("errors") == "0"
    assert [one.level for one in shown.remarks(found)][: len(found.regressed)] == ["error"] * len(found.regressed)
    assert AbAnswer.model_validate_json(found.model_dump_json()) == found


def test_too_little_to_say_is_red_in_junit_and_a_warning() -> None:
    found = asked(thinned())
    root = ElementTree.fromstring(shown.junit(found).partition("\n")[2])
    assert int(root.get("errors", "0")) >= 1
    assert {one.level for one in shown.remarks(found) if one.title == "too little to say"} == {"warning"}
    assert json.loads(found.model_dump_json())["verdict"] == "inconclusive"


def test_hostile_names_are_no_markup() -> None:
    run = build.realistic(1, zero_epoch_s=ZERO)
    for second in range(10, 60):
        run.add(second, 5.0, operation="<b>@all</b>", view=View.SERVER, outcome=Outcome.OK)
    frames = load(run)
    found = asked([Round(frames, frames)])
    text = shown.comment(found)
    assert "<b>" not in text
    assert "@all" not in text
