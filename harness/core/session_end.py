"""How a session ended: the values of the arrivals table's column `end`. (pure)"""

from __future__ import annotations

from enum import StrEnum


class SessionEnd(StrEnum):
    """Empty in the record: its process died first."""

    FINISHED = "finished"  # the person was done
    LIMITED = "limited"  # kept out: a limit refused the sign-in, the sign-up or the refresh (429)
    KEPT_OUT = "kept_out"  # never got in, for another reason
    STOPPED = "stopped"  # got in, and could not go on: what the next step needs did not come
    CLOSED = "closed"  # the run ended it
    FAILED = "failed"  # a fault of the harness
    NEVER_STARTED = "never_started"


BROKEN_OFF = (SessionEnd.LIMITED, SessionEnd.KEPT_OUT, SessionEnd.STOPPED)
"""Not for want of wanting: the target did not let the person go on."""
