"""Notices copies and messages out of order among the changes that one channel brings. (pure)"""

from __future__ import annotations

from collections import deque


class ChangeTracker:
    """What one channel heard, so that a copy and a message out of order are noticed. Remembers the last `KEPT`."""

    KEPT = 512
    __slots__ = ("_known", "_last", "_order", "latest_us")

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, int | None]] = set()
        self._order: deque[tuple[str, str, str, int | None]] = deque()
        self._last: dict[str, int] = {}
        self.latest_us: int | None = None  # the latest commit heard

    def doubled(self, table: str, type_: str, row: str, commit_us: int | None) -> bool:
        """Whether this change came before on this channel: same row, same type, same commit."""
        change = (table, type_, row, commit_us)
        if change in self._known:
            return True
        self._known.add(change)
        self._order.append(change)
        if len(self._order) > self.KEPT:
            self._known.discard(self._order.popleft())
        return False

    def misordered(self, table: str, commit_us: int) -> bool:
        """Whether a later commit of the same table came before; notes this one."""
        last = self._last.get(table)
        self._last[table] = commit_us if last is None else max(last, commit_us)
        self.latest_us = commit_us if self.latest_us is None else max(self.latest_us, commit_us)
        return last is not None and commit_us < last
