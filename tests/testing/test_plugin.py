"""The pytest plugin inside a suite of somebody else's, by pytest's own pytester."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs.conftest import BRIEF, BRIEF_SLO

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own; the harness is importable, as where it is installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


ARGUMENTS = ("-p", "harness.testing.plugin", "-p", "no:locust", "-p", "no:randomly", "-p", "no:cacheprovider")


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess(*ARGUMENTS, *arguments, timeout=200)


def test_the_mark_is_known_and_can_be_left_out(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.harness("smoke")
        def test_load(harness_run):
            raise AssertionError("never")

        def test_other():
            pass
        """
    )
    result = run(suite, "--strict-markers", "-m", "not harness")
    result.assert_outcomes(passed=1, deselected=1)
    assert "harness(profile='smoke'" in run(suite, "--markers").stdout.str()


def test_what_is_refused_fails_the_test_with_what_was_said_and_is_asked_once(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.harness("no-such-profile")
        @pytest.mark.parametrize("number", [1, 2])
        def test_load(harness_run, number):
            pass
        """
    )
    result = run(suite)
    result.assert_outcomes(errors=2)
    said = result.stdout.str()
    assert "left no verdict (exit 2)" in said
    assert "no-such-profile" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("'smoke', 'nightly'", "names 2 profiles"),
        ("'smoke', dau=500_000", "does not know dau"),
    ],
)
def test_a_mark_that_cannot_be_meant(suite: pytest.Pytester, mark: str, says: str) -> None:
    suite.makepyfile(
        f"""
        import pytest

        @pytest.mark.harness({mark})
        def test_load(harness_run):
            pass
        """
    )
    result = run(suite)
    result.assert_outcomes(errors=1)
    assert says in result.stdout.str()


def test_a_run_that_takes_too_long_is_ended(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.harness("smoke", timeout_s=0.5)
        def test_load(harness_run):
            pass
        """
    )
    result = run(suite)
    result.assert_outcomes(errors=1)
    assert "did not end within 0.5 s" in result.stdout.str()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_run_is_a_test_and_two_tests_share_it(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        f"""
        import pytest

        pytestmark = pytest.mark.harness({str(BRIEF)!r}, slo={str(BRIEF_SLO)!r}, options=["--no-html"])

        def test_load(harness_run):
            harness_run.check(allow_inconclusive=True)
            assert harness_run.slo("Home feed, server")["samples"] > 0
            with pytest.raises(KeyError, match="Failed operations"):
                harness_run.slo("no such")

        def test_its_data(harness_run):
            assert harness_run.verdict["integrity"]["status"] == "held"
            assert harness_run.exit_code == harness_run.verdict["exit_code"]
        """
    )
    kept = suite.path / "kept"
    result = run(suite, "--harness-out", str(kept))
    result.assert_outcomes(passed=2)
    (verdict,) = kept.glob("pytest-0/*Z-*/verdict.json")
    assert json.loads(verdict.read_text())["facts"]["profile"] == "brief"
    again = run(suite, "--harness-out", str(kept))
    again.assert_outcomes(errors=2)
    assert "holds earlier runs" in again.stdout.str()
