"""The history's file and its commands."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.core.errors import HarnessError, UsageError
from harness.history.change_points import change_points
from harness.history.choose import COUNT, WITH
from harness.history.model import Night, OperationFigures, storable
from harness.history.store import RECORDS_KEPT, HistoryStore
from reports.frames import load
from reports.night import night_of
from reports.report import VERDICT, report
from reports.verdict import judge_frames
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


def test_a_record_is_kept_with_its_night_merged_and_forgotten_with_it(tmp_path: Path) -> None:
    """Two files of two machines, each with a record that the other lacks."""
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    with HistoryStore(first) as store:
        assert store.add(night(1), b"one")
        assert not store.add(night(1), b"another")
        assert store.record("r0001") == b"one"
        assert store.add(night(2))
    with HistoryStore(second) as store:
        store.add(night(2), b"two")
        store.add(night(3), b"three")
    with HistoryStore(first) as store:
        assert store.merge(second) == 1
        assert store.recorded() == {"r0001", "r0002", "r0003"}
        assert store.record("r0002") == b"two"
        store.add(night(4, exit_code=12, verdict="fail"))
        assert store.prune(1) == 0, "the three that passed are the baseline of the one that is kept"
        store.add(night(5, plan_digest="another"))
        assert store.prune(1) == 4, "no run that is kept has them as its baseline"
        assert store.recorded() == frozenset()


def test_records_of_older_nights_go_before_their_figures(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.db") as store:
        for number in range(RECORDS_KEPT + 3):
            store.add(night(number), b"record")
        store.add(night(60, branch="other"), b"record")
        assert len(store.nights()) == RECORDS_KEPT + 4
        gone = {f"r{number:04d}" for number in range(3)}
        assert store.recorded() == {one.run_id for one in store.nights()} - gone


def test_a_history_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = filled(tmp_path / "h.db", night(1))
    with sqlite3.connect(path) as database:
        database.executescript("drop table records; pragma user_version = 1;")
    with HistoryStore(path) as store:
        assert store.nights() == [night(1)]
        assert store.recorded() == frozenset()
        store.add(night(2), b"two")
        assert store.record("r0002") == b"two"


def test_pruning_keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    mine = [night(number) for number in range(6)]
    theirs = [night(number, run_id=f"t{number}", target="other") for number in range(3)]
    with HistoryStore(filled(tmp_path / "h.db", *mine, *theirs)) as store:
        assert store.prune(2) == 5
        assert [one.run_id for one in store.nights()] == ["t1", "t2", "r0004", "r0005"]


def test_pruning_keeps_what_the_newest_are_compared_with(tmp_path: Path) -> None:
    """Twelve that passed, then thirty that did not; beside them a branch that is long gone."""
    with HistoryStore(tmp_path / "h.db") as store:
        for number in range(12):
            store.add(night(number, branch="main"), b"record")
        store.add(night(12, run_id="gone", branch="old"), b"record")
        for number in range(13, 43):
            store.add(night(number, exit_code=10, verdict="fail", branch="main"))
        store.prune(10)
        left = [one.run_id for one in store.nights()]
    assert left[-10:] == [f"r{number:04d}" for number in range(33, 43)]
    good = COUNT + WITH
    assert left[:-10] == [f"r{number:04d}" for number in range(12 - good, 12)] + ["gone"]


def test_a_slower_run_is_accepted_merged_pruned_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with HistoryStore(path) as store:
        store.add(night(1), b"record")
        store.add(night(2, exit_code=12, verdict="fail"), b"record")
        store.add(night(3, exit_code=12, verdict="fail"))
        store.add(night(4, exit_code=11, verdict="fail"), b"record")
    for wrong, why in (("r0003", "history add"), ("r0004", "ended with 11"), ("r9", "no run begins")):
        assert why in str(run(path, "accept", wrong).exception)
    assert "accepted" in run(path, "accept", "r0002").output
    assert "fail, accepted" in run(path, "list").output
    other = tmp_path / "other.db"
    assert "4 runs added" in run(other, "merge", str(path)).output
    with HistoryStore(other) as store:
        assert store.accepted() == {"r0002"}
        store.add(night(5), b"record")
        store.prune(1)
        assert [one.run_id for one in store.nights()] == ["r0001", "r0002", "r0005"], "baselines of the newest"
        store.forget(["r0002"])
        assert store.accepted() == frozenset()


def test_slower_runs_take_no_record_from_those_that_passed(tmp_path: Path) -> None:
    """Theirs are kept to be accepted; a month of them leaves the baseline as it was."""
    with HistoryStore(tmp_path / "h.db") as store:
        store.add(night(0), b"record")
        for number in range(1, RECORDS_KEPT + 10):
            store.add(night(number, exit_code=12, verdict="fail"), b"record")
        assert "r0000" in store.recorded()
        assert len(store.recorded()) == RECORDS_KEPT + 1


def test_a_history_from_before_runs_could_be_accepted(tmp_path: Path) -> None:
    path = filled(tmp_path / "h.db", night(1))
    with sqlite3.connect(path) as database:
        database.execute("drop table accepted")
    database.close()
    with HistoryStore(path) as store:
        assert store.accepted() == frozenset()
        store.add(night(1), b"record")
        store.accept("r0001")
        assert store.accepted() == {"r0001"}


def test_one_run_is_forgotten_with_its_record_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with HistoryStore(path) as store:
        for number in (1, 2, 11):
            store.add(night(number, run_id=f"r{number}"), b"record")
    assert "more than one run" in str(run(path, "forget", "r").exception)
    assert "no run begins" in str(run(path, "forget", "r2", "x").exception)
    assert run(path, "forget", "r1", "r11").exit_code == 0, "the whole id of one is the beginning of another"
    with HistoryStore(path) as store:
        assert [one.run_id for one in store.nights()] == ["r2"]
        assert store.recorded() == {"r2"}


@pytest.mark.parametrize("version", [0, 1, 2])
def test_somebody_elses_database_is_left_as_it_is(version: int, tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table bookings (id)")
        database.execute(f"pragma user_version = {version}")
    database.close()
    before = path.read_bytes()
    for arguments in (("list",), ("merge", str(path))):
        with pytest.raises(UsageError, match="no history"):
            raise run(path, *arguments).exception or AssertionError
    assert path.read_bytes() == before


def test_what_the_disk_does_is_no_damage(tmp_path: Path) -> None:
    """SQLite's own refusals: a file that may only be read, and no page left."""
    path = filled(tmp_path / "h.db", night(1))
    with HistoryStore(path) as store:
        store._db.execute("pragma query_only = 1")
        with pytest.raises(UsageError, match="not to be written") as refused:
            store.add(night(2))
        assert "damaged" not in str(refused.value)
        store._db.execute("pragma query_only = 0")
        (pages,) = store._db.execute("pragma page_count").fetchone()
        store._db.execute(f"pragma max_page_count = {pages}")
        with pytest.raises(HarnessError, match="full") as full:
            store.add(night(2), bytes(100_000))
        assert "free some space" in str(full.value)
        assert [one.run_id for one in store.nights()] == ["r0001"], "all of a run, or nothing"
    with pytest.raises(UsageError, match="this is no file"):
        HistoryStore(tmp_path)


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="mounting takes root")
def test_a_disk_that_takes_no_writes_is_read(tmp_path: Path) -> None:
    """An artifact that is mounted to be read: the history is listed, and merged from there."""
    path = filled(tmp_path / "kept ?#%" / "h.db", night(1), night(2))
    mine = tmp_path / "mine.db"
    harness = [sys.executable, "-m", "harness", "history", "--file"]
    lines = [
        shlex.join(["mount", "--bind", str(path.parent), str(path.parent)]),
        shlex.join(["mount", "-o", "remount,ro,bind", str(path.parent)]),
        shlex.join([*harness, str(path), "list"]),
        shlex.join([*harness, str(mine), "merge", str(path)]),
        f"! {shlex.join([*harness, str(path), 'prune', '--keep', '1'])}",
    ]
    command = ["unshare", "--mount", "sh", "-ec", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 runs, 2 passed" in done.stdout
    assert "2 runs added" in done.stdout
    assert "not to be written" in done.stderr


def test_a_time_that_is_none_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="started_at"):
        night(1, started_at="yesterday")


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
    listed = run(path, "list").output
    assert "abc123 main" in listed
    (named,) = [line.split() for line in listed.splitlines() if "abc123" in line]
    shown = run(path, "show", named[2]).output  # as the messages say: the list names them
    assert "swipe_deck (server): p50" in shown
    (line,) = run(path, "export").output.splitlines()
    assert Night.model_validate(json.loads(line)).commit == "abc123"


