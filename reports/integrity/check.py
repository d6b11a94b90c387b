"""From the record alone to one row per question: was anything lost, doubled, or put where it does not belong?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from harness import ids
from harness.evidence import store
from harness.evidence.tables import EVENTS, MESSAGES
from harness.ledger import WriteKind
from harness.record.store import RunFiles
from reports.integrity import events, messages
from reports.integrity.columns import Flags, text
from reports.integrity.model import SHOWN, Check, Offender
from reports.integrity.texts import QUESTIONS
from reports.integrity.writes import Writes, of_kind


def checks(run: RunFiles, run_tag: int, zero_epoch_s: float) -> tuple[Check, ...]:
    """Every check that the record allows, in the order of the contract."""
    writes, steps = run.ledger()
    rows: list[Check] = []
    if (stored := store.kept(run.folder, EVENTS)) is not None:
        rows += _events(of_kind(WriteKind.EVENT, writes, steps), stored, run_tag, zero_epoch_s)
    if (stored := store.kept(run.folder, MESSAGES)) is not None:
        rows += _messages(of_kind(WriteKind.MESSAGE, writes, steps), stored, run_tag)
    return tuple(rows)


def _events(writes: Writes, table: pa.Table, run_tag: int, zero_epoch_s: float) -> Iterator[Check]:
    stored = events.matched(writes, table, run_tag)
    found = events.classify(writes, stored, round(zero_epoch_s * 1e6))
    unknown = [row for row in found.unknown if _made_here(run_tag, stored.table["client_event_id"][row].as_py())]
    yield _of_writes("I01", writes, run_tag, found.doubled)
    yield _of_writes("I02", writes, run_tag, found.midnight)
    yield _of_writes("I03", writes, run_tag, found.lost)
    yield _of_writes("I04", writes, run_tag, found.refused_but_stored)
    yield _of_writes("I05", writes, run_tag, found.absent & writes.dropped)
    yield _of_rows("I06", stored.table, unknown, "client_event_id")


def _messages(writes: Writes, table: pa.Table, run_tag: int) -> Iterator[Check]:
    stored = messages.matched(writes, table, run_tag)
    found = messages.classify(writes, stored)
    yield _of_writes("I18", writes, run_tag, found.doubled)
    yield _of_writes("I19 lost", writes, run_tag, found.lost)
    yield _of_writes("I19 refused", writes, run_tag, found.refused_but_stored)
    pairs = messages.out_of_order(writes, stored)
    late = np.zeros(len(writes), np.bool_)
    late[[later for _, later in pairs]] = True
    yield _of_writes("order", writes, run_tag, late)
    unknown = [row for row in found.unknown if _made_here(run_tag, stored.table["client_id"][row].as_py())]
    yield _of_rows("unknown messages", stored.table, unknown, "client_id")


def _made_here(run_tag: int, raw: bytes | None) -> bool:
    return raw is not None and ids.position(run_tag, text(raw)) is not None


def _of_writes(id_: str, writes: Writes, run_tag: int, offending: Flags) -> Check:
    rows = np.flatnonzero(offending)
    return QUESTIONS[id_].answered(
        len(writes), len(rows), tuple(_offender(writes, run_tag, int(row)) for row in rows[:SHOWN])
    )


def _offender(writes: Writes, run_tag: int, row: int) -> Offender:
    person, sequence = int(writes.place[row]) >> 32, int(writes.place[row]) & 0xFFFFFFFF
    named = {"client id": ids.make(run_tag, person, sequence), "person": str(person)}
    subject = writes.rows["subject"][row].as_py()
    if subject is not None:
        named["title" if writes.kind is WriteKind.EVENT else "conversation"] = text(subject)
    detail = writes.rows["detail"][row].as_py()
    tries = f"sent {writes.sent[row]} times" if writes.sent[row] != 1 else "sent once"
    return Offender(ids=named, text=f"{detail}, {tries}".lstrip(", "), at_s=round(int(writes.intended[row]) / 1e6, 3))


def _of_rows(id_: str, table: pa.Table, rows: list[int], column: str) -> Check:
    shown = [
        Offender(ids={"row": text(table["id"][row].as_py()), column: text(table[column][row].as_py())})
        for row in rows[:SHOWN]
    ]
    return QUESTIONS[id_].answered(table.num_rows, len(rows), tuple(shown))
