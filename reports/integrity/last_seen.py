"""When somebody was seen last is not before the last time that their phone wrote it (contract 5.5). (pure)

The row keeps the newest such time alone, and the app shows it as "active ... ago". Phones date it themselves, so both
sides are on one clock. A later time is nobody's concern: other phones of the same person write there as well.
"""

from __future__ import annotations

import pandas as pd

from reports.integrity.clock import apart
from reports.integrity.conversations import Frame


def outdated(writes: Frame, stored: Frame) -> tuple[Frame, int]:
    """People whose row holds an older time than they wrote last, and how many could be judged.

    :param writes: one row per try: account, key (the time that was sent, epoch us), sent_us, done_us, acknowledged,
        unheard.
    :param stored: id (account), last_seen_at.
    """
    at = stored.drop_duplicates("id").set_index("id")["last_seen_at"]
    wrong, judged = [], 0
    for account, tries in writes[writes["key"] > 0].groupby("account"):
        known = tries[tries["acknowledged"]]
        if known.empty or account not in at.index:
            continue
        judged += 1
        last = known.loc[known["sent_us"].idxmax()]
        unsure = tries["unheard"] | ~tries["acknowledged"] | (tries["done_us"] > last["sent_us"])
        oldest = min(int(last["key"]), int(tries[unsure]["key"].min() if unsure.any() else last["key"]))
        if pd.isna(at[account]):
            wrong.append({"account_id": account, "why": "said when they were there, and no time is stored"})
            continue
        at_us = (at[account] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
        if at_us < oldest:
            wrong.append({"account_id": account, "why": f"seen last {apart((at_us - oldest) / 1e6)} they wrote it"})
    return pd.DataFrame(wrong, columns=["account_id", "why"]), judged
