"""Writes that the target called done and that reading by time did not bring: what to ask for by name. (pure)

Before anybody calls such a write lost it is looked for by its id, whatever time its row carries (a clock may be wrong,
a row misdated), and an event also by person, key and day: of two events with one key on one day the target keeps one
row, and that row may be an earlier run's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.client.events.event_key import STATUS
from harness.core import ids
from harness.core.ledger import WriteKind, WriteStep
from harness.evidence.columns import Numbers, halves, id_texts

WRITE_COLUMNS = ("kind", "person", "sequence", "key", "detail")
STEP_COLUMNS = ("kind", "person", "sequence", "step", "row")
ASKED_AT_MOST = 20_000
"""Ids asked for one by one. A target that lost more has been caught by then."""


@dataclass(frozen=True, eq=False, slots=True)
class Acknowledged:
    """The writes of one kind that were called done: places in ascending order, and the rows the answers named."""

    place: Numbers
    row: pa.ChunkedArray

    def without(self, found: Numbers) -> Numbers:
        """Those whose place is not among `found`."""
        return np.setdiff1d(self.place, found)


def acknowledged(kind: WriteKind, steps: Iterable[pa.RecordBatch]) -> Acknowledged:
    """From the ledger's steps, `STEP_COLUMNS` of them."""
    places, rows = [], []
    for batch in steps:
        yes = batch.filter(
            pc.and_(pc.equal(batch["kind"], int(kind)), pc.equal(batch["step"], int(WriteStep.ACKNOWLEDGED)))
        )
        if yes.num_rows:
            places.append(_places(yes))
            rows.append(yes["row"])
    return Acknowledged(
        np.unique(np.concatenate(places)) if places else np.zeros(0, np.uint64),
        pa.chunked_array(rows, pa.binary(16)),
    )


def places_in(run_tag: int, batches: Iterable[pa.RecordBatch], *columns: str) -> Numbers:
    """The places that ids of this run in these columns stand for."""
    found = [np.zeros(0, np.uint64)]
    for batch in batches:
        for column in columns:
            ours, place = ids.places(run_tag, *halves(pa.chunked_array([batch[column]])))
            found.append(place[ours])
    return np.concatenate(found)


def id_of(run_tag: int, place: int) -> str:
    """The client-made id that stands for a place."""
    return ids.make(run_tag, place >> 32, place & 0xFFFFFFFF)


def missing_events(
    run_tag: int, told: Acknowledged, writes: Iterable[pa.RecordBatch], rows: Iterable[pa.RecordBatch]
) -> dict[int, int]:
    """Place and key of acknowledged events without a row of their own; not those that only move the library."""
    absent = told.without(places_in(run_tag, rows, "client_event_id"))
    found: dict[int, int] = {}
    for batch in writes if len(absent) else ():
        mine = batch.filter(pc.equal(batch["kind"], int(WriteKind.EVENT)))
        place = _places(mine)
        wanted = np.flatnonzero(np.isin(place, absent))
        for index, key, detail in zip(
            wanted, mine["key"].take(wanted).to_pylist(), mine["detail"].take(wanted).to_pylist(), strict=True
        ):
            if detail != STATUS:
                found[int(place[index])] = key
    return found


def missing_messages(run_tag: int, told: Acknowledged, rows: list[pa.RecordBatch]) -> tuple[list[str], list[str]]:
    """Client ids, and row ids that the target itself named, of acknowledged messages that did not come."""
    absent = told.without(places_in(run_tag, rows, "client_id", "meta_client_id"))
    came = pa.chunked_array([batch["id"] for batch in rows], pa.binary(16))
    named = told.row.filter(pc.invert(pc.is_in(told.row, value_set=pc.unique(came))))
    return [id_of(run_tag, int(place)) for place in absent[:ASKED_AT_MOST]], id_texts(named)[:ASKED_AT_MOST]


def _places(batch: pa.RecordBatch) -> Numbers:
    person, sequence = batch["person"].to_numpy(), batch["sequence"].to_numpy()
    packed: Numbers = person.astype(np.uint64) << np.uint64(32) | sequence.astype(np.uint64)
    return packed
