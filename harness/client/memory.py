"""What a page or a device keeps between two calls: one thing of each kind. (pure)

The page's memory dies with the page (session end, kill); the device's is local storage and outlives sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


class Memory:
    """Holds one value per type, made when it is first asked for."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[type[object], object] = {}

    def of(self, kind: type[T], make: Callable[[], T]) -> T:
        """The value of this kind; `make` is called when there is none yet."""
        found = self._kept.get(kind)
        if found is None:
            found = self._kept[kind] = make()
        return cast("T", found)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
