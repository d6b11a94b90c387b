"""The list of conversations is as new as what was acknowledged before it was asked for (I73).

Of each conversation of a list the last message is known by its id. It may not be older than any message of that
conversation that was acknowledged, to whoever sent it, so long before as a page has to know it (I70). A last message
that was not read of the target is older than the run: everything that was written in it was read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from harness.client.checks.owner import LISTS
from harness.client.checks.read_samples import NO_ID
from reports.integrity.columns import text
from reports.integrity.messages import StoredMessages
from reports.integrity.model import Check
from reports.integrity.shown import HEARD_US, Findings, acknowledged
from reports.integrity.view import Shown
from reports.integrity.writes import Writes


def checks(
    kept: Iterable[Shown], writes: Writes, stored: StoredMessages, ahead_us: Mapping[int, int] = MappingProxyType({})
) -> Iterator[Check]:
    """ahead_us: as of `reports.integrity.view.shown`."""
    lists = [one for one in kept if one.call in LISTS and len(one.owners) == len(one.ids)]
    rooms = {room for one in lists for room in one.ids}
    if not rooms:
        return
    known = acknowledged(writes, stored, rooms, ahead_us)
    dated = stored.dated("conversation_id", rooms)
    found = Findings()
    for one in lists:
        for room, last in zip(one.ids, one.owners, strict=True):
            heard, ids, created = known.get(room, ((), (), ()))
            before = bisect_right(heard, one.begun_us - HEARD_US)
            if not before:
                continue
            found.asked += 1
            newest = max(range(before), key=created.__getitem__)
            if dated.get(last, 0) < created[newest]:
                shown = "no message" if last == NO_ID else f"message {text(last)}"
                words = f"shows {shown} as the last one, older than one that was acknowledged before"
                found.finds(one, words, conversation=room, message=ids[newest])
    if found.asked:
        yield found.check("I73")
