"""`select=` and `order=` into their trees. (pure)"""

from __future__ import annotations

import re
from functools import lru_cache

from sandbox.rest.errors import no_aggregates
from sandbox.rest.scanner import Scanner
from sandbox.rest.syntax import EVERYTHING, Embed, FieldPath, OrderTerm, Select, SelectedColumn

MAX_DEPTH = 16
CAST = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(?:\[\])?")
AGGREGATE = re.compile(r"\.(?:count|sum|avg|min|max)\(\)")


@lru_cache(maxsize=1024)
def parse_select(text: str) -> Select:
    """:raises RestError: PGRST100 for a malformed list, PGRST123 for an aggregate."""
    if not text.strip():
        return EVERYTHING
    scanner = Scanner(text, "select parameter")
    items = _items(scanner, 0)
    scanner.expect_end()
    return items


def _items(scanner: Scanner, depth: int) -> Select:
    if depth > MAX_DEPTH:
        scanner.fail("fewer nested resources")
    items = [_item(scanner, depth)]
    while scanner.take(","):
        items.append(_item(scanner, depth))
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> SelectedColumn | Embed:
    while scanner.take(" "):
        pass
    if scanner.take("..."):
        return _embed(scanner, scanner.name(), None, depth, spread=True)
    if scanner.take("*"):
        return EVERYTHING[0]
    alias: str | None = None
    name = scanner.name()
    if scanner.sees(":") and not scanner.sees("::"):
        scanner.expect(":")
        alias, name = name, scanner.name()
    if scanner.sees("!") or scanner.sees("("):
        return _embed(scanner, name, alias, depth, spread=False)
    path = scanner.json_path()
    if scanner.match(AGGREGATE):
        raise no_aggregates()
    cast: str | None = None
    if scanner.take("::"):
        found = scanner.match(CAST)
        if found is None:
            scanner.fail("type name")
        cast = found[0].strip()
        if scanner.match(AGGREGATE):
            raise no_aggregates()
    return SelectedColumn(FieldPath(name, path), alias, cast)


def _embed(scanner: Scanner, name: str, alias: str | None, depth: int, *, spread: bool) -> Embed:
    hint: str | None = None
    inner = False
    while scanner.take("!"):
        word = scanner.name()
        if word in ("inner", "left"):
            inner = word == "inner"
        else:
            hint = word
    scanner.expect("(")
    if scanner.sees(")") and name == "count" and hint is None:
        raise no_aggregates()
    items: Select = () if scanner.sees(")") else _items(scanner, depth + 1)
    scanner.expect(")")
    return Embed(name, items, alias, hint, inner, spread)


@lru_cache(maxsize=1024)
def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """:raises RestError: PGRST100 for a malformed list."""
    scanner = Scanner(text, "order")
    terms = [_order_term(scanner)]
    while scanner.take(","):
        terms.append(_order_term(scanner))
    scanner.expect_end()
    return tuple(terms)


def _order_term(scanner: Scanner) -> OrderTerm:
    relation: str | None = None
    field = scanner.field()
    if not field.path and scanner.take("("):
        relation, field = field.name, scanner.field()
        scanner.expect(")")
    direction: str | None = None
    nulls: str | None = None
    while scanner.take("."):
        if direction is None and nulls is None and (scanner.sees("asc") or scanner.sees("desc")):
            direction = "asc" if scanner.take("asc") else "desc"
            if direction == "desc":
                scanner.expect("desc")
        elif nulls is None and (scanner.sees("nullsfirst") or scanner.sees("nullslast")):
            nulls = "first" if scanner.take("nullsfirst") else "last"
            if nulls == "last":
                scanner.expect("nullslast")
        else:
            scanner.fail('"asc", "desc", "nullsfirst" or "nullslast"')
    return OrderTerm(field, direction, nulls, relation)
