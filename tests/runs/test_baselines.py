"""Baselines are opened before anything is sent; `last-good` is the newest run that is alike and passed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.core.errors import HarnessError, UsageError
from harness.core.target import Target, TargetKeys
from harness.history.packed import FOLDER, pack, unpack
from harness.history.store import HistoryStore
from harness.record.store import open_run
from harness.run.baselines import as_recorded, checked, opened
from harness.schedule.arrivals import plan
from reports.compare import compare
from reports.frames import load
from reports.night import night_of
from reports.report import judged, report
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
    copy = shutil.copytree(good, tmp_path / "copy")
    assert checked((good, copy), tmp_path, build.profile(), "sandbox") == (good,), "one night is no two"
    done = CliRunner().invoke(
        cli, ["compare", str(build.save(build.realistic(9, run_id="n"), tmp_path / "n")), str(good), str(copy)]
    )
    assert isinstance(done.exception, UsageError)
    assert "named twice" in str(done.exception)


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


@pytest.mark.parametrize("kind", ["below a file", "a folder", "no history", "of another"])
def test_nothing_is_started_for_a_history_that_cannot_be_kept(kind: str, tmp_path: Path) -> None:
    """It would only be said after the night."""
    path = tmp_path / "h.db"
    if kind == "below a file":
        path.touch()
        path = path / "h.db"
    elif kind == "a folder":
        path.mkdir()
    elif kind == "no history":
        path.write_bytes(b"no database, but long enough to be taken for one " * 50)
    else:
        with sqlite3.connect(path) as database:
            database.execute("create table bookings (id)")
        database.close()
    out = tmp_path / "runs"
    found = CliRunner().invoke(cli, ["run", "smoke", "--history", str(path), "--out", str(out)])
    assert isinstance(found.exception, HarnessError), found.output
    assert found.exception.exit_code == 2, str(found.exception)
    assert not out.exists()


def remembered(history: Path, folder: Path, **changes: Any) -> None:
    """As `harness run --history` does, and then the run directory is gone, as on a CI machine."""
    run = load(open_run(folder).checked())
    night = night_of(run, judged(folder), {}, branch="main").model_copy(
        update={"plan_digest": digest(), "target": "movinesta-sandbox"} | changes
    )
    with HistoryStore(history) as store:
        store.add(night, pack(folder))
    shutil.rmtree(folder)


def digest() -> str:
    profile = build.profile()
    return plan(profile.arrivals, profile.mix, profile.people, profile.seed).digest


def named(name: str, tmp_path: Path, **options: Any) -> Any:
    return opened((Path(name),), tmp_path, build.profile(), "sandbox", history=tmp_path / "h.db", **options)


def test_names_lead_into_the_history_and_come_with_their_records(tmp_path: Path) -> None:
    for hour in (1, 2):
        remembered(tmp_path / "h.db", night(tmp_path, hour))
    remembered(tmp_path / "h.db", night(tmp_path, 3), branch="topic")
    found = named("main", tmp_path)
    assert [folder.parent.name for folder in found.folders] == [FOLDER, FOLDER]
    assert [folder.name[:11] for folder in found.folders] == ["20261123T02", "20261123T01"]
    assert len(named("last-good", tmp_path).folders) == 3
    assert len(named("branch:topic", tmp_path).folders) == 1
    assert named("main", tmp_path, target="staging").folders == ()
    now = build.save(build.realistic(9, run_id="now", slow=1.4), tmp_path / "now")
    laid = compare(load(open_run(now)), [load(open_run(one)) for one in found.folders])
    assert {row.view for row in laid.rows} >= {"server", "e2e"}
    assert all(row.baseline_samples for row in laid.rows)
    assert report(now, found.folders, html=False).exit_code in (10, 12)


@pytest.mark.parametrize("name", ["main", "last-good", "branch:x"])
def test_a_first_night_is_no_fault_and_said(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        found = named(name, tmp_path)
        assert found.folders == ()
        assert found.problem == ""
        assert found.notes[0].startswith("Compared with nothing")
        HistoryStore(tmp_path / "h.db").close()  # and once with an empty one


def test_a_branch_without_a_history_is_refused_with_the_option_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        opened((Path("main"),), tmp_path, build.profile(), "sandbox")
    assert "--history" in error.value.remedy


def test_what_is_optional_becomes_a_problem_of_the_comparison(tmp_path: Path) -> None:
    other = build.save(build.realistic(profile=build.profile(name="other")), tmp_path / "other")
    names = (tmp_path / "nowhere", other)
    found = opened(names, tmp_path, build.profile(), "sandbox", optional=True)
    assert found.folders == ()
    assert "there is no such folder" in found.problem
    assert "ran profile 'other'" in found.problem
    run = build.save(build.realistic(2), tmp_path / "run")
    verdict = report(run, found.folders, html=False, uncompared=found.problem)
    assert verdict.exit_code == 20
    assert "ran profile 'other'" in verdict.sentence


def test_a_damaged_record_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    folder = build.save(build.realistic(1), tmp_path / "run")
    packed = pack(folder)
    assert packed is not None
    assert open_run(unpack("x-1", packed, tmp_path)).manifest.run_id
    for run_id, bytes_ in (("x-2", packed[: len(packed) // 2]), ("../x", packed), ("x-3", b"")):
        with pytest.raises(UsageError, match="damaged"):
            unpack(run_id, bytes_, tmp_path)


def test_what_is_laid_out_already_stays_for_whoever_reads_it(tmp_path: Path) -> None:
    """Two runs with one --out have the same baselines; a half of one, of a run that was killed, is made whole."""
    packed = pack(build.save(build.realistic(1), tmp_path / "run"))
    assert packed is not None
    folder = unpack("x-1", packed, tmp_path)
    latency = folder / "latency.parquet"
    before = latency.stat()
    unpack("x-1", packed, tmp_path)
    assert (latency.stat().st_ino, latency.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    whole = latency.read_bytes()
    with latency.open("rb") as reader:
        latency.write_bytes(whole[:100])
        unpack("x-1", packed, tmp_path)
        assert latency.read_bytes() == whole
        assert len(reader.read()) == 100, "who has it open keeps what it was"
    assert not list(folder.glob(".*"))


def test_a_record_without_its_latencies_is_not_kept(tmp_path: Path) -> None:
    folder = build.save(build.realistic(1), tmp_path / "run")
    (folder / "latency.parquet").unlink()
    assert pack(folder) is None


def test_a_target_that_serves_its_app_from_elsewhere_has_baselines_too(tmp_path: Path) -> None:
    """The manifest holds the target's origin, the profile file the app's own."""
    away = build.profile(app_origin="https://staging.example.org")
    folder = build.save(build.realistic(profile=away, target_environment="staging"), tmp_path / "run")
    target = Target(
        name="staging",
        environment="staging",
        url="https://db.example.org",
        keys=TargetKeys(anon_env="KEY"),
        app_origin=away.app_origin,
    )
    asked = as_recorded(build.profile(), target)
    assert opened((folder,), tmp_path, asked, "staging").folders == (folder,)
    assert as_recorded(build.profile(), None) == build.profile()
    with pytest.raises(UsageError, match="app_origin"):
        opened((folder,), tmp_path, build.profile(), "staging")


def test_one_damaged_record_of_a_history_costs_no_night(tmp_path: Path) -> None:
    """Or one of a version that is no longer read: the others are the baseline, and it is said."""
    history = tmp_path / "h.db"
    for hour in (1, 2, 3):
        remembered(history, night(tmp_path, hour))
    with sqlite3.connect(history) as database:
        (damaged,) = database.execute("select max(run_id) from records").fetchone()
        database.execute("update records set record = ? where run_id = ?", (b"no archive", damaged))
    database.close()
    found = named("last-good", tmp_path)
    assert [folder.name[:11] for folder in found.folders] == ["20261123T02", "20261123T01"]
    assert any(damaged in note and "damaged" in note for note in found.notes)
    with sqlite3.connect(history) as database:
        database.execute("update records set record = ?", (b"no archive",))
    database.close()
    found = named("last-good", tmp_path)
    assert (found.folders, found.problem) == ((), "")
    assert found.notes[-1].startswith("Compared with nothing")


def test_a_run_of_another_target_is_no_baseline_though_both_are_called_staging(tmp_path: Path) -> None:
    """The newest in one --out may be of another deployment: its figures accuse, or excuse, this one's."""
    theirs = night(tmp_path, 5, target_environment="staging", target_name="theirs")
    found = opened(LAST, tmp_path, build.profile(), "staging", target="mine")
    assert found.folders == ()
    assert found.notes[0].startswith("Compared with nothing")
    with pytest.raises(UsageError, match="ran against 'theirs', this run 'mine'"):
        opened((theirs,), tmp_path, build.profile(), "staging", target="mine")
    mine = night(tmp_path, 4, target_environment="staging", target_name="mine")
    assert opened(LAST, tmp_path, build.profile(), "staging", target="mine").folders == (mine,)


