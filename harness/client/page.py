"""One page load: everything that lives in the tab's memory and is gone with the next load."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from harness.client.cache.queries import Queries
from harness.client.realtime.session import RealtimeSession

T = TypeVar("T")


class Page:
    """queries: what was read and when. realtime: its socket and channels. last_seen_at: loop time of the last presence
    write, None before the first."""

    __slots__ = ("_kept", "last_seen_at", "queries", "realtime")

    def __init__(self, queries: Queries, realtime: RealtimeSession) -> None:
        self.queries = queries
        self.realtime = realtime
        self.last_seen_at: float | None = None
        self._kept: dict[type[object], object] = {}

    def of(self, kind: type[T], make: Callable[[], T]) -> T:
        """What screens keep for as long as the page lives, one of each kind; made when it is first asked for."""
        found = self._kept.get(kind)
        if found is None:
            found = self._kept[kind] = make()
        return cast("T", found)
