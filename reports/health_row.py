"""One question about the generator and its answer, as the verdict holds it. (pure)"""

from __future__ import annotations

from typing import Literal

from reports.model import ReportModel

Level = Literal["valid", "suspect", "invalid"]


class HealthRow(ReportModel):
    """One question about the generator, its answer, and what to do about it."""

    check: str
    level: Level
    value: str
    bound: str
    reason: str = ""
    remedy: str = ""
