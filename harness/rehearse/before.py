"""What is asked before a rehearsal's load: the doctor's questions, without people and with them, and preflight's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

from harness.core.counted import counted
from harness.core.errors import TargetError
from harness.core.profile import Profile
from harness.core.secret_filter import WORDS
from harness.core.target import Target
from harness.doctor.ask import find
from harness.doctor.checks import CHECKS
from harness.doctor.examine import examine
from harness.doctor.facts import Facts, MachineFact
from harness.doctor.machine import machine
from harness.doctor.model import Answer, Check, Diagnosis, State, ok, unasked
from harness.preflight.accepted import AcceptedFinding
from harness.preflight.model import ORDER, Severity
from harness.record.preflight_results import PreflightRecord, RecordedFinding
from harness.run.preflight_stage import preflight_stage
from harness.run.target_beside_load import resolved

FailOn = Severity | Literal["never"]
PREFLIGHT_PEOPLE = 2
"""Whom preflight asks as; the first of the rehearsal's own."""


def doctored(target: Target, profile: Profile, *, made: bool, allow_production: bool) -> str:
    """What the doctor says, in a line. made: the people are there; before, nothing is asked that needs them.

    :raises TargetError: something is wrong; all of it, with what mends it.
    """
    facts = find(target, profile, _machine(), allow_production=allow_production)
    found = examine(facts, CHECKS if made else before_people())
    if bad := [one for one in found if one.wrong]:
        raise TargetError(
            "the doctor found:\n" + "\n".join(f"  {one.check}: {one.answer.text}" for one in bad),
            where=f"target {target.name}",
            remedy="; ".join(f"{one.check}: {one.answer.remedy}" for one in bad),
        )
    return f"doctor: {_counted(found)}"


def _counted(found: Sequence[Diagnosis]) -> str:
    fine = sum(one.answer.state is State.OK for one in found)
    left = [one.check for one in found if one.answer.state is State.UNASKED]
    return f"{counted(fine, 'check')} ok" + (f", not asked: {', '.join(left)}" if left else "")


@cache
def _machine() -> MachineFact:
    """Two seconds of calibration, once a process."""
    return machine()


def before_people() -> tuple[Check, ...]:
    """The doctor's checks where people are still to be made: what needs them waits until then."""
    later = {"people": _to_come, "sign-in": _later, "sign-in limit": _later}
    return tuple(replace(check, judge=later.get(check.id, check.judge)) for check in CHECKS)


def _to_come(facts: Facts) -> Answer:
    return ok(f"{facts.people_found or 0:,} of {facts.profile.people:,} are there, the others are made next")


def _later(_: Facts) -> Answer:
    return unasked("asked when the people are there")


def preflighted(target: Target, accepted: Sequence[AcceptedFinding], *, allow_production: bool) -> PreflightRecord:
    """Catalogue and outside, as the first two people. What cannot be asked is in the record.

    :raises TargetError: nothing may be sent there.
    """
    access = resolved(target, people=PREFLIGHT_PEOPLE, allow_production=allow_production)
    found = preflight_stage(access, PREFLIGHT_PEOPLE, accepted)
    return PreflightRecord.model_validate(WORDS.value(found.model_dump(mode="json")))  # it quotes what the target said


def grave(found: PreflightRecord, fail_on: FailOn) -> tuple[RecordedFinding, ...]:
    """Those of this severity or above that nobody has accepted."""
    if fail_on == "never":
        return ()
    counting = ORDER[: ORDER.index(fail_on) + 1]
    return tuple(one for one in found.open if one.severity in counting)
