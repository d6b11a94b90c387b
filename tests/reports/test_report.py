"""From a real run directory on disk to its four files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from reports.report import JUNIT, REPORT, SUMMARY, VERDICT, report
from tests.reports import build


def test_the_four_files_of_a_finished_run_and_again_the_same(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    verdict = report(folder)
    assert (verdict.verdict, verdict.exit_code) == ("pass", 0)
    files = {name: (folder / name).read_text(encoding="utf-8") for name in (VERDICT, JUNIT, SUMMARY, REPORT)}
    assert json.loads(files[VERDICT])["facts"]["run_id"] == verdict.facts.run_id
    assert report(folder) == verdict
    assert (folder / VERDICT).read_text(encoding="utf-8") == files[VERDICT]
    assert not list(folder.glob("*.tmp"))


def test_the_record_on_disk_says_what_the_run_in_memory_said(tmp_path: Path) -> None:
    from reports.playbook.steps import steps_for
    from reports.verdict import judge

    run = build.realistic(slow=4.0, bad=0.02)
    said = judge(run)
    assert report(build.save(run, tmp_path / "run"), html=False) == said.model_copy(
        update={"playbook": steps_for(said)}
    )


def test_a_killed_run_is_rendered_from_its_streams(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run", killed=True)
    stream = folder / "stream" / "latency.arrows"
    stream.write_bytes(stream.read_bytes()[:-100])  # torn in its last message
    verdict = report(folder)
    assert (verdict.verdict, verdict.exit_code, verdict.facts.status) == ("inconclusive", 20, "running")
    assert verdict.facts.attempts_measured > 1000
    assert "incomplete" in (folder / REPORT).read_text(encoding="utf-8")


def test_a_run_killed_before_its_first_sample(tmp_path: Path) -> None:
    verdict = report(build.save(build.Run(build.manifest(build.DEFAULT_SLOS)), tmp_path / "run", killed=True))
    assert (verdict.exit_code, verdict.facts.attempts) == (20, 0)


def test_against_baselines(tmp_path: Path) -> None:
    before = [build.save(build.realistic(s, run_id=f"b{s}"), tmp_path / f"b{s}") for s in (2, 3)]
    same = report(build.save(build.realistic(1), tmp_path / "same"), before, html=False)
    assert (same.exit_code, same.comparison is not None) == (0, True)
    slower = report(build.save(build.realistic(4, slow=1.45), tmp_path / "slower"), before, html=False)
    assert slower.exit_code == 12
    assert "swipe_deck" in slower.sentence
    assert slower.comparison is not None
    assert {row.operation for row in slower.comparison.regressed} == {"swipe_deck"}


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        report(tmp_path)


def test_a_run_that_was_made_is_judged_whatever_becomes_of_its_baseline(tmp_path: Path) -> None:
    other = build.save(build.realistic(2, profile=build.profile(name="other")), tmp_path / "other")
    for name, baseline, why in (
        ("a", tmp_path / "nothing", "nothing"),
        ("b", other, "ran profile 'other', this run 'smoke'"),
    ):
        verdict = report(build.save(build.realistic(), tmp_path / name), [baseline])
        assert verdict.exit_code == 20
        assert "The comparison that was asked for could not be made" in verdict.sentence
        assert why in verdict.sentence
        assert all((tmp_path / name / file).exists() for file in (VERDICT, JUNIT, SUMMARY, REPORT))


def test_a_miss_beside_a_bad_baseline_stays_a_miss(tmp_path: Path) -> None:
    verdict = report(build.save(build.realistic(slow=4.0), tmp_path / "run"), [tmp_path / "nothing"], html=False)
    assert (verdict.exit_code, 20 in verdict.exit_codes) == (10, True)


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    (folder / JUNIT).mkdir()
    with pytest.raises(HarnessError, match=r"junit\.xml") as caught:
        report(folder)
    assert caught.value.remedy
    assert not list(folder.glob("*.tmp"))


def test_the_page_may_be_left_for_later(tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    verdict = report(folder, html=False)
    assert (folder / VERDICT).exists()
    assert not (folder / REPORT).exists()
    assert report(folder) == verdict
    assert (folder / REPORT).exists()
