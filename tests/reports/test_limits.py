"""Limits of the platform that a run met are named in plain words, in the verdict's sentence and in every report."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.core.platform_limits import LIMITS, key_of, limit_of, parts_of
from harness.core.slo import CatchAll
from harness.core.tables import View
from reports.frames import load
from reports.render import html, summary, terminal, verdict_json
from reports.verdict import Verdict, judge, judge_frames
from tests.reports import build


def run_that_met(*limits: tuple[str, str, int]) -> build.Run:
    """A healthy minute in which these limits were met: code, call, times."""
    run = build.Run(build.manifest((build.latency_slo(),), catch_all=CatchAll())).fit()
    run.spread([90.0] * 300)
    for code, call, times in limits:
        for number in range(times):
            at = build.START + number % build.MEASURE_S
            run.add(at, 30.0, operation=key_of(code, call), view=View.LIMIT, outcome=Outcome.QUOTA)
    return run


def met(*limits: tuple[str, str, int]) -> Verdict:
    return judge(run_that_met(*limits).finished())


def test_a_run_that_met_none_says_nothing_of_them() -> None:
    found = met()
    assert found.limits == ()
    assert "platform" not in found.sentence
    assert not any("limits of the platform" in line for line in terminal.plain(found, Path("runs/x")))


def test_limits_are_counted_by_code_and_call_and_change_no_exit_code() -> None:
    found = met(("PGRST003", "home_feed", 7), ("IDLE_TIMEOUT", "swipe_deck", 2), ("PGRST003", "own_stats", 4))
    assert found.exit_code == ExitCode.PASS, found.reasons
    pool, idle = found.limits
    assert (pool.code, pool.times, pool.calls) == ("PGRST003", 11, {"home_feed": 7, "own_stats": 4})
    assert pool.text == (
        "No database connection became free in time, the API's pool was taken (504): 11 times, PGRST003 "
        "(home_feed 7, own_stats 4)"
    )
    assert (idle.code, idle.times) == ("IDLE_TIMEOUT", 2)
    assert found.sentence.endswith(
        " Limits of the platform were met: no database connection became free in time, the API's pool was taken "
        "(504), 11 times; a function did not begin to answer in the platform's time (504), 2 times."
    )


def test_every_report_names_them() -> None:
    frames = load(run_that_met(("WORKER_RESOURCE_LIMIT", "swipe_deck", 3)).finished())
    found = judge_frames(frames)
    stream = io.StringIO()
    terminal.write(found, Path("runs/x"), stream)
    for text in (stream.getvalue(), summary.render(found), verdict_json.render(found), html.render(found, frames)):
        words = " ".join(text.replace("\\", "").split())  # Markdown escapes, the terminal wraps
        assert "WORKER_RESOURCE_LIMIT" in words
        assert "for want of CPU, memory or time" in words


@pytest.mark.parametrize("code", sorted(LIMITS))
def test_each_limit_has_words_of_its_own_and_a_name_that_comes_apart_again(code: str) -> None:
    assert limit_of(code) == code
    assert parts_of(key_of(code, "home_feed")) == (code, "home_feed")
    assert sum(words == LIMITS[code] for words in LIMITS.values()) == 1


def test_what_older_platforms_said_is_the_same_limit_and_other_codes_are_none() -> None:
    assert limit_of("WORKER_LIMIT") == "WORKER_RESOURCE_LIMIT"
    assert {limit_of(code) for code in ("", "RATE_LIMIT", "42501", "PGRST116", "upgrade_429")} == {""}
