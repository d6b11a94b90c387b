"""From the record alone to one row per question: was anything lost, doubled, or put where it does not belong?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from harness.core import ids
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_WRITES
from harness.evidence import store
from harness.evidence.tables import EVENTS, MESSAGES
from harness.record.manifest import Manifest
from harness.record.store import RunFiles
from reports.integrity import events, messages
from reports.integrity.columns import Flags, text
from reports.integrity.model import SHOWN, UNCHECKED, Check, Integrity, Offender
from reports.integrity.rules import rules
from reports.integrity.texts import ORDER, QUESTIONS
from reports.integrity.writes import LedgerRows, WriteFacts, Writes, facts_of, of_kind
from reports.text import count, plural

EVENT_COLUMNS = ("created_at", "client_event_id", "dedupe_key", "event_day")
NEEDS_WHOLE_LEDGER = frozenset({"I30"})
"""Questions about what was written last: a ledger that breaks off cannot answer them."""
MESSAGE_COLUMNS = ("id", "created_at", "conversation_id", "client_id", "meta_client_id")


def integrity(run: RunFiles) -> Integrity:
    """The data check of a run, from its ledger and from what was read of its target."""
    manifest, found = run.manifest, run.manifest.evidence
    if found is None or manifest.run_tag is None or manifest.zero_epoch_s is None:
        return UNCHECKED
    gone = [fault for fault in run.faults if fault.of_data]
    if gone:
        named = ", ".join(f"{fault.part} {fault.what}" for fault in gone)
        return Integrity(text=f"a part of the record is not whole ({named}). {UNCHECKED.text.capitalize()}")
    if found.problem:
        return Integrity(text=f"the target's data could not be read ({found.problem}). {UNCHECKED.text.capitalize()}")
    torn = torn_ledgers(manifest)
    rows = checks(run, manifest.run_tag, manifest.zero_epoch_s, pd.Timestamp(found.read_at), torn)
    if not rows:
        return Integrity(text=f"what was read of the target is not in this record. {UNCHECKED.text.capitalize()}")
    if torn:
        rows = tuple(row.doubted() if row.id in NEEDS_WHOLE_LEDGER else row for row in rows)
    broken = [row for row in rows if row.status == "broken"]
    writes = sum(batch.num_rows for batch in run.rows(LEDGER_WRITES, ("kind",)))
    if broken:
        text_ = f"{plural(len(broken), 'check')} of {len(rows)} found data that is lost, doubled or misplaced"
    else:
        text_ = f"all {plural(len(rows), 'check')} over {count(writes)} writes held"
    if torn:
        whose = "worker " + ", ".join(map(str, sorted(torn)))
        text_ += f"; the ledger of {whose} breaks off, so rows that only it could explain are noted and not judged"
    if not found.at_rest:
        text_ += "; the target was still writing when it was read"
    return Integrity(status="broken" if broken else "held", text=text_, source=found.source, writes=writes, checks=rows)


def torn_ledgers(manifest: Manifest) -> frozenset[int]:
    """Workers whose ledger breaks off: they were killed, or something they noted never came. The last second of such a
    ledger is missing, while what it would have explained is in the database."""
    if manifest.status == "incomplete":
        return frozenset(range(max(manifest.workers, len(manifest.roster), 1)))
    return frozenset(record.worker for record in manifest.roster if record.apart or not record.final)


def checks(
    run: RunFiles, run_tag: int, zero_epoch_s: float, read_at: pd.Timestamp, torn: frozenset[int]
) -> tuple[Check, ...]:
    """Every check that the record allows, in the order of the contract. `torn`: workers whose ledger breaks off."""
    book = Book(run.rows, run_tag, torn)
    rows: list[Check] = []
    if (stored := store.kept(run.folder, EVENTS, EVENT_COLUMNS)) is not None:
        rows += _events(book, stored, round(zero_epoch_s * 1e6))
    if (stored := store.kept(run.folder, MESSAGES, MESSAGE_COLUMNS)) is not None:
        rows += _messages(book, stored)
    rows += rules(run.folder, run.rows, read_at)
    return tuple(sorted(rows, key=lambda row: ORDER[row.id]))


def _events(book: Book, table: pa.Table, zero_epoch_us: int) -> Iterator[Check]:
    writes = events.gathered(book.rows)
    stored = events.matched(writes, table, book.run_tag)
    found = events.classify(writes, stored, zero_epoch_us)
    asked = {
        "I01": found.doubled,
        "I02": found.midnight,
        "I03": found.lost,
        "I04": found.refused_but_stored,
        "I05": found.absent & writes.dropped,
    }
    yield from book.of_writes(writes, asked)
    yield book.rows_of("event day", stored.table, events.misdated(stored.table), "client_event_id")
    yield book.unknown("I06", stored.table, found.unknown, "client_event_id")


def _messages(book: Book, table: pa.Table) -> Iterator[Check]:
    writes = of_kind(WriteKind.MESSAGE, book.rows)
    stored = messages.matched(writes, table, book.run_tag)
    found = messages.classify(writes, stored)
    late = np.zeros(len(writes), np.bool_)
    late[[later for _, later in messages.out_of_order(writes, stored)]] = True
    asked = {
        "I18": found.doubled,
        "I19 lost": found.lost,
        "I19 refused": found.refused_but_stored,
        "order": late,
    }
    yield from book.of_writes(writes, asked)
    yield book.unknown("unknown messages", stored.table, found.unknown, "client_id")


@dataclass(frozen=True, slots=True)
class Book:
    """One run's ledger, and how its writes are named to people."""

    rows: LedgerRows
    run_tag: int
    torn: frozenset[int] = frozenset()

    def of_writes(self, writes: Writes, asked: Mapping[str, Flags]) -> Iterator[Check]:
        """Questions whose offenders are writes; the ledger is looked through once for all of them."""
        found = {id_: np.flatnonzero(offending) for id_, offending in asked.items()}
        shown = {id_: rows[:SHOWN].tolist() for id_, rows in found.items()}
        places = {int(writes.place[row]) for rows in shown.values() for row in rows}
        facts = facts_of(writes.kind, self.rows, places)
        for id_, rows in shown.items():
            offenders = tuple(self._named(writes, row, facts[int(writes.place[row])]) for row in rows)
            yield QUESTIONS[id_].answered(len(writes), len(found[id_]), offenders)

    def unknown(self, id_: str, table: pa.Table, rows: Iterable[int], column: str) -> Check:
        """A question whose offenders are rows with an id of this run that nobody made, as far as the ledgers tell."""
        makers = {int(row): self._maker(table[column][int(row)].as_py()) for row in rows}
        known = {row: worker for row, worker in makers.items() if worker is not None}
        judged = [row for row, worker in known.items() if worker not in self.torn]
        if judged:
            return self.rows_of(id_, table, judged, column)
        return self.rows_of(id_, table, list(known), column).doubted()

    def rows_of(self, id_: str, table: pa.Table, rows: Iterable[int], column: str) -> Check:
        """A question whose offenders are stored rows."""
        found = [int(row) for row in rows]
        offenders = tuple(Offender(ids={column: text(table[column][row].as_py())}) for row in found[:SHOWN])
        return QUESTIONS[id_].answered(table.num_rows, len(found), offenders)

    def _named(self, writes: Writes, row: int, facts: WriteFacts) -> Offender:
        person, sequence = int(writes.place[row]) >> 32, int(writes.place[row]) & 0xFFFFFFFF
        named = {"client id": ids.make(self.run_tag, person, sequence), "person": str(person)}
        if facts.subject is not None:
            named["title" if writes.kind is WriteKind.EVENT else "conversation"] = text(facts.subject)
        tries = "sent once" if writes.sent[row] == 1 else f"sent {writes.sent[row]} times"
        return Offender(
            ids=named,
            text=f"{facts.detail}, {tries}".lstrip(", "),
            at_s=round(int(writes.intended[row]) / 1e6, 3),
        )

    def _maker(self, raw: bytes | None) -> int | None:
        """The worker that made an id; None when this run did not."""
        position = None if raw is None else ids.position(self.run_tag, text(raw))
        return None if position is None else position.sequence >> ids.WORKER_SHIFT
