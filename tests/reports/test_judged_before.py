"""A run that is judged again is compared with what it was compared with before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from reports.judged_before import JudgedBefore, judged_before
from reports.report import judged, report
from tests.reports import build


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three baselines, of which a history laid one out, and a run with a slower deck that was judged against them."""
    runs = tmp_path / "runs"
    folders = [runs / "base-2", runs / "base-3", runs / ".baselines" / "base-4"]
    for number, folder in enumerate(folders, start=2):
        build.save(build.realistic(number, run_id=folder.name), folder)
    run = build.save(build.realistic(slow=1.6, run_id="run"), runs / "run")
    assert report(run, folders, html=False).exit_code == 12
    return runs


def again(run: Path) -> dict[str, object]:
    done = CliRunner().invoke(cli, ["report", str(run)])
    verdict = dict(json.loads((run / "verdict.json").read_text()))
    assert done.exit_code == verdict["exit_code"], done.output
    return verdict


def test_the_same_baselines_give_the_same_answer(runs: Path) -> None:
    before = json.loads((runs / "run" / "verdict.json").read_text())
    after = again(runs / "run")
    assert after["comparison"] == before["comparison"]
    assert after["exit_code"] == 12
    assert judged(runs / "run").exit_code == 12


def test_a_baseline_that_is_gone_is_named(runs: Path) -> None:
    shutil.rmtree(runs / "base-3")
    after = again(runs / "run")
    assert after["comparison"] is None
    assert "Compared with nothing: it was judged with runs that are no longer here: base-3." in str(
        after["not_checked"]
    )


def test_a_slower_run_whose_baselines_are_gone_does_not_turn_green(runs: Path) -> None:
    """However often it is reported: what it was slower than cannot be asked again, and was not fine."""
    shutil.rmtree(runs / "base-3")
    for _ in range(3):
        after = again(runs / "run")
        assert after["exit_code"] == 20
        assert "what it was slower than is no longer here: swipe_deck" in str(after["reasons"])
        assert str(after["reasons"]).count("no longer here: swipe_deck") == 1


def test_nothing_where_nothing_was_compared(tmp_path: Path) -> None:
    run = build.save(build.realistic(run_id="run"), tmp_path / "run")
    assert judged_before(run) == JudgedBefore()
    report(run, html=False)
    assert judged_before(run) == JudgedBefore()
    (run / "verdict.json").write_text("{")
    assert judged_before(run) == JudgedBefore()


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "..", ".", ""])
def test_a_verdict_cannot_send_it_elsewhere(runs: Path, name: str) -> None:
    file = runs / "run" / "verdict.json"
    verdict = json.loads(file.read_text())
    verdict["comparison"]["baselines"] = [name]
    build.save(build.realistic(9, run_id="x"), runs.parent / "elsewhere")
    file.write_text(json.dumps(verdict))
    found = judged_before(runs / "run")
    assert found.folders == ()
    assert found.note
