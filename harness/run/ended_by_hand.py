"""Whether somebody ended a run: whoever makes several, one after the other, makes no more then."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import EndedByHand
from harness.core.interrupts import Interrupted
from harness.core.run_spec import ENDED_BY_BUTTON, ENDED_BY_SIGNAL, ENDED_BY_SWITCH
from harness.record.store import open_run


def refuse_to_go_on(folder: Path) -> None:
    """A run that somebody ends comes to its end in order, and its record is closed like any other's: to look at it as
    an answer, or to make it again, would put the load back that was to go.

    :raises Interrupted: a signal ended it. :raises EndedByHand: the kill switch or a button did.
    """
    reason = open_run(folder).manifest.abort_reason
    if reason.startswith(ENDED_BY_SIGNAL):
        interrupted = Interrupted()
        interrupted.while_("under load; no further run is begun", record=str(folder))
        raise interrupted
    if reason.startswith((ENDED_BY_SWITCH, ENDED_BY_BUTTON)):
        raise EndedByHand(f"{reason}; no further run is begun", where=str(folder))
