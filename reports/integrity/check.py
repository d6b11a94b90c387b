"""From the record alone to one row per question: was anything lost, doubled, or put where it does not belong?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from harness.core import ids
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_WRITES
from harness.evidence import store
from harness.evidence.tables import CONTENT_FIELDS, EVENTS, MESSAGES
from harness.record.manifest import Manifest, TargetClock
from harness.record.memory import given_back
from harness.record.store import RunFiles
from reports.integrity import (
    assistant_busy,
    changes,
    contents,
    events,
    files_gone,
    frames,
    hints,
    lists_newest,
    lists_shown,
    markers_shown,
    messages,
    nobody,
    own_figures,
    pages_dated,
    settings_served,
    shown,
    shown_again,
    view,
)
from reports.integrity import clock as clocks
from reports.integrity.columns import Flags, Integers, StoredRows, integers, text
from reports.integrity.model import SHOWN, UNCHECKED, Check, Integrity, Offender
from reports.integrity.reads import joined, reads
from reports.integrity.rules import LIBRARY_EVENTS, rules
from reports.integrity.texts import ORDER, QUESTIONS
from reports.integrity.writes import LedgerRows, WriteFacts, Writes, facts_of, of_kind
from reports.text import count, plural

EVENT_COLUMNS = (
    "id",
    "created_at",
    "user_id",
    "client_event_id",
    "dedupe_key",
    "event_day",
    "event_type",
    "media_item_id",
    "synthetic",
    "key_made_by",
    "content",
    "parts",
)
NEEDS_WHOLE_LEDGER = frozenset(
    {
        *("I30", "I56", "I57", "I58", "I59", "I59 dated", "I60", "I61", "I62", "I65", "I66"),
        *("I67", "I68", "I71", "I72", "I74", "I81", "last seen"),
    }
)
"""Questions about what was written last, or by whom: a ledger that breaks off cannot answer them."""
OF_REPLIES = frozenset({*(f"I{number}" for number in range(67, 82) if number != 77), "assistant typing"})
"""Questions about what people were shown; I77 is about what storage has."""
MESSAGE_COLUMNS = (
    "id",
    "created_at",
    "conversation_id",
    "user_id",
    "client_id",
    "meta_client_id",
    "message_type",
    "length",
    "changed_body",
    "changed_meta",
    "triggered_by_message_id",
    "content",
    "parts",
)


def integrity(run: RunFiles) -> Integrity:
    """The data check of a run: from its ledger and what was read of its target, and from what phones were shown."""
    again = shown_again.checks(run.rows, shown_again.earliest_zero_us(run.manifest), _ahead_us(run))
    return joined(_stored(run), (*reads(run.rows), *again))


def _stored(run: RunFiles) -> Integrity:
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
    read_at = pd.Timestamp(found.read_at)
    rows = checks(run, manifest.run_tag, manifest.zero_epoch_s, read_at, torn, found.clock)
    if not rows:
        return Integrity(text=f"what was read of the target is not in this record. {UNCHECKED.text.capitalize()}")
    if torn:
        rows = tuple(row.doubted() if row.id in NEEDS_WHOLE_LEDGER else row for row in rows)
    broken = [row for row in rows if row.status == "broken"]
    writes = sum(batch.num_rows for batch in run.rows(LEDGER_WRITES, ("kind",)))
    if broken:
        text_ = in_words(broken, len(rows))
    else:
        text_ = f"all {plural(len(rows), 'check')} over {count(writes)} writes held"
    if torn:
        whose = "worker " + ", ".join(map(str, sorted(torn)))
        text_ += f"; the ledger of {whose} breaks off, so rows that only it could explain are noted and not judged"
    if not found.at_rest:
        text_ += "; the target was still writing when it was read"
    return Integrity(status="broken" if broken else "held", text=text_, source=found.source, writes=writes, checks=rows)


def in_words(broken: Sequence[Check], of: int) -> str:
    """What broken checks found: what became of the data, and what people were told of it, which may be whole."""
    shown_ = sum(row.id in OF_REPLIES for row in broken)
    lost, among = len(broken) - shown_, f" of {of}"
    told = [f"{plural(lost, 'check')}{among} found data that is lost, doubled or misplaced"] if lost else []
    if shown_:
        told.append(
            f"{plural(shown_, 'check')}{'' if lost else among} found replies that say something else than is stored"
        )
    return ", and ".join(told)


def torn_ledgers(manifest: Manifest) -> frozenset[int]:
    """Workers whose ledger breaks off: they were killed, or something they noted never came. The last second of such a
    ledger is missing, while what it would have explained is in the database."""
    if manifest.status == "incomplete":
        return frozenset(range(max(manifest.workers, len(manifest.roster), 1)))
    return frozenset(record.worker for record in manifest.roster if record.apart or not record.final)


@given_back()
def checks(
    run: RunFiles,
    run_tag: int,
    zero_epoch_s: float,
    read_at: pd.Timestamp,
    torn: frozenset[int],
    clock: TargetClock | None = None,
) -> tuple[Check, ...]:
    """Every check that the record allows, in the order of the contract. `torn`: workers whose ledger breaks off."""
    zero_us = round(zero_epoch_s * 1e6)
    small = frames.smaller(run.rows, LIBRARY_EVENTS)
    book = Book(run.rows, run_tag, contents.accounts(small), torn)
    rows: list[Check] = []
    happened = store.by_column(run.folder, EVENTS, EVENT_COLUMNS)
    made = None if happened is None else _of_events(book, happened)
    offset = _by_rows(made, zero_us) if clock is None else clocks.measured(clock)
    span = lasted(small.last_us, zero_us, offset)
    if made is not None:
        del happened
        rows += _about_events(book, *made, zero_us, offset, span)
        made = None  # the most that is in memory; messages are the next
    ahead_us = _ahead_us(run)
    kept = list(view.shown(run.rows, ahead_us))
    if (said := store.by_column(run.folder, MESSAGES, MESSAGE_COLUMNS)) is not None:
        sent = _of_messages(book, said)
        del said
        rows += _messages(book, *sent, zero_us, offset, changes.gathered(small), span)
        rows += shown.pages(kept, *sent, ahead_us)
        rows += lists_newest.checks(kept, *sent, ahead_us)
        rows += pages_dated.checks(kept, sent[1])
    if kept and (seen := view.view(run.folder)) is not None:
        touched = view.touched(small, small.events())
        rows += shown.checks(kept, seen, touched, zero_us + offset.us + offset.unsure)
        rows += own_figures.checks(kept, seen, touched, zero_us + offset.us - offset.unsure)
        rows += hints.checks(kept, seen, zero_us + offset.us, offset.unsure)
    rows += markers_shown.checks(kept, frames.writes(small, [WriteKind.READ]), ahead_us)
    rows += lists_shown.checks(kept, run.folder, zero_us + offset.us - offset.unsure)
    rows += assistant_busy.checks(kept, run.folder, zero_us + offset.us, offset.unsure)
    rows += settings_served.checks(kept, run.manifest.probes)
    rows += files_gone.checks(kept, run.folder)
    rows += rules(run.folder, small, read_at, ahead_us=offset.us, span=span, by_name=clock is not None)
    return tuple(sorted(rows, key=lambda row: ORDER[row.id]))


def _ahead_us(run: RunFiles) -> dict[int, int]:
    """What has to be added to each worker's instants to have them on the run's clock."""
    return {clock.worker: clock.offset_us for clock in run.manifest.clocks}


def _by_rows(made: tuple[Writes, events.StoredEvents] | None, zero_us: int) -> clocks.Offset:
    """The offset of a target whose clock nobody measured."""
    if made is None:
        return clocks.Offset()
    writes, stored = made
    return clocks.told_by_rows(writes, stored.write, integers(stored.table["created_at"]), zero_us)


def _events(
    book: Book,
    table: StoredRows,
    zero_us: int,
    offset: clocks.Offset = clocks.NO_OFFSET,
    span: tuple[int, int] = (0, 0),
) -> Iterator[Check]:
    return _about_events(book, *_of_events(book, table), zero_us, offset, span)


def _of_events(book: Book, table: StoredRows) -> tuple[Writes, events.StoredEvents]:
    writes = events.gathered(book.rows)
    return writes, events.matched(writes, table, book.run_tag)


def _about_events(
    book: Book,
    writes: Writes,
    stored: events.StoredEvents,
    zero_us: int,
    offset: clocks.Offset,
    span: tuple[int, int],
) -> Iterator[Check]:
    created = integers(stored.table["created_at"])
    found = events.classify(writes, stored, zero_us + offset.us)
    asked = {
        "I01": found.doubled,
        "I02": found.midnight,
        "I03": found.lost,
        "stored earlier": found.earlier,
        "I04": found.refused_but_stored,
        "I05": found.absent & writes.dropped,
        "left offline": found.absent & writes.forgotten,
    }
    late = clocks.misdated(writes, stored.write, created, zero_us, offset)
    how = Comparison(
        names=CONTENT_FIELDS[EVENTS.name],
        columns={"title": ("subject", "media_item_id"), "type": ("detail", "event_type")},
        others={"person": book.foreign(writes, stored.table, stored.write)},
    )
    book.look_up(writes, asked, book.shown(writes, stored.table, stored.write, late, stored.write, how))
    yield from book.of_writes(writes, asked)
    yield book.rows_of("event day", stored.table, events.misdated(stored.table), "client_event_id")
    yield book.unknown("I06", stored.table, found.unknown, "client_event_id")
    yield book.misdated("I53", writes, stored.table, stored.write, late, zero_us, offset)
    yield book.fields_of("I51", writes, stored.table, stored.write, how)
    nobodys = nobody.events(stored.others, book.accounts, span)
    yield book.rows_of("I63", stored.others, nobodys, "id", "user_id", "client_event_id")


def _messages(
    book: Book,
    writes: Writes,
    stored: messages.StoredMessages,
    zero_us: int,
    offset: clocks.Offset,
    changed: changes.Changes,
    span: tuple[int, int],
) -> Iterator[Check]:
    found = messages.classify(writes, stored)
    late = np.zeros(len(writes), np.bool_)
    late[[later for _, later in messages.out_of_order(writes, stored)]] = True
    asked = {
        "I18": found.doubled,
        "I19 lost": found.lost,
        "I19 refused": found.refused_but_stored,
        "order": late,
    }
    misdated = clocks.misdated(writes, stored.write, stored.created, zero_us, offset)
    as_sent = np.where(changes.touched(changed, stored.table), -1, stored.write)  # edited or deleted: I58
    how = Comparison(
        names=CONTENT_FIELDS[MESSAGES.name],
        columns={"conversation": ("subject", "conversation_id")},
        others={"sender": book.foreign(writes, stored.table, as_sent)},
        also=contents.elsewhere(writes, stored.table, as_sent, book.rows),
    )
    book.look_up(writes, asked, book.shown(writes, stored.table, stored.write, misdated, as_sent, how))
    yield from book.of_writes(writes, asked)
    yield book.unknown("unknown messages", stored.table, found.unknown, "client_id")
    yield book.misdated("I54", writes, stored.table, stored.write, misdated, zero_us, offset)
    yield changes.check(changed, stored.table)
    yield book.fields_of("I52", writes, stored.table, as_sent, how)
    nobodys = nobody.messages(stored.others, book.accounts, span, changed)
    yield book.rows_of("I64", stored.others, nobodys, "id", "user_id", "conversation_id")


def _of_messages(book: Book, table: StoredRows) -> tuple[Writes, messages.StoredMessages]:
    writes = of_kind(WriteKind.MESSAGE, book.rows)
    return writes, messages.matched(writes, table, book.run_tag)


def lasted(last_us: int, zero_us: int, offset: clocks.Offset) -> tuple[int, int]:
    """From the run's zero to the ledger's last word, on the target's clock, microseconds since 1970."""
    return zero_us + offset.us + offset.unsure, zero_us + offset.us + last_us


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """How writes of one kind are held against their rows; see `contents.named`."""

    names: tuple[str, ...]
    columns: Mapping[str, tuple[str, str]]
    others: Mapping[str, Flags]
    also: Flags | None = None  # rows that differ in one of `columns` which their content leaves out


