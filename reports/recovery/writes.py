"""What faults did to writes, from the ledger: tries, retries, duplicates, and the events that phones held back. (pure)

A write's attempts are the requests that carried it: each SENT step begins one, the steps up to the next SENT are its
answers. A retry is concurrent when it left before the first answer of any kind had come: the first request was still
in flight. It was needless when the write had been acknowledged before, or the answer to it was 409: already there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import OUTCOME_CODE, Outcome
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES
from reports.integrity.writes import NEVER, LedgerRows
from reports.recovery.model import Queue, Try, WritePressure

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SHOWN_TRIES = 5
"""Attempts with a row of their own; later ones share the last row."""
STRAGGLERS = 0.05
"""Of what a fault left behind: so many may still be held when a queue counts as drained. Phones that are gone for good
would otherwise keep it open for ever; they are told as `left`."""
_ENDS = (WriteStep.ACKNOWLEDGED, WriteStep.REFUSED, WriteStep.DROPPED, WriteStep.FORGOTTEN)
_NO_ANSWER = (WriteStep.SENT, WriteStep.UNSENT, WriteStep.DROPPED, WriteStep.FORGOTTEN)


@dataclass(frozen=True, eq=False, slots=True)
class Lives:
    """Writes of one kind and the attempts that carried them, as flat arrays. Instants are run microseconds.

    Per write: wanted; closed (first acknowledgement, refusal or loss on the phone) and acknowledged, NEVER where it did
    not happen.
    Per attempt: `of`, the write's row; number, from 1; acknowledged; concurrent; needless.
    """

    kind: WriteKind
    wanted: Integers
    closed: Integers
    acknowledged: Integers
    of: Integers
    number: Integers
    success: Flags
    concurrent: Flags
    needless: Flags


def lives(kind: WriteKind, rows: LedgerRows) -> Lives:
    """Gather one kind from the two tables of the ledger. Steps of a write that was never noted are left out."""
    noted = _columns(kind, rows, LEDGER_WRITES, ("at_us",))
    place, first = np.unique(noted["place"], return_index=True)
    steps = _columns(kind, rows, LEDGER_STEPS, ("at_us", "step", "outcome"))
    write = np.searchsorted(place, steps["place"])
    known = write < len(place)
    known[known] = place[write[known]] == steps["place"][known]
    order = np.lexsort((steps["at_us"][known], write[known]))  # stable: ties stay as they were written
    write, at, step, outcome = (
        column[known][order] for column in (write.astype(np.int64), steps["at_us"], steps["step"], steps["outcome"])
    )
    size, sent = len(place), step == WriteStep.SENT
    attempt = np.cumsum(sent) - 1  # over all writes; a step before the first SENT of its write belongs to none
    of = write[sent]
    starts = np.searchsorted(of, np.arange(size))
    number = np.arange(len(of)) - starts[of] + 1
    owned = (attempt >= 0) & ~sent
    owned[owned] &= of[attempt[owned]] == write[owned]
    yes = owned & (step == WriteStep.ACKNOWLEDGED)
    there = yes & (outcome == OUTCOME_CODE[Outcome.CONFLICT])
    heard = _earliest(write, at, ~np.isin(step, _NO_ANSWER), size)
    acknowledged = _earliest(write, at, step == WriteStep.ACKNOWLEDGED, size)
    left, retry = at[sent], number > 1
    return Lives(
        kind=kind,
        wanted=noted["at_us"][first],
        closed=_earliest(write, at, np.isin(step, _ENDS), size),
        acknowledged=acknowledged,
        of=of,
        number=number,
        success=np.bincount(attempt[yes], minlength=len(of)) > 0,
        concurrent=retry & (left < heard[of]),
        needless=retry & ((np.bincount(attempt[there], minlength=len(of)) > 0) | (acknowledged[of] < left)),
    )


def pressure(found: Lives, start_us: int, end_us: int) -> WritePressure | None:
    """What became of the writes that were wanted in [start_us, end_us); None when there was none."""
    chosen = (found.wanted >= start_us) & (found.wanted < end_us)
    if not chosen.any():
        return None
    mine = chosen[found.of]
    number, success = found.number[mine], found.success[mine]
    return WritePressure(
        kind=found.kind.name.lower(),
        writes=int(chosen.sum()),
        acknowledged=int((found.acknowledged[chosen] < NEVER).sum()),
        requests=int(mine.sum()),
        retries=int((number > 1).sum()),
        concurrent=int(found.concurrent[mine].sum()),
        needless=int(found.needless[mine].sum()),
        tries=tuple(_tries(number, success)),
    )


def _tries(number: Integers, success: Flags) -> Iterator[Try]:
    for attempt in range(1, SHOWN_TRIES + 1):
        last = attempt == SHOWN_TRIES
        here = number >= attempt if last else number == attempt
        if here.any():
            more = last and bool((number > attempt).any())
            yield Try(attempt=attempt, tried=int(here.sum()), succeeded=int(success[here].sum()), more=more)


def held(found: Lives, at_us: Integers) -> Integers:
    """How many were wanted and not yet closed at each of these instants."""
    wanted, closed = np.sort(found.wanted), np.sort(found.closed)
    return np.searchsorted(wanted, at_us, "right") - np.searchsorted(closed, at_us, "right")


def queue(found: Lives, end_s: float, record_end_s: float, calm: tuple[float, float] | None) -> Queue | None:
    """The queue that a fault left behind, watched to the end of the record; None when nothing was ever wanted."""
    if not len(found.wanted):
        return None
    end = round(end_s * 1e6)
    backlog = (found.wanted < end) & (found.closed > end)
    usual, drained = None, None
    if calm is not None:
        usual = int(held(found, _instants(*calm)).max())
        after = np.concatenate([np.array([end], np.int64), _instants(np.floor(end_s) + 1, record_end_s)])
        low = np.flatnonzero(held(found, after) <= usual + STRAGGLERS * int(backlog.sum()))
        drained = (int(after[low[0]]) - end) / 1e6 if len(low) else None
    arrived = backlog & (found.acknowledged < NEVER)
    ages = (found.acknowledged - found.wanted)[arrived]
    return Queue(
        usual=usual,
        at_end=int(backlog.sum()),
        drained_after_s=drained,
        oldest_s=float(ages.max()) / 1e6 if len(ages) else None,
        left=int((found.closed[backlog] == NEVER).sum()),
    )


def _instants(start_s: float, end_s: float) -> Integers:
    return np.arange(start_s, max(end_s, start_s) + 1, dtype=np.int64) * 1_000_000


def _earliest(write: Integers, at: Integers, chosen: Flags, size: int) -> Integers:
    """Per write, of rows in the order of write and instant; NEVER where none was chosen."""
    first = np.full(size, NEVER, np.int64)
    mine, instant = write[chosen], at[chosen]
    begins = np.flatnonzero(np.diff(mine, prepend=-1))
    first[mine[begins]] = instant[begins]
    return first


def _columns(kind: WriteKind, rows: LedgerRows, table: str, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in ("place", *names)}
    for batch in rows(table, ("kind", "person", "sequence", *names)):
        mine: pa.RecordBatch = batch.filter(pc.equal(batch["kind"], int(kind)))
        person, sequence = (mine[name].to_numpy().astype(np.int64) for name in ("person", "sequence"))
        parts["place"].append(person << 32 | sequence)
        for name in names:
            parts[name].append(mine[name].to_numpy())
    return {name: np.concatenate(part) if part else np.zeros(0, np.int64) for name, part in parts.items()}
