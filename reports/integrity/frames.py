"""The ledger's smaller kinds as frames: one row per write, with the account that made it and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import OUTCOME_CODE, Outcome
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES, SCHEMAS
from reports.integrity.writes import LedgerRows

NAME = ["kind", "person", "sequence"]
_UNCLEAR = (WriteStep.UNSETTLED, WriteStep.UNANSWERED, WriteStep.DROPPED, WriteStep.FORGOTTEN)
"""Steps that end no request: a gateway that gave up, a phone that waits no longer, and what no request carried."""


def writes(rows: LedgerRows, kinds: Iterable[WriteKind]) -> pd.DataFrame:
    """Writes of some kinds: the ledger's columns, user_id (None where a person has several accounts), sent_us, done_us
    (when nothing more can come of it: the last word, or infinite), acknowledged, conflict (whether an answer said that
    it is there already) and unheard (whether a request that carried it got no clear answer, and so may be carried out
    at any time, also when the next one was acknowledged)."""
    wanted = [int(kind) for kind in kinds]
    noted = _frame(LEDGER_WRITES, rows, wanted)
    steps = _frame(LEDGER_STEPS, rows, wanted)
    sent = steps[steps["step"] == WriteStep.SENT].groupby(NAME)["at_us"].min().rename("sent_us")
    said = steps[steps["step"] != WriteStep.SENT]
    words = said.assign(
        acknowledged=said["step"] == WriteStep.ACKNOWLEDGED, conflict=said["outcome"] == OUTCOME_CODE[Outcome.CONFLICT]
    ).groupby(NAME)
    done = words["at_us"].max().rename("done_us")
    tries = steps["step"].map({WriteStep.SENT: 1, **dict.fromkeys(_UNCLEAR, 0)}).fillna(-1)
    silent = steps.assign(tries=tries).groupby(NAME)["tries"].sum().gt(0).rename("unheard")
    found = noted.drop_duplicates(NAME)
    for column in (sent, done, words["acknowledged"].any(), words["conflict"].any(), silent):
        found = found.join(column, on=NAME)
    for name in ("acknowledged", "conflict", "unheard"):
        found[name] = found[name].astype("boolean").fillna(False).astype(bool)
    found["sent_us"] = found["sent_us"].fillna(found["at_us"])
    found["done_us"] = found["done_us"].fillna(float("inf")).where(~found["unheard"], float("inf"))
    return found.join(accounts(rows), on="person")


class Smaller:
    """The ledger without its two large kinds, read once and kept: the others are asked about again and again. To be
    called as `LedgerRows`."""

    def __init__(self, rows: LedgerRows, details: Iterable[str] = ()) -> None:
        self._rows, self._details = rows, pa.array(sorted(details), pa.string())
        self._kept: dict[str, pa.Table] = {}
        self._events: list[pa.RecordBatch] = []
        self._last_us = 0

    def __call__(self, table: str, columns: Sequence[str]) -> Iterable[pa.RecordBatch]:
        if table not in self._kept:
            self._kept[table] = pa.Table.from_batches(self._chosen(table), SCHEMAS[table])
        batches: list[pa.RecordBatch] = self._kept[table].select(columns).to_batches()
        return batches

    @property
    def last_us(self) -> int:
        """The last instant of any step, also of the large kinds; 0 without any."""
        self(LEDGER_STEPS, NAME)
        return self._last_us

    def events(self) -> pd.DataFrame:
        """Events with one of `details`, and the account that made each; not what became of them."""
        self(LEDGER_WRITES, NAME)
        return _framed(LEDGER_WRITES, self._events).join(accounts(self), on="person")

    def _chosen(self, table: str) -> Iterator[pa.RecordBatch]:
        large = (int(WriteKind.EVENT), int(WriteKind.MESSAGE))
        for batch in self._rows(table, SCHEMAS[table].names):
            if table == LEDGER_STEPS and batch.num_rows:
                self._last_us = max(self._last_us, pc.max(batch["at_us"]).as_py())
            if table == LEDGER_WRITES:
                wanted = pc.and_(pc.equal(batch["kind"], large[0]), pc.is_in(batch["detail"], self._details))
                self._events.append(batch.filter(wanted))
            kind = batch["kind"].to_numpy()
            rest = np.flatnonzero((kind != large[0]) & (kind != large[1]))
            if len(rest):
                yield batch.take(pa.array(rest))


def smaller(rows: LedgerRows, details: Iterable[str] = ()) -> Smaller:
    """See `Smaller`. `details`: of events that `Smaller.events` shall have."""
    return Smaller(rows, details)


def accounts(rows: LedgerRows) -> pd.DataFrame:
    """The account of each person, by person; people who had several (newcomers) are left out."""
    people = _frame(LEDGER_WRITES, rows, [int(WriteKind.PERSON)])
    known = people.drop_duplicates(["person", "subject"]).drop_duplicates("person", keep=False)
    return known.set_index("person")[["subject"]].rename(columns={"subject": "user_id"})


def _frame(table: str, rows: LedgerRows, kinds: list[int]) -> pd.DataFrame:
    return _framed(table, _of_kinds(table, rows, kinds))


def _framed(table: str, batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    frame: pd.DataFrame = pa.Table.from_batches(batches, SCHEMAS[table]).to_pandas()
    return frame


def _of_kinds(table: str, rows: LedgerRows, kinds: list[int]) -> Iterator[pa.RecordBatch]:
    wanted = pa.array(kinds, pa.uint8())
    return (batch.filter(pc.is_in(batch["kind"], wanted)) for batch in rows(table, SCHEMAS[table].names))
