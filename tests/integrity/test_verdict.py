"""What the report makes of checks, whatever their status; and of a record whose evidence is gone."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from harness.record.manifest import Evidence
from harness.record.store import RunFiles
from reports.frames import load
from reports.integrity.check import integrity
from reports.integrity.model import Check, CheckStatus, Integrity, Offender
from reports.render import html as render_html
from reports.render import junit, summary, terminal
from reports.verdict import judge_frames
from tests.reports import build

EVERY_STATUS = tuple(
    Check(
        id=f"X{number}",
        title=f"Check that is {status}",
        status=status,
        looked_at=10,
        count=0 if status == "held" else 1,
        offenders=(Offender(ids={"row": "r-1"}, text="sent once", at_s=1.0),),
    )
    for number, status in enumerate(get_args(CheckStatus))
)


def test_every_status_of_a_check_can_be_shown() -> None:
    frames = load(build.realistic())
    found = Integrity(status="broken", text="1 check of 4 found data that is lost", checks=EVERY_STATUS)
    verdict = judge_frames(frames, integrity=found)
    assert verdict.exit_code == 11
    verdict = verdict.model_copy(update={"probes": EVERY_STATUS})
    page = render_html.render(verdict, frames)
    for check in EVERY_STATUS:
        assert check.title in page
    assert "r-1" in page
    assert "Check that is broken" in junit.render(verdict)
    assert "Check that is broken" in "\n".join(terminal.plain(verdict, Path("runs/x")))
    assert summary.render(verdict)


def test_a_record_without_its_evidence_is_not_checked(tmp_path: Path) -> None:
    manifest = build.manifest().model_copy(
        update={
            "run_tag": 1,
            "zero_epoch_s": 1.8e9,
            "evidence": Evidence(source="Postgres", read_at="2026-11-27T00:00:00+00:00"),
        }
    )
    assert integrity(RunFiles(tmp_path, manifest)).status == "not checked"