def test_a_baseline_that_another_harness_measured_is_one_and_said(tmp_path: Path) -> None:
    older = night(tmp_path, 1, versions={"harness": "0.0.9"})
    found = opened((older,), tmp_path, build.profile(), "sandbox")
    assert found.folders == (older,)
    (note,) = found.notes
    assert note.startswith("The baseline was measured by harness 0.0.9, this run by ")


def test_a_folder_called_main_is_not_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many projects have one, and the written workflow says `--baseline main`. A run of that name is a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").mkdir()
    assert "no run of smoke" not in str(named("main", tmp_path).notes)
    assert named("main", tmp_path).notes[0].startswith("Compared with nothing")
    (tmp_path / "main").rmdir()
    build.save(build.realistic(1), tmp_path / "main")
    assert named("main", tmp_path).folders == (Path("main"),)


def test_a_branch_whose_variable_is_not_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no branch"):
        named("branch:", tmp_path)


def test_a_run_is_on_one_side_of_a_comparison(tmp_path: Path) -> None:
    """The two newest stand with this night for `last-good`, and are of the baseline of `main`."""
    for hour in range(1, 10):
        remembered(tmp_path / "h.db", night(tmp_path, hour))
    names = (Path("last-good"), Path("main"))
    found = opened(names, tmp_path, build.profile(), "sandbox", history=tmp_path / "h.db")
    assert len(found.folders) == 9
    assert found.also == ()


def test_a_night_before_that_cannot_be_read_costs_no_comparison(tmp_path: Path) -> None:
    before = [night(tmp_path, hour) for hour in (1, 2, 3)]
    now = night(tmp_path, 4)
    (before[2] / "latency.parquet").write_bytes(b"no table")
    verdict = report(now, before[:2], also=before[2:], html=False)
    assert verdict.comparison is not None
    assert verdict.comparison.also == ()
    assert any("without the nights before it" in line for line in verdict.not_checked)
    assert verdict.exit_code == 0