def test_a_slower_run_stays_slower_when_what_it_was_compared_with_is_gone(tmp_path: Path) -> None:
    """Added later, from an artifact: judged alone it would pass, and be the baseline of the nights after it."""
    runs = tmp_path / "runs"
    before = [build.save(build.realistic(n, run_id=f"base-{n}"), runs / f"base-{n}") for n in (2, 3)]
    folder = build.save(build.realistic(4, slow=1.45, run_id="slow-4"), runs / "slow-4")
    assert report(folder, before, html=False).exit_code == 12
    for one in before:
        shutil.rmtree(one)
    path = tmp_path / "h.db"
    assert "added (fail)" in run(path, "add", str(folder)).output
    with HistoryStore(path) as store:
        (found,) = store.nights()
    assert found.exit_code == 12
    assert "swipe_deck" in found.sentence


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
    with HistoryStore(path) as store:
        store.add(night(7, exit_code=12, verdict="fail"), b"record")
    assert "the last 7 runs did not pass" in run(path, "changes").output
    run(path, "accept", "r0007")
    assert "did not pass" not in run(path, "changes").output + run(path, "trend", "home_feed").output


def test_changes_names_every_operation_that_changed_and_no_other(tmp_path: Path) -> None:
    """Of twenty operations one steps up at night 15."""
    source = random.Random(2)

    def figures(number: int) -> tuple[OperationFigures, ...]:
        level = {"op07": 1.4 if number >= 15 else 1.0}
        return tuple(
            OperationFigures(
                operation=f"op{one:02d}",
                view="server",
                samples=900,
                p95=100 * level.get(f"op{one:02d}", 1.0) * source.lognormvariate(0, 0.05),
            )
            for one in range(20)
        )

    nights = [night(number, operations=figures(number)) for number in range(30)]
    flaky = [night(40, commit=nights[3].commit, exit_code=12, verdict="fail")]
    said = run(filled(tmp_path / "h.db", *nights, *flaky), "changes").output.splitlines()
    assert said[0].startswith("nightly on staging, 31 runs:")
    assert said[1].startswith("- op07 (server) since 2026-01-")
    assert "between r001" in said[1]
    assert said[2].startswith("- flaky: nightly on staging")
    assert len(said) == 3
    assert "no operation changed" in run(filled(tmp_path / "few.db", *nights[:5]), "changes").output