@dataclass(frozen=True, slots=True)
class Book:
    """One run's ledger, and how its writes are named to people."""

    rows: LedgerRows
    run_tag: int
    accounts: contents.Accounts = contents.NO_ACCOUNTS
    torn: frozenset[int] = frozenset()
    known: dict[WriteKind, dict[int, WriteFacts]] = field(default_factory=dict)  # facts that were looked up

    def facts(self, kind: WriteKind, places: Iterable[int]) -> Mapping[int, WriteFacts]:
        """Of writes by place; the ledger is gone through for those that nobody asked for yet."""
        known = self.known.setdefault(kind, {})
        known.update(facts_of(kind, self.rows, set(places) - known.keys()))
        return known

    def of_writes(self, writes: Writes, asked: Mapping[str, Flags]) -> Iterator[Check]:
        """Questions whose offenders are writes; the ledger is looked through once for all of them."""
        found = {id_: np.flatnonzero(offending) for id_, offending in asked.items()}
        shown = {id_: rows[:SHOWN].tolist() for id_, rows in found.items()}
        places = {int(writes.place[row]) for rows in shown.values() for row in rows}
        facts = self.facts(writes.kind, places)
        for id_, rows in shown.items():
            offenders = tuple(self._named(writes, row, facts[int(writes.place[row])]) for row in rows)
            yield QUESTIONS[id_].answered(len(writes), len(found[id_]), offenders)

    def unknown(self, id_: str, table: StoredRows, rows: Iterable[int], column: str) -> Check:
        """A question whose offenders are rows with an id of this run that nobody made, as far as the ledgers tell."""
        asked = [int(row) for row in rows]
        named = table[column] if asked else None
        makers = {row: self._maker(named[row].as_py()) for row in asked} if named is not None else {}
        known = {row: worker for row, worker in makers.items() if worker is not None}
        judged = [row for row, worker in known.items() if worker not in self.torn]
        if judged:
            return self.rows_of(id_, table, judged, column)
        return self.rows_of(id_, table, list(known), column).doubted()

    def rows_of(self, id_: str, table: StoredRows, rows: Iterable[int], *columns: str) -> Check:
        """A question whose offenders are stored rows."""
        found = [int(row) for row in rows]
        named = {column: table[column] for column in columns} if found else {}
        offenders = tuple(
            Offender(ids={column: text(values[row].as_py()) for column, values in named.items()})
            for row in found[:SHOWN]
        )
        return QUESTIONS[id_].answered(table.num_rows, len(found), offenders)

    def foreign(self, writes: Writes, table: StoredRows, row_write: Integers) -> Flags:
        """Rows that carry another person's account than that of whoever made their id."""
        found = np.zeros(table.num_rows, np.bool_)
        known = np.flatnonzero(row_write >= 0)
        person = writes.place[row_write[known]] >> np.uint64(32)
        user = contents.mixed(table["user_id"])[known]
        found[known] = ~self.accounts.fit(person, user) & (user != 0)
        return found

    def fields_of(self, id_: str, writes: Writes, table: StoredRows, row_write: Integers, how: Comparison) -> Check:
        """Whether rows hold what was sent, with the fields that differ by name."""
        known = row_write >= 0
        told = np.flatnonzero(self._differ(writes, table, row_write, how))
        shown = told[: contents.NAMED_AT_MOST].tolist()
        facts = self.facts(writes.kind, {int(writes.place[row_write[row]]) for row in shown})
        named = contents.named(writes, table, shown, row_write, facts, how.names, how.columns, how.others)
        offenders = tuple(
            self._named(writes, one.write, facts[int(writes.place[one.write])]).model_copy(update={"text": one.text})
            for one in named[:SHOWN]
        )
        looked_at = int(known.sum())
        note = contents.by_field(named, len(told)) if len(told) else ""
        if (blind := looked_at - contents.compared(writes, table, row_write)) > 0:
            note = "; ".join(filter(None, [note, f"content not compared: {count(blind)} rows of an older record"]))
        return QUESTIONS[id_].answered(looked_at, len(told), offenders, note)

    def _differ(self, writes: Writes, table: StoredRows, row_write: Integers, how: Comparison) -> Flags:
        differ = contents.unlike(writes, table, row_write)
        for flags in (*how.others.values(), *(() if how.also is None else (how.also,))):
            differ |= flags
        flags_: Flags = differ & (row_write >= 0)
        return flags_

    def shown(
        self, writes: Writes, table: StoredRows, row_write: Integers, late: Flags, as_sent: Integers, how: Comparison
    ) -> tuple[tuple[Integers, Flags, int], ...]:
        """What `misdated` of `late` rows and `fields_of` as they were sent will show, for `look_up`."""
        differ = self._differ(writes, table, as_sent, how)
        return (row_write, late, SHOWN), (as_sent, differ, contents.NAMED_AT_MOST)

    def look_up(self, writes: Writes, asked: Mapping[str, Flags], about: Iterable[tuple[Integers, Flags, int]]) -> None:
        """Have the facts at hand of all that will be shown, from one look through the ledger.

        :param asked: as for `of_writes`.
        :param about: flags over stored rows, with each row's write, and of how many of them facts are shown.
        """
        rows = [np.flatnonzero(offending)[:SHOWN] for offending in asked.values()]
        rows += [row_write[np.flatnonzero(flags)[:most]] for row_write, flags, most in about]
        self.facts(writes.kind, writes.place[np.concatenate(rows)].tolist())

    def misdated(
        self,
        id_: str,
        writes: Writes,
        table: StoredRows,
        row_write: Integers,
        late: Flags,
        zero_us: int,
        offset: clocks.Offset,
    ) -> Check:
        """Rows that are stored, under a time at which nobody made them."""
        found = np.flatnonzero(late)
        created = integers(table["created_at"])
        away = [clocks.distance_s(writes, int(row_write[r]), int(created[r]), zero_us, offset) for r in found]
        facts = self.facts(writes.kind, {int(writes.place[row_write[row]]) for row in found[:SHOWN]})
        offenders = tuple(
            self._named(writes, int(row_write[row]), facts[int(writes.place[row_write[row]])]).model_copy(
                update={"text": f"stored, and dated {clocks.apart(by)} it was sent"}
            )
            for row, by in zip(found[:SHOWN].tolist(), away, strict=False)
        )
        note = offset.text
        if away:
            middle = float(np.median(away))
            told = f"they are stored, and dated {clocks.apart(middle)} they were sent"
            note = "; ".join(filter(None, [told, note]))
        return QUESTIONS[id_].answered(int((row_write >= 0).sum()), len(found), offenders, note)

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
