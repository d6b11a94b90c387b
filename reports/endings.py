"""Attempts that are noted only when something ends, held against all that had begun. (pure)

A channel that its server ends is an attempt of its own, `realtime_channel_presence`, and always a failed one. How bad
that is depends on how many such channels there were: `realtime_join_presence` that were answered well. (The ends of
whole sockets are `reports.access`'s.)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.core.outcome import OUTCOMES
from harness.core.tables import View
from reports.samples import Places

BEGUN_BY = {"realtime_channel": "realtime_join"}
GOOD = [outcome for outcome in OUTCOMES if outcome.good]


def beginning(name: str) -> str:
    """The attempt with which what ended as `name` had begun; empty for everything that is no such end."""
    for end, begun in BEGUN_BY.items():
        if name == end or name.startswith(f"{end}_"):
            return begun + name.removeprefix(end)
    return ""


def with_begun(samples: Places, name: str) -> pd.DataFrame:
    """The ends under `name`, and of what had begun as many as did not end. Of all others: what there is."""
    ended = samples.of(name, View.SERVER)
    if not (begun_by := beginning(name)):
        return ended
    begun = samples.of(begun_by, View.SERVER)
    begun = begun[begun["outcome"].isin(GOOD)].sort_values("second", kind="stable")
    number = begun["count"].to_numpy()
    over = np.clip(np.cumsum(number) - int(ended["count"].sum()), 0, number)  # the first to begin are those that ended
    lasted = begun.assign(count=over)
    lasted = lasted[lasted["count"] > 0]
    return pd.concat([ended, lasted]) if len(lasted) else ended
