"""A request's query string into a `RestQuery`. (pure)"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl

from sandbox.rest.errors import bad_range
from sandbox.rest.filters import looks_like_filter, parse_filter, parse_logic
from sandbox.rest.scanner import Scanner, names
from sandbox.rest.selecting import parse_order, parse_select
from sandbox.rest.syntax import (
    EVERYTHING,
    ROOT,
    FieldPath,
    FilterCondition,
    Group,
    Level,
    OrderTerm,
    RestQuery,
    Select,
    Tree,
    Value,
)

NUMBER = re.compile(r"-?\d+")
LARGEST = 2**63 - 1
HIDDEN = frozenset({"apikey"})
"""Parameters that the gateway in front of PostgREST keeps to itself."""


@dataclass
class _LevelDraft:
    where: list[FilterCondition | Group] = field(default_factory=list)
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int | None = None


@dataclass
class _Draft:
    select: Select = EVERYTHING
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    levels: dict[tuple[str, ...], _LevelDraft] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    arguments: list[tuple[str, str]] = field(default_factory=list)

    def level(self, path: tuple[str, ...]) -> _LevelDraft:
        return self.levels.setdefault(path, _LevelDraft())

    def finish(self) -> RestQuery:
        root = self.level(ROOT)
        limit, offset = root.limit, root.offset or 0
        root.limit = root.offset = None
        levels = []
        for path, draft in self.levels.items():
            slots = [None if n is None else self._slot(n) for n in (draft.limit, draft.offset)]
            levels.append((path, Level(tuple(draft.where), draft.order, slots[0], slots[1])))
        tree = Tree(self.select, tuple(levels), self.columns, self.on_conflict)
        return RestQuery(tree, tuple(self.values), tuple(self.arguments), limit, offset)

    def _slot(self, number: int) -> int:
        self.values.append(number)
        return len(self.values) - 1


@lru_cache(maxsize=4096)
def parse_query(text: str, *, call: bool = False) -> RestQuery:
    """text: the query string as sent, still percent-encoded.

    call: the request is a function call with GET, so parameters without an operator are arguments.
    :raises RestError: PGRST100 for malformed text, PGRST103 for a negative limit.
    """
    draft = _Draft()
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key not in HIDDEN:
            _read(draft, key, value, call)
    return draft.finish()


def _read(draft: _Draft, key: str, value: str, call: bool) -> None:
    match key:
        case "select":
            draft.select = parse_select(value)
            return
        case "columns":
            draft.columns = names(value, "columns parameter") if value else None
            return
        case "on_conflict":
            draft.on_conflict = names(value, "on_conflict parameter") if value else None
            return
    head, _, last = key.rpartition(".")
    match last:
        case "order":
            if value:
                draft.level(_path(head)).order = parse_order(value)
        case "limit":
            draft.level(_path(head)).limit = _limit(value)
        case "offset":
            number = _number(value)
            draft.level(_path(head)).offset = None if number is None else max(number, 0)
        case "and" | "or":
            _read_logic(draft, head, last, value)
        case _ if call and "." not in key and not looks_like_filter(value):
            draft.arguments.append((key, value))
        case _:
            _read_filter(draft, key, value)


def _read_logic(draft: _Draft, head: str, joiner: str, value: str) -> None:
    negated = head == "not" or head.endswith(".not")
    path = _path(head[:-3].rstrip(".") if negated else head)
    draft.level(path).where.append(parse_logic(joiner, negated, value, draft.values))


def _read_filter(draft: _Draft, key: str, value: str) -> None:
    path: list[str] = []
    scanner = Scanner(key, "tree path")
    target = scanner.field()
    while not target.path and scanner.take("."):
        path.append(target.name)
        target = scanner.field()
    scanner.expect_end()
    draft.level(tuple(path)).where.append(parse_filter(FieldPath(target.name, target.path), value, draft.values))


def _path(head: str) -> tuple[str, ...]:
    if not head:
        return ROOT
    scanner = Scanner(head, "tree path")
    path = [scanner.name()]
    while scanner.take("."):
        path.append(scanner.name())
    scanner.expect_end()
    return tuple(path)


def _number(value: str) -> int | None:
    """None, that is no bound at all, for what is no number, as PostgREST reads it."""
    return min(int(value), LARGEST) if len(value) < 40 and NUMBER.fullmatch(value) else None


def _limit(value: str) -> int | None:
    number = _number(value)
    if number is not None and number < 0:
        raise bad_range("Limit should be greater than or equal to zero.")
    return number


def parse_range(header: str | None) -> tuple[int, int | None]:
    """A Range header in items: first row and number of rows; (0, None) when it says nothing usable.

    :raises RestError: PGRST103 when it ends before it begins.
    """
    found = re.fullmatch(r"\s*(\d{1,18})-(\d{1,18})?\s*", header or "")
    if found is None:
        return 0, None
    first = int(found[1])
    if found[2] is None:
        return first, None
    last = int(found[2])
    if last < first:
        raise bad_range("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
    return first, last - first + 1
