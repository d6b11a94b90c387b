"""Stored rows against what was sent, field by field. (pure)

Both sides are two numbers a row (`harness.core.content`): equal, or the fields that differ have names. Ids of people,
titles and conversations stand in columns of their own and are compared as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.content import NOT_NOTED, differing
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_WRITES
from harness.evidence.columns import halves
from reports.integrity.columns import Flags, Integers, Numbers, StoredRows, numbers
from reports.integrity.writes import LedgerRows, WriteFacts, Writes

NAMED_AT_MOST = 5_000
"""Rows whose fields are named one by one; counts by field are of these."""


@dataclass(frozen=True, eq=False, slots=True)
class Accounts:
    """Whose account is whose. A person may have several: newcomers sign up again in each session."""

    pairs: Numbers  # a person and one of their accounts, mixed into one number
    people: Numbers  # those who have any
    users: Numbers  # all accounts, mixed into one number

    def fit(self, person: Numbers, user: Numbers) -> Flags:
        """Whether each account (`mixed`) belongs to its person; people without any known account fit all."""
        fits: Flags = among(_pair(person, user), self.pairs) | ~among(person, self.people)
        return fits

    def ours(self, user: Numbers) -> Flags:
        """Whether each account (`mixed`) is one of the run's people."""
        found: Flags = among(user, self.users)
        return found


NO_ACCOUNTS = Accounts(*(np.zeros(0, np.uint64) for _ in range(3)))


def among(values: Numbers, known: Numbers) -> Flags:
    """Which values are known ones: by hashing, where numpy sorts all of them."""
    found: Flags = pd.Series(values, copy=False).isin(known).to_numpy()
    return found


def accounts(rows: LedgerRows) -> Accounts:
    """From the ledger's rows of people."""
    people, users = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for batch in rows(LEDGER_WRITES, ("kind", "person", "subject")):
        mine = batch.filter(pc.equal(batch["kind"], int(WriteKind.PERSON)))
        if mine.num_rows:
            people.append(mine["person"].to_numpy().astype(np.uint64))
            users.append(mixed(pa.chunked_array([mine["subject"]])))
    person, user = np.concatenate(people), np.concatenate(users)
    return Accounts(np.unique(_pair(person, user)), np.unique(person), np.unique(user))


def mixed(column: pa.ChunkedArray) -> Numbers:
    """Ids as one number each; 0 for none."""
    high, low = halves(column)
    one: Numbers = high * np.uint64(0x9E3779B97F4A7C15) ^ low
    return one


def _pair(person: Numbers, user: Numbers) -> Numbers:
    both: Numbers = (person + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93) ^ user
    return both


def unlike(writes: Writes, table: StoredRows, row_write: Integers) -> Flags:
    """Rows whose content is another than their write's. Rows and writes without content are not compared."""
    found = np.zeros(table.num_rows, np.bool_)
    known = np.flatnonzero(row_write >= 0)
    sent, stored = writes.content[row_write[known]], numbers(table["content"])[known]
    found[known] = (sent != NOT_NOTED) & (stored != NOT_NOTED) & (sent != stored)
    return found


def compared(writes: Writes, table: StoredRows, row_write: Integers) -> int:
    """How many rows have a content on both sides."""
    known = np.flatnonzero(row_write >= 0)
    both = (writes.content[row_write[known]] != NOT_NOTED) & (numbers(table["content"])[known] != NOT_NOTED)
    return int(both.sum())


def elsewhere(writes: Writes, table: StoredRows, row_write: Integers, rows: LedgerRows) -> Flags:
    """Messages that stand in another conversation than they were sent to, which their content leaves out."""
    sent = np.zeros(len(writes), np.uint64)
    for batch in rows(LEDGER_WRITES, ("kind", "person", "sequence", "subject")):
        mine = batch.filter(pc.equal(batch["kind"], int(writes.kind)))
        if mine.num_rows:
            person, sequence = (mine[name].to_numpy().astype(np.uint64) for name in ("person", "sequence"))
            sent[writes.find(person << np.uint64(32) | sequence)] = mixed(pa.chunked_array([mine["subject"]]))
    found = np.zeros(table.num_rows, np.bool_)
    known = np.flatnonzero(row_write >= 0)
    to, stands = sent[row_write[known]], mixed(table["conversation_id"])[known]
    found[known] = (to != stands) & (to != 0) & (stands != 0)
    return found


@dataclass(frozen=True, slots=True)
class Named:
    """What differs in one row: the fields, and what people may read of both sides."""

    row: int  # of the stored table
    write: int  # of `Writes`
    fields: tuple[str, ...]
    text: str


def named(
    writes: Writes,
    table: StoredRows,
    rows: Iterable[int],
    row_write: Integers,
    facts: Mapping[int, WriteFacts],
    names: tuple[str, ...],
    columns: Mapping[str, tuple[str, str]],
    others: Mapping[str, Flags],
) -> list[Named]:
    """The differing fields of some rows.

    :param names: what `parts` names.
    :param columns: further fields: the attribute of `WriteFacts` and the stored column that hold them.
    :param others: further fields by flags over the stored rows: where they are set, the field differs.
    """
    rows = list(rows)
    found: list[Named] = []
    if not rows:
        return found
    parts, content = numbers(table["parts"]), numbers(table["content"])
    beside = {column: table[column] for _, column in columns.values()}
    for row in rows:
        write = int(row_write[row])
        fact = facts[int(writes.place[write])]
        fields, texts = [name for name, flags in others.items() if flags[row]], []
        for name, (attribute, column) in columns.items():
            sent, stored = getattr(fact, attribute), beside[column][row].as_py()
            if sent is not None and stored is not None and sent != stored:
                fields.append(name)
                texts.append(f"{name}: {_shown(sent)} was sent, {_shown(stored)} is stored")
        sent_whole = int(writes.content[write])
        if NOT_NOTED not in (sent_whole, int(content[row])) and sent_whole != int(content[row]):
            by_parts = differing(names, fact.parts, int(parts[row]))
            fields += by_parts if by_parts or fields else ["content"]
        plain = [name for name in fields if not any(text.startswith(f"{name}:") for text in texts)]
        found.append(Named(row, write, tuple(fields), "; ".join([*texts, *([_others(plain)] if plain else [])])))
    return found


def by_field(found: Sequence[Named], count: int) -> str:
    """How often which field differs: "type 28, person 2"."""
    counts = Counter(field for one in found for field in one.fields)
    told = ", ".join(f"{field} {number:,}" for field, number in counts.most_common())
    return told if len(found) >= count else f"of the first {len(found):,}: {told}"


def _others(fields: Sequence[str]) -> str:
    return f"another {', '.join(fields)} than was sent"


def _shown(value: object) -> str:
    return f"{value.hex()[:8]}…" if isinstance(value, bytes) else str(value)
