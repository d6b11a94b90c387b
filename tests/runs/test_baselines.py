"""Baselines are opened before anything is sent; `last-good` is the newest run that is alike and passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.core.errors import HarnessError, UsageError
from harness.run.baselines import checked
from reports.report import report
from tests.reports import build

LAST = (Path("last-good"),)


def night(out: Path, hour: int, **changes: Any) -> Path:
    """A run of that hour, judged."""
    run_id = f"20261123T{hour:02d}0000Z-smoke-{hour:08x}"
    folder = build.save(build.realistic(hour, run_id=run_id, **changes), out / run_id)
    report(folder, html=False)
    return folder


def test_the_first_night_has_none(tmp_path: Path) -> None:
    assert checked(LAST, tmp_path, build.profile(), "sandbox") == ()
    assert checked(LAST, tmp_path / "not there yet", build.profile(), "sandbox") == ()


def test_last_good_is_the_newest_that_passed_and_is_alike(tmp_path: Path) -> None:
    night(tmp_path, 1)
    good = night(tmp_path, 2)
    night(tmp_path, 3, slow=6.0)  # missed
    night(tmp_path, 4, target_environment="staging")
    night(tmp_path, 5, profile=build.profile(people=51))
    night(tmp_path, 6, status="aborted")
    unjudged = tmp_path / "20261123T070000Z-smoke-00000007"
    build.save(build.realistic(7, run_id=unjudged.name), unjudged)
    broken = night(tmp_path, 8)
    (broken / "verdict.json").write_text("[]", encoding="utf-8")
    (tmp_path / "20261123T090000Z-smoke-00000009").mkdir()
    assert checked(LAST, tmp_path, build.profile(), "sandbox") == (good,)
    assert checked((*LAST, good), tmp_path, build.profile(), "sandbox") == (good,)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"profile": build.profile(name="other")}, "ran profile 'other', this run 'smoke'"),
        ({"profile": build.profile(people=51)}, "ran another version of profile 'smoke' (people)"),
        ({"target_environment": "staging"}, "ran against staging, this run sandbox"),
        ({"status": "aborted"}, "is not a complete run"),
    ],
)
def test_one_that_is_not_alike_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    folder = build.save(build.realistic(**changes), tmp_path / "run")
    with pytest.raises(UsageError) as error:
        checked((folder,), tmp_path, build.profile(), "sandbox")
    assert says in str(error.value)
    assert "nothing was sent" in error.value.remedy


@pytest.mark.parametrize("name", ["nowhere", "a/folder/that/is/none"])
def test_nothing_is_started_for_a_baseline_that_is_not_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(cli, ["run", "smoke", "--baseline", name, "--out", str(tmp_path / "runs")])
    assert isinstance(found.exception, HarnessError)
    assert found.exception.exit_code == 2
    assert not (tmp_path / "runs").exists()
