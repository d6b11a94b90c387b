"""Preflight as a stage of a run: the catalogue, where there is a connection string, and from outside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from harness.core.errors import HarnessError
from harness.core.resolved_target import ResolvedTarget
from harness.egress.gate import Gate
from harness.preflight.accepted import AcceptedFinding, sort
from harness.preflight.ask import preflight
from harness.preflight.model import PreflightFinding, by_gravity
from harness.preflight.outside.run import outside
from harness.record.preflight_results import PreflightRecord, RecordedFinding


def preflight_stage(access: ResolvedTarget, people: int, accepted: Sequence[AcceptedFinding] = ()) -> PreflightRecord:
    """Ask everything. What cannot be asked at all is said in the record; it never ends a run.

    people: how many the target has; the last two are asked with, whom sessions take last.
    """
    began = time.monotonic()
    findings: list[PreflightFinding] = []
    unasked: list[str] = []
    asked = 0
    try:
        if access.dsn:
            told = preflight(access.dsn.reveal(), Gate(access.reach))
            findings += told.findings
            unasked += told.unasked
            asked += told.asked
    except HarnessError as error:
        unasked.append(f"the catalogue: {error.what}")
    try:
        seen = outside(access, people=(people - 2, people - 1))
        findings += seen.findings
        unasked += seen.unasked
        asked += seen.asked
    except HarnessError as error:
        unasked.append(f"from outside: {error.what}")
    sorted_ = sort(by_gravity(findings), accepted, datetime.now(UTC).date())
    return PreflightRecord(
        findings=(
            *(RecordedFinding(**asdict(one)) for one in sorted_.open),
            *(RecordedFinding(**asdict(one), accepted=_why(one, accepted)) for one in sorted_.accepted),
        ),
        asked=asked,
        unasked=tuple(unasked),
        took_s=round(time.monotonic() - began, 2),
    )


def _why(finding: PreflightFinding, accepted: Sequence[AcceptedFinding]) -> str:
    today = datetime.now(UTC).date()
    entry = next(one for one in accepted if today <= one.until and one.covers(finding))
    return f"{entry.reason} (until {entry.until})"
