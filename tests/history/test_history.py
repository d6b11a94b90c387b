"""The history's file and its commands."""

from __future__ import annotations

import json
import multiprocessing
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.core.errors import UsageError
from harness.history.model import Night, OperationFigures
from harness.history.store import HistoryStore
from reports.report import VERDICT, report
from tests.reports import build


def night(number: int, p95: float = 100.0, **changes: Any) -> Night:
    values: dict[str, Any] = {
        "run_id": f"r{number:04d}",
        "started_at": f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T03:00:00Z",
        "profile": "nightly",
        "plan_digest": "d",
        "target": "staging",
        "environment": "staging",
        "verdict": "pass",
        "exit_code": 0,
        "commit": f"{number:040x}",
        "operations": (OperationFigures(operation="home_feed", view="server", samples=900, p95=p95),),
    }
    return Night(**(values | changes))


def filled(path: Path, *nights: Night) -> Path:
    with HistoryStore(path) as store:
        for one in nights:
            store.add(one)
    return path


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["history", "--file", str(path), *arguments])


def test_a_run_is_kept_once_and_comes_back_as_it_was(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "sub" / "h.db") as store:
        assert store.add(night(1))
        assert not store.add(night(1, p95=5.0))
        assert store.add(night(0))
        assert store.nights() == [night(0), night(1)]
        assert store.nights(profile="other") == []
        assert store.night("r0001") == night(1)
        for wrong in ("r", "nobody", "%"):
            with pytest.raises(UsageError):
                store.night(wrong)


def test_last_good_runs_are_alike_and_earlier(tmp_path: Path) -> None:
    others = [
        night(5, exit_code=10, verdict="fail"),
        night(6, plan_digest="other"),
        night(7, target="elsewhere"),
        night(8, complete=False),
        night(20),
    ]
    with HistoryStore(filled(tmp_path / "h.db", night(1), night(2), night(3), *others)) as store:
        assert [one.run_id for one in store.last_good(night(10), 2)] == ["r0003", "r0002"]


def test_pruning_keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    mine = [night(number) for number in range(6)]
    theirs = [night(number, run_id=f"t{number}", target="other") for number in range(3)]
    with HistoryStore(filled(tmp_path / "h.db", *mine, *theirs)) as store:
        assert store.prune(2) == 5
        assert [one.run_id for one in store.nights()] == ["t1", "t2", "r0004", "r0005"]


def test_histories_are_merged_by_run(tmp_path: Path) -> None:
    first = filled(tmp_path / "a.db", night(1), night(2))
    second = filled(tmp_path / "b.db", night(2, p95=1.0), night(3))
    assert "1 run added" in run(first, "merge", str(second)).output
    with HistoryStore(first) as store:
        assert store.nights() == [night(1), night(2), night(3)]


def _add_many(path: Path, first: int) -> None:
    for number in range(first, first + 40):
        filled(path, night(number))


def test_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(path, first)) for first in (0, 40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    with HistoryStore(path) as store:
        assert len(store.nights()) == 80


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database, but long enough to be taken for one " * 50, encoding="utf-8")
    with pytest.raises(UsageError, match="no history"):
        HistoryStore(text)
    later = tmp_path / "later"
    with sqlite3.connect(later) as database:
        database.execute("pragma user_version = 99")
    with pytest.raises(UsageError, match="later version"):
        HistoryStore(later)
    with pytest.raises(UsageError, match="no history here yet"):
        HistoryStore(tmp_path / "absent", make=False)
    broken = filled(tmp_path / "broken.db", night(1))
    with sqlite3.connect(broken) as database:
        database.execute("update nights set night = '{}'")
    with HistoryStore(broken) as store, pytest.raises(UsageError, match="cannot be read"):
        store.nights()


def test_real_runs_are_added_and_shown(tmp_path: Path) -> None:
    folder = build.save(build.realistic(1), tmp_path / "run")
    report(folder, html=False)
    said = (folder / VERDICT).read_text(encoding="utf-8")
    path = tmp_path / "h.db"
    assert "added (pass)" in run(path, "add", str(folder), "--commit", "abc123", "--branch", "main").output
    assert "was there (pass)" in run(path, "add", str(folder)).output
    assert (folder / VERDICT).read_text(encoding="utf-8") == said
    assert "abc123 main" in run(path, "list").output
    shown = run(path, "show", "2026").output
    assert "swipe_deck (server): p50" in shown
    (line,) = run(path, "export").output.splitlines()
    assert Night.model_validate(json.loads(line)).commit == "abc123"


def test_a_trend_names_since_when_and_between_which_commits(tmp_path: Path) -> None:
    source = random.Random(4)
    nights = [night(number, (130 if number >= 15 else 100) * source.lognormvariate(0, 0.05)) for number in range(30)]
    path = filled(tmp_path / "h.db", *nights, night(31, complete=False))
    said = run(path, "trend", "home_feed").output
    assert "p95 over 30 runs" in said
    (change,) = [line for line in said.splitlines() if line.startswith("since ")]
    assert f"between r0014 and r0015, commits {14:040x}".replace(f"{14:040x}", f"{14:040x}"[:12]) in change
    assert "%" in change
    wrong = run(path, "trend", "home_fed")
    assert "did you mean home_feed" in str(getattr(wrong.exception, "remedy", ""))
    filled(path, night(32, target="other"))
    assert "of several kinds" in str(run(path, "trend", "home_feed").exception)
    assert run(path, "trend", "home_feed", "--target", "staging").exit_code == 0


def test_nights_that_all_failed_make_baselines_old(tmp_path: Path) -> None:
    bad = [night(number, exit_code=10, verdict="fail") for number in range(1, 7)]
    path = filled(tmp_path / "h.db", night(0), *bad)
    assert "the last 6 runs did not pass" in run(path, "trend", "home_feed").output
