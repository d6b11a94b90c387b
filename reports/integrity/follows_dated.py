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


def misdated(writes: Frame, stored: Frame, zero_us: int) -> tuple[Frame, int]:
    """Follows that carry another time than the one with which they were made, and how many could be judged: those whose
    last writes were answered one after the other.

    :param writes: one row per try: `KEY`, status (`GONE` for a removal), key (the date that was sent, epoch us; 0: not
        noted), sent_us, done_us, acknowledged, unheard, conflict.
    :param stored: `KEY`, created_at.
    :param zero_us: the run's zero on the target's clock, epoch.
    """
    there = stored[stored["created_at"].notna()]
    at: dict[Any, Any] = dict(zip(zip(*(there[name] for name in KEY), strict=True), there["created_at"], strict=True))
    wrong, judged = [], 0
    for pair, tries in writes.sort_values("sent_us").groupby(KEY):
        overlapping = (tries["sent_us"] < tries["done_us"].shift()).any()
        if pair not in at or overlapping or tries["unheard"].any() or not tries["acknowledged"].all():
            continue
        after = tries["status"].eq(GONE).cumsum()
        last = tries[(after == after.iloc[-1]) & tries["status"].ne(GONE)]
        if last.empty or last["conflict"].iloc[0] or not int(last["key"].iloc[0]):
            continue
        judged += 1
        maker = last.iloc[0]
        at_us = (at[pair] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
        begun, ended = (zero_us + int(maker[name]) for name in ("sent_us", "done_us"))
        if at_us != int(maker["key"]) and not begun - TOLERANCE_US <= at_us <= ended + TOLERANCE_US:
            wrong.append({**maker, "why": f"dated {apart((at_us - int(maker['key'])) / 1e6)} it was made"})
    return pd.DataFrame(wrong, columns=[*writes.columns, "why"]), judged
