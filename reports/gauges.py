"""Sockets, channels and frames of Realtime, second by second, all workers together. (pure)"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

CHANGES_OF = "changes "
"""Before a table's name: changes of it that reached a listener."""
FLOWS = ("frames ", "bytes", CHANGES_OF, "sent ")
"""How the names begin of what is counted within a second; all others are gauges."""


def per_second(realtime: pd.DataFrame) -> pd.DataFrame:
    """Index second, one column a gauge or frame kind: the workers' values added up.

    What came within a second is added, 0 where nothing came. Of a gauge the last value counts and stands until the
    next: workers report about once a second, so that a second may have two reports or none.
    """
    if realtime.empty:
        return pd.DataFrame()
    second = realtime["second"].to_numpy(dtype=np.int64)
    first = int(second.min())
    at, length = second - first, int(second.max()) - first + 1
    value, words = realtime["value"].to_numpy(dtype=np.int64), realtime["what"].astype("category")
    code, worker = words.cat.codes.to_numpy(), pd.factorize(realtime["worker"])[0]
    index = pd.RangeIndex(first, first + length, name="second")
    columns = {}
    for name in sorted(map(str, words.cat.categories), key=lambda one: (not one.startswith(FLOWS), one)):
        rows = np.flatnonzero(code == words.cat.categories.get_loc(name))
        if not len(rows):
            continue
        if name.startswith(FLOWS):
            columns[name] = np.bincount(at[rows], value[rows], length).astype(np.int64)
        else:
            columns[name] = _stood(at[rows], worker[rows], value[rows], length)
    return pd.DataFrame(columns, index)


def _stood(
    at: npt.NDArray[np.int64], worker: npt.NDArray[np.int64], value: npt.NDArray[np.int64], length: int
) -> npt.NDArray[np.int64]:
    """The last value of each worker in each second, or before it, added up."""
    reported = np.zeros((length, int(worker.max()) + 1), np.int32)
    reported[at, worker] = np.arange(1, len(at) + 1)  # of several in one second the last one stays
    latest = np.maximum.accumulate(reported, axis=0)
    found: npt.NDArray[np.int64] = np.concatenate(([0], value))[latest].sum(axis=1)
    return found
