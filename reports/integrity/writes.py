"""The ledger's writes of one kind, each with all that happened to it, as flat arrays. (pure)

Ten million writes fit into a few hundred megabytes this way, and every question about them is a numpy expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.core import ids
from harness.core.ledger import WriteKind, WriteStep
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES
from harness.evidence.columns import halves
from reports.integrity.columns import Flags, Integers, Numbers

Places = Numbers
"""person << 32 | sequence, as `harness.core.ids.places` gives them."""

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False, slots=True)
class Writes:
    """Writes in the order of their places; row i of every array is the same write. Instants are run microseconds.

    acknowledged, refused, unsettled, unsent, dropped, forgotten: whether that ever happened to it.
    sent: how many requests carried it. unheard: whether one of them got no answer.
    first_sent, first_acknowledged, last_said: instants of its first request, first yes, last word of any kind.
    marked: whether its detail is the one that was asked for.
    row: the server's own id for it, as two halves; 0 where it said none.
    content: all that was sent, as one number (`harness.core.content`); 0 where nobody noted it.
    """

    kind: WriteKind
    place: Places
    intended: Integers
    key: Numbers
    marked: Flags
    row: tuple[Numbers, Numbers]
    sent: npt.NDArray[np.int32]
    first_sent: Integers
    first_acknowledged: Integers
    last_said: Integers
    acknowledged: Flags
    refused: Flags
    unsettled: Flags
    unheard: Flags
    unsent: Flags
    dropped: Flags
    forgotten: Flags
    content: Numbers

    def __len__(self) -> int:
        return len(self.place)

    def find(self, place: Places) -> Integers:
        """The row of each place; -1 where the ledger has none."""
        at, found = _at(self.place, place)
        rows: Integers = np.where(found, at, -1)
        return rows


LedgerRows = Callable[[str, Sequence[str]], Iterable[pa.RecordBatch]]
"""Some columns of a table of the ledger, piece by piece: `RunFiles.rows`."""

_NAME = ("kind", "person", "sequence")
_NO_WORD = (WriteStep.DROPPED, WriteStep.FORGOTTEN)
"""Steps that answer no request."""


def of_kind(kind: WriteKind, rows: LedgerRows, *, marked: str | None = None) -> Writes:
    """Gather the writes of one kind from the two tables of the ledger.

    A write noted twice (which only a bug of ours could do) counts as one; a step without its write is left out.
    """
    place, intended, key, flags, content = _noted(kind, rows, marked)
    fates = _Fates(place)
    named = ("row",) if kind is WriteKind.MESSAGE else ()  # no other kind is looked for by the server's own ids
    for batch in _chosen(kind, rows(LEDGER_STEPS, (*_NAME, "at_us", "step", *named))):
        fates.absorb(batch)
    return Writes(
        kind=kind,
        place=place,
        intended=intended,
        key=key,
        marked=flags,
        row=fates.row,
        sent=fates.sent,
        first_sent=fates.first_sent,
        first_acknowledged=fates.first_acknowledged,
        last_said=fates.last_said,
        acknowledged=fates.ever(WriteStep.ACKNOWLEDGED),
        refused=fates.ever(WriteStep.REFUSED),
        unsettled=fates.ever(WriteStep.UNSETTLED),
        unheard=fates.ever(WriteStep.UNANSWERED) | (fates.sent > fates.answers),
        unsent=fates.ever(WriteStep.UNSENT),
        dropped=fates.ever(WriteStep.DROPPED),
        forgotten=fates.ever(WriteStep.FORGOTTEN),
        content=content,
    )


@dataclass(frozen=True, slots=True)
class WriteFacts:
    """What the ledger says about one write beyond its fate. Ids as 16 bytes."""

    subject: bytes | None
    object: bytes | None
    detail: str
    number: int
    parts: int  # of its content


def facts_of(kind: WriteKind, rows: LedgerRows, places: Iterable[int]) -> dict[int, WriteFacts]:
    """The facts of some writes, by place: a second look at the ledger, for the few that people want to see."""
    wanted = np.array(sorted(places), np.uint64)
    found: dict[int, WriteFacts] = {}
    if not len(wanted):
        return found
    for batch in rows(LEDGER_WRITES, (*_NAME, "subject", "object", "detail", "number", "parts")):
        place = _places(batch)
        _, among = _at(wanted, place)
        for index in np.flatnonzero(among & (batch["kind"].to_numpy() == int(kind))):
            row = batch.slice(int(index), 1).to_pylist()[0]
            facts = WriteFacts(row["subject"], row["object"], row["detail"], row["number"], row["parts"] or 0)
            found[int(place[index])] = facts
    return found


def found_by(writes: Writes, column: pa.ChunkedArray, run_tag: int) -> tuple[Flags, Integers]:
    """Which of these client-made ids carry the run's tag, and the row of `Writes` of each; -1 where there is none.
    Piece by piece: the halves of all ids at once are more than everything else."""
    tagged, row = np.zeros(len(column), np.bool_), np.full(len(column), -1, np.int64)
    first = 0
    for chunk in column.chunks:
        at = slice(first, first + len(chunk))
        tagged[at], place = ids.places(run_tag, *halves(pa.chunked_array([chunk])))
        row[at][tagged[at]] = writes.find(place[tagged[at]])
        first = at.stop
    return tagged, row


def _chosen(kind: WriteKind, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        chosen = batch.filter(pc.equal(batch["kind"], int(kind)))
        if chosen.num_rows:
            yield chosen


def _noted(kind: WriteKind, rows: LedgerRows, marked: str | None) -> tuple[Places, Integers, Numbers, Flags, Numbers]:
    """The writes themselves: place, instant, key, whether the detail is the one asked for, content; sorted by place."""
    kinds = (np.uint64, np.int64, np.uint64, np.bool_, np.uint64)
    pieces: list[list[npt.ArrayLike]] = [[] for _ in kinds]
    words = () if marked is None else ("detail",)
    for batch in _chosen(kind, rows(LEDGER_WRITES, (*_NAME, "at_us", "key", "content", *words))):
        flag = np.zeros(batch.num_rows, np.bool_)  # none asked for: none
        if marked is not None:
            flag = np.asarray(pc.fill_null(pc.equal(batch["detail"], marked), False))
        content = pc.fill_null(batch["content"], 0).to_numpy()
        found = (_places(batch), batch["at_us"].to_numpy(), batch["key"].to_numpy(), flag, content)
        for column, values in zip(pieces, found, strict=True):
            column.append(values)
    first, columns = np.zeros(0, np.int64), []
    for number, type_ in enumerate(kinds):
        joined = _joined(pieces[number], type_)
        pieces[number].clear()  # one after the other: they are the most that is in memory
        first = first if number else _first_of_each(joined)
        columns.append(joined[first])
    place, intended, key, flagged, content_ = columns
    return place, intended, key, flagged, content_


def _first_of_each(place: Places) -> Integers:
    """The first row of each place, by place."""
    order = np.argsort(place)  # far quicker than a stable order, which only what stands twice needs
    ordered = place[order]
    if (ordered[1:] == ordered[:-1]).any():
        return np.unique(place, return_index=True)[1]
    return order


class _Fates:
    """What became of each write, gathered batch by batch: memory goes with the writes, not with their steps."""

    def __init__(self, place: Places) -> None:
        size = len(place)
        self._place, self._begins = place, _begins(place)
        self.sent, self.answers = np.zeros(size, np.int32), np.zeros(size, np.int32)
        self.first_sent, self.first_acknowledged = np.full(size, NEVER, np.int64), np.full(size, NEVER, np.int64)
        self.last_said = np.full(size, -NEVER, np.int64)
        self._steps = np.zeros(size, np.uint16)  # a bit for each step that there was
        self.row = np.zeros(size, np.uint64), np.zeros(size, np.uint64)

    def ever(self, step: WriteStep) -> Flags:
        """Which writes had that step."""
        flags: Flags = (self._steps & np.uint16(1 << step)) != 0
        return flags

    def absorb(self, batch: pa.RecordBatch) -> None:
        at, found = self._where(batch)
        row, step, instant = at[found], batch["step"].to_numpy()[found], batch["at_us"].to_numpy()[found]
        sent, acknowledged = step == WriteStep.SENT, step == WriteStep.ACKNOWLEDGED
        np.add.at(self.sent, row[sent], 1)
        np.add.at(self.answers, row[~sent & ~np.isin(step, _NO_WORD)], 1)
        np.minimum.at(self.first_sent, row[sent], instant[sent])
        np.minimum.at(self.first_acknowledged, row[acknowledged], instant[acknowledged])
        np.maximum.at(self.last_said, row, instant)
        np.bitwise_or.at(self._steps, row, np.left_shift(np.uint16(1), step.astype(np.uint16)))
        if "row" not in batch.schema.names:
            return
        named = np.asarray(pc.is_valid(batch["row"])) & found
        if named.any():
            high, low = halves(pa.chunked_array([batch["row"].filter(pa.array(named))]))
            self.row[0][at[named]], self.row[1][at[named]] = high, low

    def _where(self, batch: pa.RecordBatch) -> tuple[Integers, Flags]:
        """As `_at`. A person's writes are numbered one after the other, so most stand where counting says."""
        person, asked = batch["person"].to_numpy().astype(np.int64), _places(batch)
        if not len(self._place):
            return np.zeros(len(asked), np.int64), np.zeros(len(asked), np.bool_)
        begin = self._begins[np.minimum(person, len(self._begins) - 1)]
        ahead = asked.astype(np.int64) - self._place[begin].astype(np.int64)
        at = np.clip(begin + ahead, 0, len(self._place) - 1)
        found: Flags = self._place[at] == asked
        rest = np.flatnonzero(~found)
        rest = rest[np.argsort(asked[rest])]  # in order, so that the search goes through memory in order
        at[rest], found[rest] = _at(self._place, asked[rest])
        return at, found


def _begins(place: Places) -> Integers:
    """For each person the first of their places; of who has none, another's."""
    people = int(place[-1] >> np.uint64(32)) + 1 if len(place) else 0
    if people > max(1_000_000, 4 * len(place)):  # numbers that no run gives: one place for all
        return np.zeros(1, np.int64)
    found = np.searchsorted(place, np.arange(people, dtype=np.uint64) << np.uint64(32))
    return np.minimum(found, max(len(place) - 1, 0))


def _joined(parts: Sequence[npt.ArrayLike], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _at(place: Places, asked: Places) -> tuple[Integers, Flags]:
    """Where each asked place stands among the sorted ones, and whether it is there at all."""
    at = np.searchsorted(place, asked)
    found = at < len(place)
    found[found] = place[at[found]] == asked[found]
    return at, found


def _places(batch: pa.RecordBatch) -> Places:
    person, sequence = batch["person"].to_numpy(), batch["sequence"].to_numpy()
    packed: Places = person.astype(np.uint64) << np.uint64(32) | sequence.astype(np.uint64)
    return packed
