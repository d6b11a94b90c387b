"""Decks: what was served is what is stored (contract 8.3, I09 to I13). (pure)

A deck's reply hides failures of everything it writes: request, impressions and features may be missing under a 200
(trap T12).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.integrity.conversations import Frame


def malformed(impressions: Frame) -> Frame:
    """Requests whose positions are not 0 to n - 1, or that show one title twice (I10)."""
    grouped = impressions.groupby("rec_request_id")
    summary = grouped.agg(
        rows=("position", "size"),
        first=("position", "min"),
        last=("position", "max"),
        places=("position", "nunique"),
        titles=("media_item_id", "nunique"),
    )
    wrong = (
        (summary["first"] != 0)
        | (summary["last"] != summary["rows"] - 1)
        | (summary["places"] != summary["rows"])
        | (summary["titles"] != summary["rows"])
    )
    return summary[wrong].reset_index()


def miscounted(decks: Frame, impressions: Frame) -> Frame:
    """Decks with other numbers of impressions than of cards (I11). decks: rec_request_id, cards."""
    stored = impressions.groupby("rec_request_id").size().rename("stored")
    joined = decks.join(stored, on="rec_request_id").fillna({"stored": 0})
    return joined[joined["stored"] != joined["cards"]]


def unrequested(decks: Frame, requests: Frame) -> Frame:
    """Decks without their request, or whose request names another deck, person or limit (I12).

    decks: rec_request_id, deck_id, user_id (null where not known), limit.
    """
    asked = requests.set_index("rec_request_id")
    joined = decks.merge(asked, how="left", left_on="rec_request_id", right_index=True, suffixes=("", "_stored"))
    known = joined["user_id"].notna()
    wrong = (
        joined["created_at"].isna()
        | (joined["deck_id"] != joined["deck_id_stored"])
        | (known & (joined["user_id"] != joined["user_id_stored"]))
        | (joined["limit"] != joined["limit_stored"])
    )
    return joined[wrong]


def featureless(impressions: Frame, features: Frame) -> Frame:
    """Impressions without their row of training features (I13)."""
    known = pd.MultiIndex.from_frame(features[["user_id", "dedupe_key"]])
    asked = pd.MultiIndex.from_frame(impressions[["user_id", "dedupe_key"]])
    return impressions[~np.asarray(asked.isin(known))]


def foreign(decks: Frame, impressions: Frame) -> Frame:
    """Decks whose impressions are another person's: somebody was shown somebody else's deck (I11, I12)."""
    joined = decks[decks["user_id"].notna()].merge(
        impressions[["rec_request_id", "user_id"]], on="rec_request_id", suffixes=("", "_stored")
    )
    return joined[joined["user_id"] != joined["user_id_stored"]].drop_duplicates("rec_request_id")
