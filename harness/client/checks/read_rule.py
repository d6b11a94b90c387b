"""What a rule of reading is: which replies it is asked of, what it gets, what it says. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.client.checks.phone_memory import PhoneMemory
from harness.core.read_log import ReadViolation

JsonRow = dict[str, Any]


@dataclass(eq=False, slots=True)
class CheckedReply:
    """A good reply, and the question that it answers.

    call: its name. me: account of who asked; "" before anybody is signed in. arguments: of the call's path, as sent.
    body: as it was before encoding. data: the reply's JSON. begun, at: loop time, before the first byte was sent and
    when the reply was read. first_s: from sending to the first piece, where a reply may come in pieces.
    copies: whether faults of this run may send requests twice or late.
    """

    call: str
    me: str
    arguments: tuple[str, ...]
    body: Any
    data: Any
    begun: float = 0.0
    at: float = 0.0
    copies: bool = False
    first_s: float | None = None
    _rows: list[JsonRow] | None = field(default=None, init=False, repr=False)

    @property
    def rows(self) -> list[JsonRow]:
        """The rows of a table or function; one object counts as one row, anything else as none."""
        rows = self._rows
        if rows is None:
            data = self.data
            if type(data) is list:
                rows = [row for row in data if type(row) is dict]
            else:
                rows = [data] if type(data) is dict else []
            self._rows = rows
        return rows

    @property
    def empty(self) -> bool:
        """Whether it says that there is nothing."""
        return self.data is None or self.data == []

    def asked(self, name: str) -> Any:
        """A member of the request's body."""
        return self.body.get(name) if type(self.body) is dict else None


Check = Callable[[CheckedReply, PhoneMemory, list[ReadViolation]], int]
"""Looks at one reply, adds what is wrong, and says of how many rows or facts it could judge. Raises for no JSON."""


@dataclass(frozen=True, slots=True)
class ReadRule:
    """One rule. id: as in records and in docs/integrity.md. calls: names of those whose replies it is asked of."""

    id: str
    calls: frozenset[str]
    check: Check


def text(value: Any) -> str:
    """An id as it stands in a reply; "nobody" where there is none."""
    return value if type(value) is str and value else "nobody"


def shown(value: Any) -> str:
    """Any value of a reply, as it stands in a detail."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return "a list" if type(value) is list else "an object"


def strings(rows: list[JsonRow], column: str) -> set[str]:
    """The values of a column that are text, whatever else a broken target put there."""
    return {value for row in rows if type(value := row.get(column)) is str}


def listed(argument: str) -> frozenset[str]:
    """The values of an `in.(...)` filter."""
    return frozenset(argument.split(","))
