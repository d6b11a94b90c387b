"""Messages: exactly once, lost, doubled, in order (contract 8.3, I18, I19). (pure)

Nothing in the shipped schema makes a message's client id unique: a reply that is lost and a person who tries again are
two rows (trap T43). Deleting takes the client id away and editing moves it (trap T44), so a row is found by its client
id, by the one in its meta, or by the row id that the server answered with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.evidence.columns import halves
from reports.integrity.columns import Flags, Integers, Numbers, StoredRows, integers, parted
from reports.integrity.writes import NEVER, Writes, found_by


@dataclass(frozen=True, eq=False, slots=True)
class StoredMessages:
    """The rows of `messages` that this run made; `write` is the row of `Writes` each belongs to, -1 for none.
    others: all other rows."""

    table: StoredRows
    created: Integers  # microseconds since 1970
    write: Integers
    others: pa.Table

    def dated(self, column: str, wanted: Iterable[bytes]) -> dict[bytes, int]:
        """When each message was made whose `column` is among `wanted`, microseconds since 1970, by id. Whoever wrote
        it: the assistant's and another run's are messages as well."""
        values = pa.array(sorted(wanted), pa.binary(16))
        found: dict[bytes, int] = {}
        for table, created in ((self.table, self.created), (self.others, integers(self.others["created_at"]))):
            rows = pc.indices_nonzero(pc.is_in(table[column], value_set=values))
            found |= zip(table["id"].take(rows).to_pylist(), created[rows.to_numpy()].tolist(), strict=True)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class MessageClasses:
    """Every message in exactly one of the first four; the others lie over them."""

    exactly_once: Flags
    lost: Flags
    recovered: Flags
    absent: Flags
    doubled: Flags
    refused_but_stored: Flags
    unknown: Integers  # rows of the stored table with an id of this run that nobody made


def matched(writes: Writes, table: StoredRows, run_tag: int) -> StoredMessages:
    """The rows that this run made, each with its write, and all others."""
    write = np.full(table.num_rows, -1, np.int64)
    ours = np.zeros(table.num_rows, np.bool_)
    for column in ("meta_client_id", "client_id"):  # the column proper has the last word
        tagged, found = found_by(writes, table[column], run_tag)
        write = np.where(tagged & (found >= 0), found, write)
        ours |= tagged
    by_row = _by_row(writes, halves(table["id"]))
    write = np.where(write < 0, by_row, write)
    ours |= by_row >= 0
    mine, others = parted(table, ours)
    return StoredMessages(mine, integers(table["created_at"])[ours], write[ours], others)


def _by_row(writes: Writes, row: tuple[Numbers, Numbers]) -> Integers:
    """The write whose answer named each row; -1 for none."""
    high, low = writes.row
    named = np.flatnonzero((high | low) != 0)
    if not len(named):
        return np.full(len(row[0]), -1, np.int64)
    mixed = high[named] ^ low[named]
    order = np.argsort(mixed, kind="stable")
    at = np.minimum(np.searchsorted(mixed[order], row[0] ^ row[1]), len(named) - 1)
    candidate = named[order[at]]
    found: Integers = np.where((high[candidate] == row[0]) & (low[candidate] == row[1]), candidate, -1)
    return found


def classify(writes: Writes, stored: StoredMessages) -> MessageClasses:
    """Put every message where it belongs."""
    known = stored.write >= 0
    rows = np.bincount(stored.write[known], minlength=len(writes))
    yes, present = writes.acknowledged, rows > 0
    return MessageClasses(
        exactly_once=yes & (rows == 1),
        lost=yes & ~present,
        recovered=~yes & present,
        absent=~yes & ~present,
        doubled=rows > 1,
        refused_but_stored=writes.refused & present & ~(yes | writes.unsettled | writes.unheard),
        unknown=np.flatnonzero(~known),
    )


def out_of_order(writes: Writes, stored: StoredMessages) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of one sender's messages in one conversation that the server put the other way round.

    Order is promised where the later one was sent only after the earlier one had been acknowledged. Per conversation
    and sender, in the order of the rows: a row is out of place when some row behind it had been acknowledged before
    it was sent, which the smallest acknowledgement behind it tells.
    """
    once = np.flatnonzero(stored.write >= 0)
    write = stored.write[once]
    group = _groups(stored.table["conversation_id"].take(pa.array(once)), writes.place[write] >> np.uint64(32))
    order = np.lexsort((stored.created[once], group))
    write, group = write[order], group[order]
    sent, acknowledged = writes.first_sent[write], writes.first_acknowledged[write]
    pairs: list[tuple[int, int]] = []
    for start, end in _suspects(group, sent, acknowledged):
        behind = np.minimum.accumulate(acknowledged[start:end][::-1])[::-1]
        for late in np.flatnonzero(behind[1:] < sent[start:end][:-1]):
            early = start + late + 1 + int(np.argmin(acknowledged[start + late + 1 : end]))
            pairs.append((int(write[early]), int(write[start + late])))
    return pairs


def _groups(conversation: pa.ChunkedArray, sender: Numbers) -> Numbers:
    high, low = halves(conversation)
    mixed: Numbers = (high ^ low) * np.uint64(0x9E3779B97F4A7C15) ^ sender
    return mixed


def _suspects(group: Numbers, sent: Integers, acknowledged: Integers) -> list[tuple[int, int]]:
    """Begin and end of each stretch of equal values that holds a row sent after one behind it was acknowledged.

    The smallest acknowledgement behind each row is found for all groups at once: going backwards, each group is lifted
    above the one before it, so that nothing of a later group is small enough to count in an earlier one.
    """
    if len(group) < 2:
        return []
    cuts = np.flatnonzero(group[1:] != group[:-1]) + 1
    begins, ends = np.concatenate(([0], cuts)), np.concatenate((cuts, [len(group)]))
    rank = np.repeat(np.arange(len(begins)), ends - begins)
    told = acknowledged != NEVER
    highest = int(acknowledged.max(where=told, initial=0)) + 1
    lowest = int(acknowledged.min(where=told, initial=0))
    step = highest - lowest + 1
    if step * len(begins) >= NEVER // 2:  # instants that no run has
        return [(a, b) for a, b in zip(begins.tolist(), ends.tolist(), strict=True) if b - a > 1]
    lifted = np.where(told, acknowledged, highest) - lowest + rank * step
    behind = np.minimum.accumulate(lifted[::-1])[::-1]
    late = (rank[1:] == rank[:-1]) & (behind[1:] - rank[1:] * step + lowest < np.minimum(sent[:-1], highest))
    found = np.unique(rank[:-1][late])
    return list(zip(begins[found].tolist(), ends[found].tolist(), strict=True))
