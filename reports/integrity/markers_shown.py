"""Read markers that a poll shows are as new as what was acknowledged before it (I81).

Of each marker the write counts that was acknowledged last, to the phone that made it, so long before the poll as a
page has to know a message (I70). What stands may also be of any write that was under way beside that one, after it, or
whose answer never came: whichever was stored last. So a marker may not be older than the oldest of these. Both sides
are dated by the same phone; where the server dated one, nothing is said. A marker that is not there says nothing: it
may have been marked unread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from harness.core import ids
from reports.integrity.model import Check
from reports.integrity.pages_dated import ROUNDED_US
from reports.integrity.shown import HEARD_US, Findings
from reports.integrity.view import Shown

CALL = "read_receipts_poll"


class Mark(NamedTuple):
    """A write of a marker. Instants in microseconds of the run; done_us is infinite where a request that carried it had
    no clear answer; marked_us: epoch, on the phone's clock, 0 where the server dated it."""

    sent_us: float
    done_us: float
    marked_us: int
    acknowledged: bool


def checks(
    kept: Iterable[Shown], writes: pd.DataFrame, ahead_us: Mapping[int, int] = MappingProxyType({})
) -> Iterator[Check]:
    """
    :param writes: of markers, as `reports.integrity.frames.writes` gives them.
    :param ahead_us: as of `reports.integrity.view.shown`.
    """
    polls = [one for one in kept if one.call == CALL and one.subject is not None and len(one.owners) == len(one.ids)]
    if not polls:
        return
    marks = _marks(writes, ahead_us)
    found = Findings()
    for one in polls:
        for who, at in zip(one.ids, one.owners, strict=True):
            least_us = _least(marks.get((one.subject, who), ()), one)
            if least_us is None or one.ids.count(who) > 1:
                continue
            found.asked += 1
            late_us = least_us - int.from_bytes(at)
            if late_us > ROUNDED_US:
                by = "without a time" if not any(at) else f"{late_us / 1e6:,.1f} s older than what was acknowledged"
                words = f"shows a read marker {by}"
                found.finds(one, words, conversation=one.subject or b"", of=who)
    if found.asked:
        yield found.check("I81")


def _marks(writes: pd.DataFrame, ahead_us: Mapping[int, int]) -> dict[tuple[bytes | None, bytes], list[Mark]]:
    """By conversation and person."""
    found: dict[tuple[bytes | None, bytes], list[Mark]] = defaultdict(list)
    known = writes[writes["user_id"].notna()]
    by = (known["sequence"] // (1 << ids.WORKER_SHIFT)).map(lambda worker: ahead_us.get(int(worker), 0))
    columns = (known["sent_us"] + by, known["done_us"] + by, known["key"], known["acknowledged"])
    for room, who, *values in zip(known["subject"], known["user_id"], *columns, strict=True):
        found[room, who].append(Mark(*values))
    return found


def _least(marks: Iterable[Mark], one: Shown) -> int | None:
    """What the time of a marker is at least, whichever write was stored last; None: nobody knows."""
    heard = [mark for mark in marks if mark.acknowledged and mark.done_us <= one.begun_us - HEARD_US]
    if not heard:
        return None
    last = max(heard, key=lambda mark: mark.done_us)
    possible = [mark.marked_us for mark in marks if mark.done_us > last.sent_us and mark.sent_us < one.at_us]
    return min(possible) or None
