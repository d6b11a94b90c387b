"""The baseline rule: which nights, and what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from harness.history.choose import COUNT, FEWEST, WITH, Choice, Wanted, choose, flaky
from harness.history.machine import CANARY_RATIO
from harness.history.model import Night

NOW = datetime(2026, 1, 25, 3, tzinfo=UTC)
WANTED = Wanted("nightly", "staging", "staging", "d", canary_cpu_ms=30.0, canary_loopback_us=40.0)


def night(number: int, **changes: Any) -> Night:
    values: dict[str, Any] = {
        "run_id": f"r{number:04d}",
        "started_at": f"2026-01-{number:02d}T03:00:00Z",
        "profile": "nightly",
        "plan_digest": "d",
        "target": "staging",
        "environment": "staging",
        "verdict": "pass",
        "exit_code": 0,
        "branch": "main",
        "canary_cpu_ms": 30.0,
        "canary_loopback_us": 40.0,
    }
    return Night(**(values | changes))


def chosen(*nights: Night, wanted: Wanted = WANTED, without: tuple[str, ...] = ()) -> Choice:
    return choose(nights, wanted, {one.run_id for one in nights} - set(without), NOW)


def ids(choice: Choice) -> list[str]:
    return [one.run_id for one in choice.nights]


def test_the_last_k_good_runs_that_are_alike() -> None:
    others = [
        night(21, exit_code=10, verdict="fail"),
        night(22, plan_digest="other"),
        night(23, target="elsewhere"),
        night(24, profile="smoke"),
        night(20, complete=False),
    ]
    found = chosen(*(night(number) for number in range(8, 19)), *others)
    assert [one.run_id for one in found.also] == ["r0018", "r0017"], "they stand with this one"
    assert ids(found) == [f"r{number:04d}" for number in range(16, 16 - COUNT, -1)]
    assert found.notes == ()


def test_with_few_nights_each_of_them_is_a_baseline_and_none_stands_with_this_one() -> None:
    few = [night(number) for number in range(10, 10 + FEWEST + 1)]
    assert (ids(chosen(*few)), chosen(*few).also) == ([one.run_id for one in few[::-1]], ())
    one_more = chosen(*few, night(20))
    assert (len(one_more.also), len(one_more.nights)) == (WITH, FEWEST)


def test_another_branchs_nights_never_stand_with_this_one() -> None:
    nights = [night(number) for number in range(5, 20)]
    assert chosen(*nights, wanted=Wanted("nightly", "staging", "staging", "d", branch="main")).also == ()


def test_a_branch_alone() -> None:
    nights = (night(20), night(21, branch="topic"))
    assert ids(chosen(*nights)) == ["r0021", "r0020"]
    assert ids(chosen(*nights, wanted=Wanted("nightly", "staging", "staging", "d", branch="main"))) == ["r0020"]


@pytest.mark.parametrize("what", ["canary_cpu_ms", "canary_loopback_us"])
def test_a_machine_that_is_faster_or_slower_is_no_baseline(what: str) -> None:
    own = float(getattr(WANTED, what))
    near, fast, slow = (night(20 + n, **{what: own * f}) for n, f in enumerate((1.2, 1 / CANARY_RATIO - 0.05, 1.5)))
    assert ids(chosen(near, fast, slow)) == ["r0020"]
    none = chosen(fast, slow)
    assert none.nights == ()
    assert "2 runs" in none.notes[0]
    assert "canary" in none.notes[0]
    assert ids(chosen(night(20, **{what: None}))) == ["r0020"]


@pytest.mark.parametrize(
    ("nights", "without", "says"),
    [
        ((), (), "holds no run"),
        ((night(20, profile="smoke"),), (), "holds no run"),
        ((night(20, exit_code=10), night(21, exit_code=20)), (), "of 2 runs of nightly on staging none passed"),
        ((night(20),), ("r0020",), "none has its record kept"),
    ],
)
def test_why_there_is_none(nights: tuple[Night, ...], without: tuple[str, ...], says: str) -> None:
    (note,) = chosen(*nights, without=without).notes
    assert note.startswith("Compared with nothing: ")
    assert says in note


def test_a_stale_baseline_is_noted() -> None:
    (old,) = chosen(night(2)).notes
    assert "r0002, is 23 days old" in old
    bad = [night(number, exit_code=10) for number in range(20, 25)]
    (behind,) = chosen(night(19), *bad).notes
    assert "last 5 runs did not pass" in behind
    assert chosen(night(19), *bad[1:]).notes == ()


def test_a_commit_that_passed_and_failed_is_flaky() -> None:
    one = [night(1, commit="abc"), night(2, commit="abc", exit_code=10), night(3, commit="abc", exit_code=11)]
    (line,) = flaky(
        [*one, night(4, commit="fed"), night(5, commit="fed", exit_code=20), night(6), night(7, exit_code=10)]
    )
    assert line == "flaky: nightly on staging at abc passed 1 and failed 2 times (exit 10, 11)"
    assert flaky([night(1, commit="abc"), night(2, commit="abc", exit_code=10, plan_digest="other")]) == ()


def test_a_night_that_a_wrong_clock_dated_is_not_the_newest_for_ever() -> None:
    ahead = night(20, run_id="ahead", started_at="2027-01-01T03:00:00+00:00")
    found = chosen(*(night(number) for number in range(10, 19)), ahead)
    assert "ahead" not in ids(found) + [one.run_id for one in found.also]
    assert found.notes == (
        "Not compared with ahead: it is dated 2027-01-01T03:00, which is to come; a clock is wrong.",
    )
    alone = chosen(ahead)
    assert alone.nights == ()
    assert "is dated in what is to come" in alone.notes[0]


def test_a_slower_night_that_was_accepted_begins_a_new_baseline() -> None:
    """Otherwise what is wanted would be red for ever: no night after it passes, and none becomes a baseline."""
    before = [night(number) for number in range(8, 16)]
    slower = [night(number, exit_code=12, verdict="fail") for number in (16, 17, 18)]
    refused = chosen(*before, *slower)
    assert "r0016" not in ids(refused)
    every = [*before, *slower]
    recorded = {one.run_id for one in every}
    found = choose(every, WANTED, recorded, NOW, accepted={"r0017"})
    assert (ids(found), found.also) == (["r0017"], ())
    since = [*every, night(19), night(20)]
    found = choose(since, WANTED, recorded | {"r0019", "r0020"}, NOW, accepted={"r0017"})
    assert ids(found) == ["r0020", "r0019", "r0017"], "and what passed since; not the one before, nor the one after it"
    assert ids(choose(since, WANTED, recorded, NOW, accepted={"r0017", "gone"})) == ["r0017"]
