"""Swipe events: exactly once, lost, doubled, and everything between (contract 8.3, I01 to I06). (pure)

The server keeps one row per (person, key, UTC day). Two gestures with the same key on one day are therefore one row,
and both are answered as accepted: an acknowledged event is *stored* when its own row is there, or a row with its key
on a day on which it may have been processed. That row may be another run's: keys repeat where the same people do the
same again on one day. Only an event with neither is lost. Whether an event that nobody
acknowledged is stored is its own affair, and never called a loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.client.events.event_key import STATUS
from harness.core.ledger import WriteKind
from reports.integrity.columns import Flags, Integers, Numbers, StoredRows, integers, numbers, parted
from reports.integrity.writes import LedgerRows, Writes, found_by, of_kind

DAY_US = 86_400_000_000
CLOCK_ERROR_US = 2_000_000
"""How far the clocks of phone, generator and server may be apart; widens the days an event may have been stored on."""


@dataclass(frozen=True, eq=False, slots=True)
class StoredEvents:
    """The rows of `media_events`, as far as this run made them; `write` is the row of `Writes` each belongs to.
    others: rows with ids of other runs, of the server itself, or of nobody."""

    table: StoredRows
    key: npt.NDArray[np.uint64]
    day: Integers  # days since 1970
    write: Integers  # -1: this run made its id, and the ledger does not know it
    others: pa.Table


@dataclass(frozen=True, eq=False, slots=True)
class EventClasses:
    """Every event in exactly one of the first seven; the others are about rows. Values are rows of `Writes`."""

    exactly_once: Flags
    merged: Flags  # acknowledged without a row of its own: another event with the same key is the row
    earlier: Flags  # likewise, and that row is another run's
    lost: Flags
    recovered: Flags  # never acknowledged, and stored all the same: legal
    absent: Flags  # never acknowledged, and not stored: legal
    not_stored_by_design: Flags  # moves the library only
    doubled: Flags  # more than one row on one day
    midnight: Flags  # rows on different days: a replay across UTC midnight
    refused_but_stored: Flags
    unknown: Integers  # rows of the stored table that carry an id of this run which no person made


def matched(writes: Writes, table: StoredRows, run_tag: int) -> StoredEvents:
    """The rows that this run made, each with its write, and all others."""
    ours, write = found_by(writes, table["client_event_id"], run_tag)
    mine, others = parted(table, ours)
    key, day = numbers(mine["dedupe_key"]), integers(mine["event_day"])
    return StoredEvents(mine, key, day, write[ours], others)


def gathered(rows: LedgerRows) -> Writes:
    """All events of the ledger; those that only move the library are marked."""
    return of_kind(WriteKind.EVENT, rows, marked=STATUS)


def classify(writes: Writes, stored: StoredEvents, zero_epoch_us: int) -> EventClasses:
    """Put every event where it belongs. `zero_epoch_us`: the run's zero on the target's clock,
    microseconds since 1970."""
    size = len(writes)
    known = stored.write >= 0
    own_rows = np.bincount(stored.write[known], minlength=size)
    status_op = writes.marked
    present = own_rows > 0
    missing = writes.acknowledged & ~present & ~status_op
    merged = np.zeros(size, np.bool_)
    earlier = np.zeros(size, np.bool_)
    merged[missing] = _stored_by_key(writes, stored.key, stored.day, np.flatnonzero(missing), zero_epoch_us)
    left = missing & ~merged
    theirs = numbers(stored.others["dedupe_key"]), integers(stored.others["event_day"])
    earlier[left] = _stored_by_key(writes, *theirs, np.flatnonzero(left), zero_epoch_us)
    silent = ~writes.acknowledged & ~status_op
    doubled, midnight = _repeated(writes, stored, own_rows)
    return EventClasses(
        exactly_once=writes.acknowledged & (own_rows == 1),
        merged=merged,
        earlier=earlier,
        lost=left & ~earlier,
        recovered=silent & present,
        absent=silent & ~present,
        not_stored_by_design=status_op,
        doubled=doubled | _key_twice(writes, stored),
        midnight=midnight & ~doubled,
        refused_but_stored=writes.refused & present & ~(writes.acknowledged | writes.unsettled | writes.unheard),
        unknown=np.flatnonzero(~known),
    )


def misdated(table: StoredRows) -> Integers:
    """Rows whose day is not that of their creation. Both are the server's; around midnight either may be meant."""
    created = integers(table["created_at"])
    day = integers(table["event_day"])
    early, late = (created - CLOCK_ERROR_US) // DAY_US, (created + CLOCK_ERROR_US) // DAY_US
    return np.flatnonzero((day < early) | (day > late))


def _stored_by_key(writes: Writes, key: Numbers, day: Integers, missing: Integers, zero_epoch_us: int) -> Flags:
    """For events without a row of their own: is a row with their key there, on a day on which they may have come?
    The key holds the device's session, and so the person. `zero_epoch_us`: on the target's clock."""
    if not len(missing) or not len(key):
        return np.zeros(len(missing), np.bool_)
    order = np.argsort(key, kind="stable")
    keys, days = key[order], day[order]
    begin = np.searchsorted(keys, writes.key[missing], side="left")
    end = np.searchsorted(keys, writes.key[missing], side="right")
    first = (writes.first_sent[missing] - CLOCK_ERROR_US + zero_epoch_us) // DAY_US
    last = (writes.last_said[missing] + CLOCK_ERROR_US + zero_epoch_us) // DAY_US
    found = [
        bool(((days[a:b] >= lo) & (days[a:b] <= hi)).any())
        for a, b, lo, hi in zip(begin, end, first, last, strict=True)
    ]
    return np.array(found, np.bool_)


def _repeated(writes: Writes, stored: StoredEvents, own_rows: Integers) -> tuple[Flags, Flags]:
    """Events with several rows of their own: on one day (doubled), and on several (replayed across midnight)."""
    doubled, midnight = np.zeros(len(writes), np.bool_), own_rows > 1
    rows = np.flatnonzero(stored.write >= 0)
    rows = rows[midnight[stored.write[rows]]]
    rows = rows[np.lexsort((stored.day[rows], stored.write[rows]))]
    write, day = stored.write[rows], stored.day[rows]
    doubled[write[1:][(write[1:] == write[:-1]) & (day[1:] == day[:-1])]] = True
    return doubled, midnight


def _key_twice(writes: Writes, stored: StoredEvents) -> Flags:
    """Events whose key stands twice on one day: the unique index is gone, or ignores what it should hold."""
    twice = np.zeros(len(writes), np.bool_)
    mixed = stored.key * np.uint64(0x9E3779B97F4A7C15) ^ stored.day.astype(np.uint64)
    ordered = np.sort(mixed)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return twice
    order = np.flatnonzero(np.isin(mixed, repeated))
    order = order[np.argsort(mixed[order], kind="stable")]
    key, day = stored.key[order], stored.day[order]
    same = (key[1:] == key[:-1]) & (day[1:] == day[:-1])
    again = stored.write[order][1:][same]
    twice[again[again >= 0]] = True
    return twice
