"""Any JSON that a broken target may answer with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

DEEP = 1000
"""orjson reads up to 1,024; Python's own recursion ends before."""
ID = "00000000-0000-4000-8000-00000000000a"


def nested(depth: int) -> list[Any]:
    """Lists within lists: what is read with `str` or compared in depth fails on it."""
    tree: list[Any] = []
    for _ in range(depth):
        tree = [tree]
    return tree


def trees(names: Iterable[str]) -> st.SearchStrategy[Any]:
    """Trees whose objects have members of these names."""
    known = st.sampled_from(sorted(names))
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from([ID, "", "x", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", "é\r\nx: y", "9" * 400])
        | st.just(nested(DEEP)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=3), inner, max_size=5),
        max_leaves=12,
    )
