"""Filters of Postgres subscriptions: `column=operator.value`, several joined by commas. (pure)

The operators are those that the application's own database knows (realtime contract, 1.4): eq neq lt lte gt gte in.
Values are compared as the column's type would compare them; a null passes no filter.
"""

from __future__ import annotations

import operator
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "oid"})
_TIMES = frozenset({"timestamptz", "timestamp"})
_TRUTH = {"t": True, "true": True, "f": False, "false": False}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_TERM = re.compile(r"([^=,]+)=(eq|neq|lt|lte|gt|gte|in)\.(.*)", re.DOTALL)


class FilterError(ValueError):
    """The text is no filter, or its value is none of the column's type."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. values holds one text, or all of an `in` list."""

    column: str
    op: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeCondition:
    """A filter whose values were read as the column's type."""

    column: str
    type: str
    op: str
    values: tuple[Any, ...]

    def holds(self, text: str | None) -> bool:
        """Whether a column value, as Postgres prints it, passes."""
        if text is None:
            return False
        try:
            value = comparable(self.type, text)
        except FilterError:
            return False
        if self.op == "in":
            return value in self.values
        return _COMPARE[self.op](value, self.values[0])


def parse(text: str | None) -> tuple[Filter, ...]:
    """:raises FilterError: naming the text, in the form Realtime reports it."""
    if text is None or text == "":
        return ()
    return tuple(_term(term, text) for term in split(text))


def _term(term: str, text: str) -> Filter:
    found = _TERM.fullmatch(term)
    if found is None:
        raise FilterError(f'Error parsing `filter` params: ["{text}"]')
    column, op, value = found.groups()
    if op != "in":
        return Filter(column, op, (_unquoted(value),))
    if not (value.startswith("(") and value.endswith(")")):
        raise FilterError(f'Error parsing `filter` params: ["{text}"]')
    return Filter(column, op, tuple(_unquoted(part) for part in split(value[1:-1])))


def split(text: str) -> Iterator[str]:
    """The parts between commas; parentheses and double quotes protect the commas in them."""
    start = depth = 0
    quoted = False
    for index, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "," and depth <= 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def condition(given: Filter, type_name: str) -> ChangeCondition:
    """:raises FilterError: when a value is none of the type."""
    return ChangeCondition(
        given.column, type_name, given.op, tuple(comparable(type_name, value) for value in given.values)
    )


def comparable(type_name: str, text: str) -> Any:
    """A value that compares and hashes as the type's own. :raises FilterError: when the text is none of the type."""
    try:
        if type_name == "uuid":
            return uuid.UUID(text)
        if type_name in _NUMBERS:
            return Decimal(text)
        if type_name == "bool":
            return _TRUTH[text.lower()]
        if type_name in _TIMES:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, KeyError, InvalidOperation) as error:
        raise FilterError(f"{text!r} is no {type_name}") from error
    return text
