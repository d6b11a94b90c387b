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
    sent: Integers
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
    for batch in _chosen(kind, rows(LEDGER_STEPS, (*_NAME, "at_us", "step", "row"))):
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
        acknowledged=fates.ever[WriteStep.ACKNOWLEDGED],
        refused=fates.ever[WriteStep.REFUSED],
        unsettled=fates.ever[WriteStep.UNSETTLED],
        unheard=fates.ever[WriteStep.UNANSWERED] | (fates.sent > fates.answers),
        unsent=fates.ever[WriteStep.UNSENT],
        dropped=fates.ever[WriteStep.DROPPED],
        forgotten=fates.ever[WriteStep.FORGOTTEN],
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
    for batch in _chosen(kind, rows(LEDGER_WRITES, (*_NAME, "subject", "object", "detail", "number", "parts"))):
        place = _places(batch)
        for index in np.flatnonzero(np.isin(place, wanted)):
            row = batch.slice(int(index), 1).to_pylist()[0]
            facts = WriteFacts(row["subject"], row["object"], row["detail"], row["number"], row["parts"] or 0)
            found[int(place[index])] = facts
    return found


def _chosen(kind: WriteKind, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        chosen = batch.filter(pc.equal(batch["kind"], int(kind)))
        if chosen.num_rows:
            yield chosen


def _noted(kind: WriteKind, rows: LedgerRows, marked: str | None) -> tuple[Places, Integers, Numbers, Flags, Numbers]:
    """The writes themselves: place, instant, key, whether the detail is the one asked for, content; sorted by place."""
    pieces: list[tuple[npt.ArrayLike, ...]] = []
    for batch in _chosen(kind, rows(LEDGER_WRITES, (*_NAME, "at_us", "key", "detail", "content"))):
        flag = pc.fill_null(pc.equal(batch["detail"], pa.scalar(marked, pa.string())), False)  # none asked for: none
        content = pc.fill_null(batch["content"], 0).to_numpy()
        key_ = batch["key"].to_numpy()
        pieces.append((_places(batch), batch["at_us"].to_numpy(), key_, np.asarray(flag), content))
    place, intended, key, flagged, content_ = (
        _joined([piece[column] for piece in pieces], type_)
        for column, type_ in enumerate((np.uint64, np.int64, np.uint64, np.bool_, np.uint64))
    )
    place, first = np.unique(place, return_index=True)
    return place, intended[first], key[first], flagged[first], content_[first]


class _Fates:
    """What became of each write, gathered batch by batch: memory goes with the writes, not with their steps."""

    def __init__(self, place: Places) -> None:
        size = len(place)
        self._place = place
        self.sent, self.answers = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.first_sent, self.first_acknowledged = np.full(size, NEVER, np.int64), np.full(size, NEVER, np.int64)
        self.last_said = np.full(size, -NEVER, np.int64)
        self.ever = {step: np.zeros(size, np.bool_) for step in WriteStep}
        self.row = np.zeros(size, np.uint64), np.zeros(size, np.uint64)

    def absorb(self, batch: pa.RecordBatch) -> None:
        at, found = _at(self._place, _places(batch))
        row, step, instant = at[found], batch["step"].to_numpy()[found], batch["at_us"].to_numpy()[found]
        sent, acknowledged = step == WriteStep.SENT, step == WriteStep.ACKNOWLEDGED
        np.add.at(self.sent, row[sent], 1)
        np.add.at(self.answers, row[~sent & ~np.isin(step, _NO_WORD)], 1)
        np.minimum.at(self.first_sent, row[sent], instant[sent])
        np.minimum.at(self.first_acknowledged, row[acknowledged], instant[acknowledged])
        np.maximum.at(self.last_said, row, instant)
        for kind, ever in self.ever.items():
            ever[row[step == kind]] = True
        named = np.asarray(pc.is_valid(batch["row"])) & found
        if named.any():
            high, low = halves(pa.chunked_array([batch["row"].filter(pa.array(named))]))
            self.row[0][at[named]], self.row[1][at[named]] = high, low


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
