"""What stands in the end against the last write that the server acknowledged (contract 8.3, I30). (pure)

Of the library, and in the same way of reactions, follows and ratings: one row or none for a person and a thing. The
library is also written in the background of swipe events, whose order nobody guarantees (contract 3.5), so a title is
judged only where the ledger's writes to it have an order: no write to it, by table or by event, was unanswered, and the
last two did not overlap.
"""

from __future__ import annotations

import pandas as pd

from reports.integrity.conversations import Frame

KEY = ("user_id", "title_id")
GONE = "none"
THERE = "there"
WANTED = "want_to_watch"
"""What an event puts into the library."""


def differing(writes: Frame, stored: Frame, key: tuple[str, ...] = KEY) -> tuple[Frame, int]:
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


def disagreeing(writes: Frame, events: Frame, stored: Frame, key: tuple[str, ...] = KEY) -> tuple[Frame, int]:
    """The same of titles that watchlist events wrote too, in an order that nobody knows: judged where all of them want
    the same, the title in the library or not in it, and the table's own write was acknowledged. How many were judged.

    :param writes: as of `differing`.
    :param events: of such titles: `key`, number: 1 for on, -1 for off, 0 for not noted.
    :param stored: `key`, status.
    """
    by = list(key)
    mine = writes[pd.MultiIndex.from_frame(writes[by]).isin(pd.MultiIndex.from_frame(events[by]))]
    signs = dict(tuple(events.groupby(by)["number"]))
    there = dict(zip(zip(*(stored[column] for column in by), strict=True), stored["status"], strict=True))
    wrong, judged = [], 0
    for thing, tries in mine.groupby(by):
        wanted, moves = set(tries["status"]), set(signs[thing])
        if not tries["acknowledged"].any():
            continue
        if moves == {1} and GONE not in wanted:
            judged += 1
            allowed = wanted | {WANTED}
        elif moves == {-1} and wanted == {GONE}:
            judged += 1
            allowed = wanted
        else:
            continue
        if (stands := there.get(thing, GONE)) not in allowed:
            wrong.append({**tries.iloc[-1], "stored": stands})
    return pd.DataFrame(wrong, columns=[*writes.columns, "stored"]), judged
