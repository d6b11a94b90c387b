"""Follows are dated as the phone that made them said (contract 6.7). (pure)

The phone sends the date, and the app sorts followers by it and tells people since when somebody follows them. A follow
that was there before is answered with a conflict and keeps its own. What the target dated itself, while the request
was under way, is as good.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.integrity.clock import TOLERANCE_US, apart
from reports.integrity.conversations import Frame
from reports.integrity.library import GONE

KEY = ["follower_id", "followed_id"]
ZERO, MICROSECOND = pd.Timestamp(0, tz="UTC"), pd.Timedelta(microseconds=1)


def misdated(writes: Frame, stored: Frame, zero_us: int) -> tuple[Frame, int]:
    """Follows that carry another time than the one with which they were made, and how many could be judged: those whose
    last writes were answered one after the other.

    :param writes: one row per try: `KEY`, status (`GONE` for a removal), key (the date that was sent, epoch us; 0: not
        noted), sent_us, done_us, acknowledged, unheard, conflict.
    :param stored: `KEY`, created_at.
    :param zero_us: the run's zero on the target's clock, epoch.
    """
    there = stored[stored["created_at"].notna()]
    pairs, dates = zip(*(there[name] for name in KEY), strict=True), (there["created_at"] - ZERO) // MICROSECOND
    at: dict[Any, int] = dict(zip(pairs, dates, strict=True))
    makers = _makers(writes[pd.Series(_pairs(writes), index=writes.index, dtype=object).isin(at)])
    wrong, why = [], []
    columns = (makers[name] for name in ("key", "sent_us", "done_us"))
    for place, (pair, said, sent, done) in enumerate(zip(_pairs(makers), *columns, strict=True)):
        begun, ended = zero_us + int(sent) - TOLERANCE_US, zero_us + int(done) + TOLERANCE_US
        if at[pair] != said and not begun <= at[pair] <= ended:
            wrong.append(place)
            why.append(f"dated {apart((at[pair] - int(said)) / 1e6)} it was made")
    return makers.iloc[wrong].assign(why=why), len(makers)


def _makers(writes: Frame) -> Frame:
    """Of each follow that can be judged the try that made it: the first one after the last removal."""
    tries = writes.sort_values("sent_us", kind="stable")
    grouped = tries.groupby(KEY)
    unclear = tries["unheard"] | ~tries["acknowledged"] | (tries["sent_us"] < grouped["done_us"].shift())
    removed = tries["status"].eq(GONE)
    removals = removed.groupby([tries[name] for name in KEY])
    last = (removals.cumsum() == removals.transform("sum")) & ~removed
    sure = ~unclear.groupby([tries[name] for name in KEY]).transform("any")
    made = tries[last].drop_duplicates(KEY)
    return made[sure[made.index] & ~made["conflict"] & (made["key"] > 0)]


def _pairs(frame: Frame) -> list[tuple[bytes, bytes]]:
    return list(zip(*(frame[name] for name in KEY), strict=True))
