"""A run directory of a capacity search, judged and reported like any other, as a step."""

from __future__ import annotations

from pathlib import Path

from harness.capacity.step import Step
from harness.record.store import open_run
from reports.capacity.step import step_of
from reports.frames import load
from reports.report import observation, report


def judged_step(folder: Path, rate: float, side: str) -> Step:
    """Write the run's own report, without its page, and say what the step was."""
    verdict = report(folder, html=False)
    run = open_run(folder).checked()
    return step_of(verdict, load(run), observation(run), rate, side)
