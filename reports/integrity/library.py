"""What stands in the end against the last write that the server acknowledged (contract 8.3, I30). (pure)

Of the library, and in the same way of reactions, follows and ratings: one row or none for a person and a thing. The
library is also written in the background of swipe events, whose order nobody guarantees (contract 3.5), so a title is
judged only where the ledger's writes to it have an order: no write to it, by table or by event, was unanswered, and the
last two did not overlap.
"""

from __future__ import annotations

from reports.integrity.conversations import Frame

GONE = "none"
THERE = "there"


def differing(writes: Frame, stored: Frame, key: tuple[str, ...] = ("user_id", "title_id")) -> tuple[Frame, int]:
    """Things whose row is not what was last acknowledged, and how many could be judged.

    :param writes: one row per try: `key`, status (GONE for a removal), sent_us, done_us, acknowledged.
    :param stored: `key`, status.
    :param key: of a thing: whose, and which.
    """
    by = list(key)
    ordered = writes.sort_values("sent_us")
    grouped = ordered.groupby(by)
    before = grouped["done_us"].shift()
    overlapping = before.notna() & (ordered["sent_us"] < before)
    unclear = (~ordered["acknowledged"] | overlapping).groupby([ordered[column] for column in by]).any()
    last = grouped.last()
    judged = last[~unclear.reindex(last.index)]
    current = stored.drop_duplicates(by).set_index(by)["status"].rename("stored")
    joined = judged.join(current).fillna({"stored": GONE})
    return joined[joined["stored"] != joined["status"]].reset_index(), len(judged)