def test_a_step_is_seen_among_many_operations() -> None:
    """The share of the chance that each gets still finds a step of 30 % in 30 nights."""
    for seed in range(3):
        source = random.Random(seed)
        series = [(130 if number >= 15 else 100) * source.lognormvariate(0, 0.06) for number in range(30)]
        (found,) = change_points(series, chance=0.01 / 60)
        assert abs(found.at - 15) <= 2


def test_a_history_that_cannot_be_written_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli.judging import judge

    folder = build.save(build.realistic(1), tmp_path / "run")
    broken = tmp_path / "h.db"
    broken.write_text("no database, but long enough to be taken for one " * 50, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        judge(folder, html=False, history=broken)
    assert left.value.code == 0
    assert f"harness history add {folder}" in capsys.readouterr().err


def test_a_branch_whose_name_is_no_utf_8_is_kept_and_found(tmp_path: Path) -> None:
    """Latin-1, as the operating system hands it over; and signs that turn a line around."""
    name = os.fsdecode("café".encode("latin-1"))
    run_ = build.realistic(1)
    kept = night_of(load(run_), judge_frames(load(run_)), {"GIT_BRANCH": name, "GIT_COMMIT": "\u202eabc"})
    path = filled(tmp_path / "h.db", kept.model_copy(update={"run_id": "r1"}))
    with HistoryStore(path) as store:
        (found,) = store.nights()
    assert found.branch == storable(name) == "caf\\udce9"
    assert "\u202e" not in run(path, "list").output + run(path, "export").output


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"GITHUB_REF_NAME": "main"}, "main"),
        ({"GITHUB_REF_NAME": "feature/x", "GITHUB_HEAD_REF": ""}, "feature/x"),
        ({"GITHUB_REF_NAME": "12/merge", "GITHUB_HEAD_REF": "main"}, "12/merge"),
        (
            {
                "GITHUB_EVENT_NAME": "pull_request_target",
                "GITHUB_REF_NAME": "main",
                "GITHUB_HEAD_REF": "main",
            },
            "main/pull_request_target",
        ),
        ({"CI_COMMIT_REF_NAME": "main"}, "main"),
        ({"CI_COMMIT_REF_NAME": "main", "CI_MERGE_REQUEST_IID": "3"}, "3/merge"),
        ({"GIT_BRANCH": "origin/main"}, "main"),
        ({"BRANCH_NAME": "PR-7", "CHANGE_ID": "7", "GIT_BRANCH": "main"}, "7/merge"),
        ({}, ""),
    ],
)
def test_a_request_is_never_the_branch_that_its_author_named(environ: dict[str, str], branch: str) -> None:
    """A fork's branch may be called main; its run would be a baseline of everybody's."""
    run = build.realistic(1)
    assert night_of(load(run), judge_frames(load(run)), environ).branch == branch
    assert night_of(load(run), judge_frames(load(run)), environ, branch="mine").branch == "mine"


