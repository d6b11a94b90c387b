"""Many small named tuples in a third of their memory. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, overload

R = TypeVar("R", bound=NamedTuple)


class FlatRows(Sequence[R], Generic[R]):
    """Rows of one kind, their values one after another in one plain tuple; each is made anew when it is asked for.

    Equal and pickled like any value; never changed.
    """

    __slots__ = ("_kind", "_values")

    def __init__(self, kind: type[R], values: Iterable[Any]) -> None:
        """values: of the first row, then of the second, and so on. :raises ValueError: the last one is not whole."""
        self._kind = kind
        self._values = tuple(values)
        if len(self._values) % len(kind._fields):
            raise ValueError(f"{len(self._values)} values are no whole rows of {len(kind._fields)}")

    def __len__(self) -> int:
        return len(self._values) // len(self._kind._fields)

    @overload
    def __getitem__(self, place: int) -> R: ...
    @overload
    def __getitem__(self, place: slice) -> FlatRows[R]: ...
    def __getitem__(self, place: int | slice) -> R | FlatRows[R]:
        kind, values, width = self._kind, self._values, len(self._kind._fields)
        if isinstance(place, slice):
            return FlatRows(kind, (value for row in list(self)[place] for value in row))
        start = range(len(self))[place] * width
        return kind._make(values[start : start + width])

    def __iter__(self) -> Iterator[R]:
        return map(self._kind._make, zip(*[iter(self._values)] * len(self._kind._fields), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlatRows) and (self._kind, self._values) == (other._kind, other._values)

    def __hash__(self) -> int:
        return hash(self._values)

    def column(self, name: str) -> tuple[Any, ...]:
        """One value of every row."""
        fields = self._kind._fields
        return self._values[fields.index(name) :: len(fields)]
