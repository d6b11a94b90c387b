"""What a phone wrote last under each key, where that is certain. (pure)

Two writes of one key that are on their way together may be stored in either order: the value is unknown until a later
write is alone and acknowledged. One without a clear answer may be stored or not, also later than the next one: nothing
is certain about its key any more.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from harness.core.outcome import Outcome

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_CLEAR = frozenset(
    (Outcome.OK, Outcome.CONFLICT, Outcome.REJECTED, Outcome.AUTH, Outcome.CLIENT_ERROR, Outcome.RATE_LIMITED)
)
"""Answers after which the request does nothing any more."""


class _LastWrite(Generic[V]):
    __slots__ = ("alone", "at", "certain", "pending", "value")

    def __init__(self) -> None:
        self.pending = 0
        self.alone = True
        self.certain = False
        self.at = 0.0
        self.value: V | None = None


class SettledWrites(Generic[K, V]):
    """Of one kind of write. `limit` keys are remembered, the newest ones. used: whether there ever was such a write."""

    __slots__ = ("_blurred", "_kept", "_limit", "used")

    def __init__(self, limit: int) -> None:
        self.used = False
        self._limit = limit
        self._kept: dict[K, _LastWrite[V]] = {}
        self._blurred: set[K] | None = None  # made when there is one: seven empty sets a phone are 1.5 KB

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever told it."""
        return not (self.used or self._kept or self._blurred) and self._limit > 0

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def begins(self, key: K) -> None:
        """A write leaves."""
        self.used = True
        write = self._of(key)
        write.alone = write.pending == 0
        write.pending += 1
        write.certain = False

    def ends(self, key: K, value: V, at: float, outcome: Outcome) -> None:
        """And is over: acknowledged, refused, or nobody knows."""
        write = self._kept.get(key)
        if write is None or write.pending == 0:
            return
        if outcome not in _CLEAR:
            self.blur(key)
            return
        write.pending -= 1
        write.alone = write.alone and write.pending == 0
        write.certain = outcome is Outcome.OK and write.alone
        write.value, write.at = value, at

    def settle(self, key: K, value: V, at: float) -> None:
        """A write that nobody can have overtaken is acknowledged: of something that did not exist before."""
        write = self._of(key)
        write.value, write.at, write.certain = value, at, True

    def blur(self, key: K) -> None:
        """Somebody else may write this key from now on, whenever they like: it is never certain again."""
        if self._blurred is None:
            self._blurred = set()
        if len(self._blurred) >= 4 * self._limit:
            self._kept.clear()  # rather nothing than something that may be wrong
            self._blurred.clear()
            self._limit = 0
        self._blurred.add(key)
        self._kept.pop(key, None)

    def forget(self, key: K) -> None:
        """Whatever is known of it."""
        self._kept.pop(key, None)

    def known(self, key: K, begun: float) -> V | None:
        """What a read that began at `begun` and is over now must show; None where that is not certain."""
        write = self._kept.get(key)
        return None if write is None or not write.certain or write.at > begun else write.value

    def _of(self, key: K) -> _LastWrite[V]:
        found = self._kept.get(key)
        if found is None:
            found = _LastWrite()
            if (self._blurred and key in self._blurred) or self._limit == 0:
                return found
            while len(self._kept) >= self._limit:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found
