"""Reviews: each acknowledged one is there with what was written, once (contract 6.7). (pure)

A review is a plain insert without an id of the phone's: the same one sent twice is two rows, rightly, and a review that
had no answer may be there or not.
"""

from __future__ import annotations

from collections import Counter

from reports.integrity.conversations import Frame

Key = tuple[bytes, bytes, int]
"""Person, title, content."""


def lost(writes: Frame, stored: Frame) -> Frame:
    """Acknowledged reviews without a row that holds what they said.

    :param writes: user_id, title_id, content, acknowledged; stored: user_id, title_id, content.
    """
    left = Counter(_keys(stored))
    missing = []
    for place, key in enumerate(_keys(writes)):
        if not writes["acknowledged"].iloc[place]:
            continue
        if left[key] > 0:
            left[key] -= 1
        else:
            missing.append(place)
    return writes.iloc[missing]


def too_many(writes: Frame, stored: Frame) -> Frame:
    """Rows of the run's time beyond what was ever sent."""
    left = Counter(_keys(writes))
    extra = []
    for place, key in enumerate(_keys(stored)):
        if left[key] > 0:
            left[key] -= 1
        else:
            extra.append(place)
    return stored.iloc[extra]


def _keys(rows: Frame) -> list[Key]:
    return list(zip(rows["user_id"], rows["title_id"], rows["content"].astype(object), strict=True))
