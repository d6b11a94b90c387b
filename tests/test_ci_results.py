"""How `.ci/run` puts its pytest runs together, and which slow tests a commit runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.ci_results import MOST_AGAIN, Answers, Tracked, close, read, tracked
from tests.slow_slices import LONGEST_S, slices

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 6, 1)
FLAKY = Tracked("t.py::flaky", "two cores", date(2026, 6, 1))

TESTS = """
import pathlib, pytest
def test_good(): pass
def test_bad(): assert 1 == 2
@pytest.mark.parametrize("word", ["a b"])
def test_once(word):
    seen = pathlib.Path(__file__).with_name("seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError("only the first time")
@pytest.mark.skip(reason="not here")
def test_skipped(): pass
"""


def answers(name: str, status: int | None = 1, **outcomes: str) -> Answers:
    reports = {f"t.py::{test}": [{"nodeid": f"t.py::{test}", "outcome": how}] for test, how in outcomes.items()}
    return Answers(name, dict(reports), status)


def outcomes(reports: list[dict[str, str]]) -> dict[str, str]:
    return {report["nodeid"]: report["outcome"] for report in reports}


def test_a_tracked_test_counts_by_its_second_answer() -> None:
    found = close([answers("fast", flaky="failed", good="passed")], answers("again", 0, flaky="passed"), [FLAKY], TODAY)
    assert outcomes(found.reports) == {"t.py::flaky": "passed", "t.py::good": "passed"}
    assert (found.as_tracked, found.not_tracked, found.still_failing) == (["t.py::flaky"], [], [])
    assert found.problems == {}


def test_one_that_nobody_tracks_fails_although_it_passed_at_last() -> None:
    found = close([answers("fast", other="failed")], answers("again", 0, other="passed"), [FLAKY], TODAY)
    assert outcomes(found.reports) == {"t.py::other": "failed"}
    assert found.not_tracked == ["t.py::other"]


def test_one_that_fails_twice_fails_tracked_or_not() -> None:
    found = close([answers("fast", flaky="failed")], answers("again", flaky="failed"), [FLAKY], TODAY)
    assert outcomes(found.reports) == {"t.py::flaky": "failed"}
    assert found.still_failing == ["t.py::flaky"]


def test_one_that_was_not_asked_again_fails() -> None:
    found = close([answers("fast", flaky="failed")], Answers("again"), [FLAKY], TODAY)
    assert outcomes(found.reports) == {"t.py::flaky": "failed"}


def test_an_entry_whose_date_has_passed_fails_even_when_nothing_was_asked_twice() -> None:
    found = close([answers("fast", 0, good="passed")], Answers("again"), [FLAKY], date(2026, 6, 2))
    assert list(found.problems) == ["asked-again.toml::t.py::flaky"]


@pytest.mark.parametrize("status", [2, 3, 4, None])
def test_a_run_that_was_interrupted_or_never_ended_fails(status: int | None) -> None:
    assert "slow" in close([answers("slow", status, good="passed")], Answers("again"), [], TODAY).problems


def test_no_results_are_a_failure() -> None:
    assert close([], Answers("again"), [], TODAY).problems


def test_an_entry_without_parameters_covers_all_of_them_and_no_longer_name() -> None:
    assert FLAKY.covers("t.py::flaky[a b]")
    assert not FLAKY.covers("t.py::flaky_too")


def test_the_shipped_list_has_reasons_dates_and_tests_that_exist() -> None:
    for entry in tracked():
        module, _, name = entry.id.partition("::")
        assert entry.reason
        assert f"def {name.partition('[')[0]}(" in (ROOT / module).read_text(encoding="utf-8"), entry.id


def test_sixteen_commits_in_a_row_of_slices_run_every_slow_test_once_and_long_ones_apart() -> None:
    limits = {f"tests/test_{number}.py::test_it": 900.0 if number % 10 == 0 else 60.0 for number in range(160)}
    found = slices(limits | {"tests/test_day.py::test_it": LONGEST_S + 1})
    assert sorted(name for one in found for name in one) == sorted(limits)
    assert {len(one) for one in found} == {10}
    assert {sum(limits[name] for name in one) for one in found} == {8 * 60.0 + 900.0 + 60.0}
    assert found == slices(dict(reversed(limits.items())))


def test_slices_stay_even_whatever_is_added() -> None:
    chance = random.Random(4)
    for number in (9, 60, 117, 400):
        limits = {f"t.py::test_{one}": chance.choice([60.0, 120.0, 120.0, 300.0, 900.0]) for one in range(number)}
        sums = [sum(limits[name] for name in one) for one in slices(limits)]
        assert sum(sums) == sum(limits.values())
        assert max(sums) - min(sums) <= max(limits.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "results").mkdir()
    return tmp_path


def run_pytest(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """In a process of its own, with our plugin. Status, and lines of output."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.ci_results", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=ours | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # starts faster
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout.strip().splitlines()


def ask_twice(folder: Path, *how: str) -> list[str]:
    """As `.ci/run` does; the tests that were asked again."""
    run_pytest(folder, *how, "--record", "results/fast.jsonl")
    command = [sys.executable, "-m", "tests.ci_results", str(folder / "results")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    (folder / "failed").write_text(done.stdout)
    run_pytest(folder, "--record", "results/again.jsonl", "@failed")
    return done.stdout.splitlines()


@pytest.mark.parametrize("how", [(), ("-p", "xdist", "-n", "2", "--dist", "loadgroup")], ids=["one process", "workers"])
def test_the_closing_lines_are_pytests_own_over_all_runs(folder: Path, how: tuple[str, ...]) -> None:
    asked = ask_twice(folder, *how)
    assert sorted(asked) == ["test_some.py::test_bad", "test_some.py::test_once[a b]"]
    status, lines = run_pytest(folder, "--closing", "results")
    assert status == 1
    assert "2 failed, 1 passed, 1 skipped in" in lines[-1]
    assert "2 tests were asked twice: 0 tracked, 1 not tracked, 1 failed again" in lines
    assert any("only the first time" in line for line in lines), lines


def test_all_good_is_a_pass(folder: Path) -> None:
    run_pytest(folder, "-k", "good or skipped", "--record", "results/fast.jsonl")
    assert read(folder / "results" / "fast.jsonl").status == 0
    status, lines = run_pytest(folder, "--closing", "results")
    assert status == 0, lines
    assert "1 passed, 1 skipped in" in lines[-1]
    assert "0 tests were asked twice: 0 tracked, 0 not tracked, 0 failed again" in lines


def test_what_was_skipped_is_named_with_its_reason(folder: Path) -> None:
    """As our own settings have it (`-ra`)."""
    run_pytest(folder, "-k", "good or skipped", "--record", "results/fast.jsonl", "-ra")
    status, lines = run_pytest(folder, "--closing", "results", "-ra")
    assert status == 0, lines
    assert any(line.startswith("SKIPPED") and "not here" in line for line in lines), lines


def test_a_module_that_cannot_be_collected_is_a_failure(folder: Path) -> None:
    (folder / "test_broken.py").write_text("import nothing_of_that_name\n")
    run_pytest(folder, "--record", "results/fast.jsonl")
    status, lines = run_pytest(folder, "--closing", "results")
    assert status == 1
    assert any("not all tests could be collected" in line for line in lines), lines


def test_when_nearly_everything_fails_nothing_is_asked_again(folder: Path) -> None:
    cases = f'import pytest\n@pytest.mark.parametrize("n", range({MOST_AGAIN + 1}))\ndef test_bad(n): assert 0\n'
    (folder / "test_some.py").write_text(cases)
    assert ask_twice(folder) == []


def test_a_step_that_is_no_test_run_fails_with_what_it_said(folder: Path) -> None:
    run_pytest(folder, "-k", "good", "--record", "results/fast.jsonl")
    (folder / "results" / "ratios.problem").write_text("wire, GET is 31% worse, 3 times running\n")
    (folder / "results" / "other.said").write_text("all is well\n")
    status, lines = run_pytest(folder, "--closing", "results")
    assert status == 1
    assert "1 failed, 1 passed in" in lines[-1]
    assert any("wire, GET is 31% worse" in line for line in lines), lines
    assert not any("all is well" in line for line in lines), lines


def test_what_ci_judges_beside_tests_reaches_the_summary_when_it_fails(tmp_path: Path) -> None:
    """The function of `.ci/run` itself."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    start = script.index("judged() {")
    function = script[start : script.index("\n}\n", start) + 3]
    steps = "judged good echo well\njudged bad sh -c 'echo no; exit 3'\necho on"
    command = f"set -euo pipefail; results={tmp_path}\n{function}{steps}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["well", "no", "on"]
    assert {path.name: path.read_text() for path in tmp_path.glob("*.problem")} == {"bad.problem": "no\n"}
    assert "judged ratios make ratios\n" in script
