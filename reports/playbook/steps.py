"""The steps that a verdict opens, filled with what its run saw. (pure)"""

from __future__ import annotations

from reports.playbook.evidence import Case
from reports.playbook.openers import openers
from reports.playbook.table import PLAYS
from reports.step import Step
from reports.verdict import Verdict


def steps_for(verdict: Verdict) -> tuple[Step, ...]:
    """Play by play, the one that the gravest trouble opened first, in the table's order where one opens several; each
    is opened once, by the gravest of what is about it. Empty for a run that missed nothing."""
    found = openers(verdict)
    opened = [
        (found.index(opener), play, opener)
        for play in PLAYS
        if (opener := next((one for one in found if play.opens(one)), None)) is not None
    ]
    return tuple(
        Step(
            play=play.title,
            opened_by=opener.sentence,
            number=number,
            action=row.action,
            seen=row.tell(Case(verdict, opener)),
            manual=row.manual,
        )
        for _, play, opener in sorted(opened, key=lambda one: one[0])
        for number, row in enumerate(play.rows, 1)
    )
