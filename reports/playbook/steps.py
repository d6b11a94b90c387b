"""The steps that a verdict opens, filled with what its run saw. (pure)"""

from __future__ import annotations

from reports.playbook.evidence import Case
from reports.playbook.openers import openers
from reports.playbook.table import PLAYS
from reports.step import Step
from reports.verdict import Verdict


def steps_for(verdict: Verdict) -> tuple[Step, ...]:
    """Play by play, in the table's order; each is opened once, by the gravest of what is about it. Empty for a run that
    missed nothing."""
    found = openers(verdict)
    return tuple(
        Step(
            play=play.title,
            opened_by=opener.sentence,
            number=number,
            action=row.action,
            seen=row.tell(Case(verdict, opener)),
            manual=row.manual,
        )
        for play in PLAYS
        if (opener := next((one for one in found if play.opens(one)), None)) is not None
        for number, row in enumerate(play.rows, 1)
    )
