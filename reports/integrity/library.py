"""The library's final state against the last write that the server acknowledged (contract 8.3, I30). (pure)

The table is also written in the background of swipe events, whose order nobody guarantees (contract 3.5), so a title is
judged only where the ledger's writes to it have an order: no write to it, by table or by event, was unanswered, and the
last two did not overlap.
"""

from __future__ import annotations

from reports.integrity.conversations import Frame

GONE = "none"


def differing(writes: Frame, stored: Frame) -> tuple[Frame, int]:
    """Titles whose entry is not what was last acknowledged, and how many titles could be judged.

    :param writes: one row per try: user_id, title_id, status (GONE for a removal), sent_us, done_us, acknowledged.
    :param stored: user_id, title_id, status.
    """
    ordered = writes.sort_values("sent_us")
    grouped = ordered.groupby(["user_id", "title_id"])
    before = grouped["done_us"].shift()
    overlapping = before.notna() & (ordered["sent_us"] < before)
    unclear = (~ordered["acknowledged"] | overlapping).groupby([ordered["user_id"], ordered["title_id"]]).any()
    last = grouped.last()
    judged = last[~unclear.reindex(last.index)]
    current = stored.set_index(["user_id", "title_id"])["status"].rename("stored")
    joined = judged.join(current).fillna({"stored": GONE})
    return joined[joined["stored"] != joined["status"]].reset_index(), len(judged)
