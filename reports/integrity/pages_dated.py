"""Each message of a page is dated as it is stored, whoever looks (I78)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reports.integrity.messages import StoredMessages
from reports.integrity.model import Check
from reports.integrity.shown import Findings
from reports.integrity.view import Shown

ROUNDED_US = 2_000
"""Instants that are this near to each other are one, rounded by somebody on the way."""


def checks(kept: Iterable[Shown], stored: StoredMessages) -> Iterator[Check]:
    """Of messages that were read of the target."""
    pages_ = [one for one in kept if one.call == "messages_poll" and one.ids and len(one.owners) == len(one.ids)]
    if not pages_:
        return
    dated = stored.dated("id", {id_ for one in pages_ for id_ in one.ids})
    found = Findings()
    for one in pages_:
        told = {id_: int.from_bytes(at) for id_, at in zip(one.ids, one.owners, strict=True) if id_ in dated}
        found.asked += len(told)
        if wrong := [id_ for id_, at in told.items() if abs(at - dated[id_]) > ROUNDED_US]:
            by = (told[wrong[0]] - dated[wrong[0]]) / 1e6
            words = (
                f"{len(wrong)} of {len(told)} messages are dated otherwise than they are stored, one by {by:+,.1f} s"
            )
            found.finds(one, words, message=wrong[0])
    if found.asked:
        yield found.check("I78")
