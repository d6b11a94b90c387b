"""The ledger's writes of one kind, each with all that happened to it, as flat arrays. (pure)

Ten million writes fit into a few hundred megabytes this way, and every question about them is a numpy expression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.ledger import Step, WriteKind
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
    row: the server's own id for it, as two halves; 0 where it said none.
    """

    kind: WriteKind
    place: Places
    intended: Integers
    key: Numbers
    rows: pa.Table  # subject, object, detail, number
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
        if not len(self.place):
            return np.full(len(place), -1, np.int64)
        at = np.minimum(np.searchsorted(self.place, place), len(self.place) - 1)
        found: Integers = np.where(self.place[at] == place, at, -1)
        return found


def of_kind(kind: WriteKind, writes: pa.Table, steps: pa.Table) -> Writes:
    """Gather the writes of one kind from the two tables of the ledger.

    A write noted twice (which only a bug of ours could do) counts as one; a step without its write is left out.
    """
    chosen = writes.filter(pc.equal(writes["kind"], int(kind)))
    place, first = np.unique(_places(chosen), return_index=True)
    chosen = chosen.take(pa.array(first))
    happened = steps.filter(pc.equal(steps["kind"], int(kind)))
    at = np.searchsorted(place, _places(happened))
    known = at < len(place)
    known[known] = place[at[known]] == _places(happened)[known]
    row, step, instant = at[known], _column(happened, "step")[known], _column(happened, "at_us")[known]
    sent = np.bincount(row[step == Step.SENT], minlength=len(place))
    answers = np.bincount(row[(step != Step.SENT) & (step != Step.DROPPED)], minlength=len(place))
    ever = {kind_: _ever(row, step == kind_, len(place)) for kind_ in Step}
    return Writes(
        kind=kind,
        place=place,
        intended=_column(chosen, "at_us"),
        key=chosen["key"].to_numpy(),
        rows=chosen.select(["subject", "object", "detail", "number"]),
        row=_rows(happened.filter(pa.array(known)), row, len(place)),
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


def _places(table: pa.Table) -> Places:
    person, sequence = _column(table, "person"), _column(table, "sequence")
    packed: Places = person.astype(np.uint64) << np.uint64(32) | sequence.astype(np.uint64)
    return packed


def _column(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = table[name].to_numpy()
    return values


def _rows(happened: pa.Table, row: Integers, size: int) -> tuple[Numbers, Numbers]:
    said = np.asarray(pc.is_valid(happened["row"]))
    high, low = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    high[row[said]], low[row[said]] = halves(happened["row"].filter(pa.array(said)))
    return high, low


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
