"""When somebody was seen last is not before the last time that their phone wrote it (contract 5.5). (pure)

The row keeps the newest such time alone, and the app shows it as "active ... ago". Phones date it themselves, so both
sides are on one clock. A later time is nobody's concern: other phones of the same person write there as well.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.integrity.clock import apart
from reports.integrity.conversations import Frame


def outdated(writes: Frame, stored: Frame) -> tuple[Frame, int]:
    """People whose row holds an older time than they wrote last, and how many could be judged.

    :param writes: one row per try: account, key (the time that was sent, epoch us), sent_us, done_us, acknowledged,
        unheard.
    :param stored: id (account), last_seen_at.
    """
    at: dict[Any, Any] = dict(zip(stored["id"], stored["last_seen_at"], strict=True))
    wrong, judged = [], 0
    for account, tries in writes[(writes["key"] > 0) & writes["account"].isin(at)].groupby("account"):
        known = tries[tries["acknowledged"]]
        if known.empty:
            continue
        judged += 1
        last_us = known["sent_us"].max()
        may_be_last = tries["unheard"] | ~tries["acknowledged"] | (tries["done_us"] > last_us)
        oldest = int(tries[may_be_last | (tries["sent_us"] == last_us)]["key"].min())
        if pd.isna(at[account]):
            wrong.append({"account_id": account, "why": "said when they were there, and no time is stored"})
            continue
        at_us = (at[account] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
        if at_us < oldest:
            wrong.append({"account_id": account, "why": f"seen last {apart((at_us - oldest) / 1e6)} they wrote it"})
    return pd.DataFrame(wrong, columns=["account_id", "why"]), judged
