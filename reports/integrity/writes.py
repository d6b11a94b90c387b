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

from harness.ledger import Step, WriteKind
from harness.record.schema import LEDGER_STEPS, LEDGER_WRITES
from reports.integrity.columns import Flags, Integers, Numbers, halves

Places = Numbers
"""person << 32 | sequence, as `harness.ids.places` gives them."""

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False, slots=True)
class Writes:
    """Writes in the order of their places; row i of every array is the same write. Instants are run microseconds.

    acknowledged, refused, unsettled, unsent, dropped: whether that ever happened to it.
    sent: how many requests carried it. unheard: whether one of them got no answer.
    first_sent, first_acknowledged, last_said: instants of its first request, first yes, last word of any kind.
    marked: whether its detail is the one that was asked for.
    row: the server's own id for it, as two halves; 0 where it said none.
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

    def __len__(self) -> int:
        return len(self.place)

    def find(self, place: Places) -> Integers:
        """The row of each place; -1 where the ledger has none."""
        at, found = _at(self.place, place)
        rows: Integers = np.where(found, at, -1)
        return rows


Rows = Callable[[str, Sequence[str]], Iterable[pa.RecordBatch]]
"""Some columns of a table of the ledger, piece by piece: `RunFiles.rows`."""

_NAME = ("kind", "person", "sequence")


def of_kind(kind: WriteKind, rows: Rows, *, marked: str | None = None) -> Writes:
    """Gather the writes of one kind from the two tables of the ledger.

    A write noted twice (which only a bug of ours could do) counts as one; a step without its write is left out.
    """
    noted = _Columns(_chosen(kind, rows(LEDGER_WRITES, (*_NAME, "at_us", "key", "detail"))))
    detail = [pc.fill_null(pc.equal(batch["detail"], marked or ""), False) for batch in noted.batches]
    place, first = np.unique(noted.places(), return_index=True)
    happened = _Columns(_chosen(kind, rows(LEDGER_STEPS, (*_NAME, "at_us", "step", "row"))))
    at, found = _at(place, happened.places())
    row, step, instant = at[found], happened.numbers("step")[found], happened.numbers("at_us")[found]
    sent = np.bincount(row[step == Step.SENT], minlength=len(place))
    answers = np.bincount(row[(step != Step.SENT) & (step != Step.DROPPED)], minlength=len(place))
    ever = {kind_: _ever(row, step == kind_, len(place)) for kind_ in Step}
    return Writes(
        kind=kind,
        place=place,
        intended=noted.numbers("at_us")[first],
        key=noted.numbers("key")[first].astype(np.uint64),
        marked=_joined(detail, np.bool_)[first] & (marked is not None),
        row=happened.said(at, found, len(place)),
        sent=sent,
        first_sent=_earliest(row, instant, step == Step.SENT, len(place)),
        first_acknowledged=_earliest(row, instant, step == Step.ACKNOWLEDGED, len(place)),
        last_said=_latest(row, instant, len(place)),
        acknowledged=ever[Step.ACKNOWLEDGED],
        refused=ever[Step.REFUSED],
        unsettled=ever[Step.UNSETTLED],
        unheard=ever[Step.UNANSWERED] | (sent > answers),
        unsent=ever[Step.UNSENT],
        dropped=ever[Step.DROPPED],
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ledger says about one write beyond its fate. Ids as 16 bytes."""

    subject: bytes | None
    object: bytes | None
    detail: str
    number: int


def facts_of(kind: WriteKind, rows: Rows, places: Iterable[int]) -> dict[int, Facts]:
    """The facts of some writes, by place: a second look at the ledger, for the few that people want to see."""
    wanted = np.array(sorted(places), np.uint64)
    found: dict[int, Facts] = {}
    if not len(wanted):
        return found
    for batch in _chosen(kind, rows(LEDGER_WRITES, (*_NAME, "subject", "object", "detail", "number"))):
        place = _places(batch)
        for index in np.flatnonzero(np.isin(place, wanted)):
            row = batch.slice(int(index), 1).to_pylist()[0]
            found[int(place[index])] = Facts(row["subject"], row["object"], row["detail"], row["number"])
    return found


def _chosen(kind: WriteKind, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        chosen = batch.filter(pc.equal(batch["kind"], int(kind)))
        if chosen.num_rows:
            yield chosen


class _Columns:
    """Batches of one table, read column by column as whole arrays."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.batches = list(batches)

    def places(self) -> Places:
        return _joined((_places(batch) for batch in self.batches), np.uint64)

    def numbers(self, name: str) -> Integers:
        return _joined((batch[name].to_numpy() for batch in self.batches), None)

    def said(self, at: Integers, found: Flags, size: int) -> tuple[Numbers, Numbers]:
        """The server's own id of each write, from the steps that name one."""
        high, low = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
        start = 0
        for batch in self.batches:
            here = slice(start, start + batch.num_rows)
            start += batch.num_rows
            named = np.asarray(pc.is_valid(batch["row"])) & found[here]
            if named.any():
                row = at[here][named]
                high[row], low[row] = halves(pa.chunked_array([batch["row"].filter(pa.array(named))]))
        return high, low


def _joined(parts: Iterable[npt.ArrayLike], kind: npt.DTypeLike | None) -> npt.NDArray[Any]:
    arrays = [np.asarray(part) for part in parts]
    return np.concatenate(arrays) if arrays else np.zeros(0, kind or np.int64)


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


def _ever(row: Integers, chosen: Flags, size: int) -> Flags:
    flags = np.zeros(size, np.bool_)
    flags[row[chosen]] = True
    return flags


def _earliest(row: Integers, instant: Integers, chosen: Flags, size: int) -> Integers:
    """Per write; NEVER where it did not happen."""
    first = np.full(size, NEVER, np.int64)
    np.minimum.at(first, row[chosen], instant[chosen])
    return first


def _latest(row: Integers, instant: Integers, size: int) -> Integers:
    last = np.full(size, -NEVER, np.int64)
    np.maximum.at(last, row, instant)
    return last