@pytest.mark.parametrize(("slow", "code"), [(1.0, 70), (4.0, 10)])
def test_a_file_that_cannot_be_written_hides_no_verdict(
    slow: float, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, or here something in the way: what can be written is, and the run is remembered."""
    from harness.cli.judging import judge

    folder = build.save(build.realistic(1, slow=slow), tmp_path / "run")
    (folder / "junit.xml" / "in the way").mkdir(parents=True)
    with pytest.raises((SystemExit, HarnessError)) as left:
        judge(folder, html=False, history=tmp_path / "h.db")
    assert getattr(left.value, "exit_code", getattr(left.value, "code", None)) == code
    said = capsys.readouterr()
    assert said.out.startswith(f"verdict: {'PASS' if slow == 1.0 else 'FAIL'}")
    assert "cannot write junit.xml" in said.err + str(left.value)
    assert (folder / "summary.md").is_file()
    assert json.loads((folder / VERDICT).read_text(encoding="utf-8"))["exit_code"] == (0 if slow == 1.0 else 10)
    with HistoryStore(tmp_path / "h.db", make=False) as store:
        assert len(store.nights()) == 1


def test_changes_stand_in_the_summary_of_a_step_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history is merged from wherever: its words neither mention anybody nor run anything."""
    summary = tmp_path / "summary"
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    words = "@team <img src=x> `x` | #12 \n::error::no"
    nights = [
        night(
            number,
            target=words,
            operations=(
                OperationFigures(operation=words, view="server", samples=900, p95=(150.0 if number >= 15 else 100.0)),
            ),
        )
        for number in range(30)
    ]
    said = run(filled(tmp_path / "h.db", *nights), "changes").output
    assert "\n::error" not in said
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("### Since when is what slower?\n")
    assert "since 2026-01-16" in text
    assert not any(sign in text for sign in ("@team", "<img", " | ", "#12", "`x`", "\n::"))
    assert text.count("\n- ") == 1
