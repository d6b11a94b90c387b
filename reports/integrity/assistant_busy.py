"""Whoever is told that the assistant types, or has a message waiting, has an answer to come (contract 6.6).

A job is made with each message to the assistant and closed with its answer, and the status is of the newest one that is
open. A status that says busy when every job of its conversation was closed long before the question, or made after
the answer, is an old one or somebody else's. The app shows "typing" and asks on for as long. A function dates the end
of a job before it writes it, and waits for the database with that: so long before as a transaction may be open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.evidence import store
from harness.evidence.readers import ASKED_AT_MOST
from harness.evidence.tables import READERS_JOBS
from reports.integrity.model import Check
from reports.integrity.shown import OPEN_US, Findings
from reports.integrity.view import Shown

CALL = "assistant_status"
CLOSED = frozenset(("done", "failed"))
FOR_EVER = 1 << 62


def checks(kept: Iterable[Shown], folder: Path, zero_us: int, unsure_us: int) -> Iterator[Check]:
    """Nothing where no jobs were read: of all conversations, or of one that was asked about after as many others as
    are read. zero_us: the run's zero on the target's clock, epoch; known give or take `unsure_us`."""
    jobs = _jobs(folder)
    if jobs is None:
        return
    found, looks = Findings(), [one for one in kept if one.call == CALL and one.subject is not None]
    read = frozenset(list(dict.fromkeys(one.subject for one in looks))[:ASKED_AT_MOST])
    for one in looks:
        if one.subject is None or one.subject not in read:
            continue
        found.asked += 1
        if not (one.first or one.second):
            continue
        begun = zero_us + one.begun_us - unsure_us - OPEN_US
        ended = zero_us + one.at_us + unsure_us
        open_ = jobs.get((one.account, one.subject), ())
        if not any(since <= ended and until >= begun for since, until in open_):
            what = "types" if one.first else "has a message waiting"
            found.finds(one, f"the assistant {what}, and no answer was to come", conversation=one.subject)
    if found.asked:
        yield found.check("assistant typing")


def _jobs(folder: Path) -> dict[tuple[bytes, bytes], list[tuple[int, int]]] | None:
    """By person and conversation, since when and until when each was open, epoch us."""
    stored = store.kept(folder, READERS_JOBS)
    if stored is None:
        return None
    found: dict[tuple[bytes, bytes], list[tuple[int, int]]] = defaultdict(list)
    for row in stored.to_pylist():
        begun, ended = row["created_at"], row["updated_at"]
        closed = row["status"] in CLOSED and ended is not None
        since = 0 if begun is None else round(begun.timestamp() * 1e6)
        until = round(ended.timestamp() * 1e6) if closed else FOR_EVER
        found[row["user_id"], row["conversation_id"]].append((since, until))
    return found
