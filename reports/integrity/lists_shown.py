"""People's public lists, and the titles of lists, are shown as they are stored (I79).

Of what was there half a minute before somebody asked for it, and is there after the run. A list that was asked for was
shown to whoever asked. What was taken off a list in the run is not there to be missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from harness.client.checks.read_samples import asked_for
from harness.evidence import store
from harness.evidence.tables import READERS_LIST_ITEMS, READERS_LISTS
from reports.integrity.model import Check
from reports.integrity.shown import OPEN_US, Findings
from reports.integrity.view import Shown

LISTS, PUBLIC = "stories_lists", "public_lists"
ITEMS = frozenset(("list_items", "stories_items"))
Stored = dict[bytes, dict[bytes, int]]
"""Whose or of which list -> lists or titles -> since when, epoch us, the target's clock; without those of no date."""


def checks(kept: Iterable[Shown], folder: Path, zero_us: int) -> Iterator[Check]:
    """Nothing where they were not read. zero_us: the run's zero on the target's clock, epoch."""
    found = Findings()
    lists, items = _lists(folder), _items(folder)
    for one in kept:
        if one.call == PUBLIC:
            _public(found, one, lists, zero_us)
        if not one.whole or (one.call != LISTS and one.call not in ITEMS):
            continue
        stored, what = (lists, "public lists") if one.call == LISTS else (items, "titles of lists")
        until = zero_us + one.begun_us - OPEN_US
        expected = [
            (of, id_) for of in asked_for(one.detail) for id_, since in stored.get(of, {}).items() if since < until
        ]
        found.asked += len(expected)
        there = set(zip(one.owners, one.ids, strict=True))
        if gone := [pair for pair in expected if pair not in there]:
            words = f"{len(gone)} of {len(expected)} {what} are missing"
            found.finds(one, words, of=gone[0][0], row=gone[0][1])
    if found.asked:
        yield found.check("I79")


def _public(found: Findings, one: Shown, lists: Stored, zero_us: int) -> None:
    """Of the lists that were read, those of everybody's newest that are newer than the last one shown."""
    if not one.whole and one.oldest_us is None:
        return
    after = 0 if one.whole or one.oldest_us is None else one.oldest_us
    until = zero_us + one.begun_us - OPEN_US
    expected = [id_ for theirs in lists.values() for id_, since in theirs.items() if after < since < until]
    found.asked += len(expected)
    if gone := [id_ for id_ in expected if id_ not in one.ids]:
        found.finds(one, f"{len(gone)} of {len(expected)} public lists are missing", row=gone[0])


def _lists(folder: Path) -> Stored:
    """Public ones."""
    found: Stored = defaultdict(dict)
    if (kept := store.kept(folder, READERS_LISTS)) is not None:
        for row in kept.to_pylist():
            if row["is_public"] and row["updated_at"] is not None:
                found[row["user_id"]][row["id"]] = _us(row["updated_at"])
    return found


def _items(folder: Path) -> Stored:
    found: Stored = defaultdict(dict)
    if (kept := store.kept(folder, READERS_LIST_ITEMS)) is not None:
        for row in kept.to_pylist():
            if row["created_at"] is not None:
                found[row["list_id"]][row["title_id"]] = _us(row["created_at"])
    return found


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1e6)
