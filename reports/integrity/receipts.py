"""Receipts and reactions against the writes that made them (contract 5.5, 5.6). (pure)

Everything here is about frames: writes as `reports.integrity.frames.writes` gives them, and stored rows.
"""

from __future__ import annotations

import pandas as pd

from reports.integrity.conversations import Frame

DELIVERY = ["message_id", "user_id"]
MARK = ["conversation_id", "user_id"]


def undelivered(writes: Frame, stored: Frame) -> tuple[Frame, int]:
    """Delivery receipts that were acknowledged and are not stored, each once; and how many could be looked at.

    :param writes: message_id, user_id, acknowledged.
    """
    told = writes[writes["acknowledged"] & writes["user_id"].notna()].drop_duplicates(DELIVERY)
    there = pd.MultiIndex.from_frame(stored[DELIVERY])
    return told[~pd.MultiIndex.from_frame(told[DELIVERY]).isin(there)], len(told)


def unwritten_marks(writes: Frame, stored: Frame) -> tuple[Frame, int]:
    """Read markers that hold a message and an instant which no phone wrote; and how many could be looked at.

    Only of people and conversations whose markers this run wrote, was heard by, and dated.

    :param writes: conversation_id, user_id, message_id, marked_us (epoch; 0: not noted), acknowledged.
    :param stored: conversation_id, user_id, last_read_message_id, last_read_at.
    """
    writes = writes[writes["user_id"].notna()]
    dated = writes.assign(dated=writes["marked_us"] > 0).groupby(MARK)[["dated", "acknowledged"]]
    judged = dated.agg({"dated": "all", "acknowledged": "any"}).all(axis=1)
    rows = stored[pd.MultiIndex.from_frame(stored[MARK]).isin(judged[judged].index)]
    at_us = (rows["last_read_at"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
    written = pd.MultiIndex.from_frame(writes[[*MARK, "message_id", "marked_us"]].astype({"marked_us": "int64"}))
    held = pd.MultiIndex.from_arrays(
        [rows["conversation_id"], rows["user_id"], rows["last_read_message_id"], at_us.astype("int64")]
    )
    return rows[~held.isin(written)], len(rows)
