"""SQL fragments for fields, conditions and sort terms. (pure)

Every value travels as a text parameter and is cast by Postgres to the column's type, so that a bad one fails with
Postgres' own code (22P02, 22003, ...). Only identifiers and the few words of the grammar enter the SQL text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.rest.catalogue import SCHEMA, ColumnInfo
from sandbox.rest.syntax import FieldPath, FilterCondition, OrderTerm

Slot = int | str
"""Where a parameter comes from: a position in `RestQuery.values`, or a named part of the request such as `body`."""

JSON_TYPES = frozenset({"json", "jsonb"})
PLAIN = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "isdistinct": "IS DISTINCT FROM",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
ON_TEXT = {"like": "LIKE", "ilike": "ILIKE", "match": "~", "imatch": "~*"}
SEARCHES = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
IS = {
    "null": "IS NULL",
    "not_null": "IS NOT NULL",
    "true": "IS TRUE",
    "false": "IS FALSE",
    "unknown": "IS UNKNOWN",
}


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""').replace("\0", "\ufffd") + '"'


def literal(text: str) -> str:
    """A string constant; needs standard_conforming_strings, Postgres' default."""
    return "'" + text.replace("'", "''").replace("\0", "\ufffd") + "'"


def qualified(name: str) -> str:
    return f"{identifier(SCHEMA)}.{identifier(name)}"


class Binder:
    """Numbers a statement's parameters in the order of their first use."""

    def __init__(self) -> None:
        self._numbers: dict[Slot, int] = {}

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(self._numbers)

    def place(self, slot: Slot, kind: str) -> str:
        """`$n::kind`. One slot must always be placed with the same kind."""
        return f"${self._numbers.setdefault(slot, len(self._numbers) + 1)}::{kind}"

    def value(self, slot: Slot, kind: str | None) -> str:
        """A text parameter cast to `kind`; left as text when the type is unknown."""
        text = self.place(slot, "text")
        return text if kind in (None, "text") else f"{text}::{kind}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the fields of one resource refer to.

    name: as messages call it; alias: its quoted name in the statement; relation: for embedding, None for rows that
    belong to no relation.
    """

    name: str
    alias: str
    columns: Mapping[str, ColumnInfo]
    relation: str | None

    def column(self, name: str) -> str:
        return f"{self.alias}.{identifier(name)}"

    def expression(self, field: FieldPath) -> str:
        base = self.column(field.name)
        if not field.path:
            return base
        info = self.columns.get(field.name)
        if info is not None and info.type not in JSON_TYPES:
            base = f"to_jsonb({base})"
        steps = (step.arrow + (step.key if step.is_index else literal(step.key)) for step in field.path)
        return f"({base}{''.join(steps)})"

    def type_of(self, field: FieldPath) -> str | None:
        """The type a value compared with the field is cast to; None when the catalogue does not know."""
        if field.path:
            return "text" if field.path[-1].arrow == "->>" else "jsonb"
        info = self.columns.get(field.name)
        return info.type if info else None


def condition(node: FilterCondition, scope: Scope, binder: Binder) -> str:
    positive = _positive(node, scope, binder)
    return f"NOT ({positive})" if node.negated else positive


def _positive(node: FilterCondition, scope: Scope, binder: Binder) -> str:
    left = scope.expression(node.field)
    if node.slot is None:
        return f"{left} {IS[node.constant or 'null']}"
    kind = scope.type_of(node.field)
    if node.operator == "in":
        return f"{left} = ANY({binder.value(node.slot, array_of(kind))})"
    if node.operator in SEARCHES:
        return _search(node, node.slot, left, kind, binder)
    symbol = ON_TEXT.get(node.operator)
    if symbol is not None:
        kind = "text"
    symbol = symbol or PLAIN[node.operator]
    if node.quantifier is not None:
        return f"{left} {symbol} {node.quantifier.upper()}({binder.value(node.slot, array_of(kind))})"
    return f"{left} {symbol} {binder.value(node.slot, kind)}"


def _search(node: FilterCondition, slot: Slot, left: str, kind: str | None, binder: Binder) -> str:
    language = f"{literal(node.language)}, " if node.language else ""
    document = left if kind in (None, "tsvector") else f"to_tsvector({language}{left})"
    return f"{document} @@ {SEARCHES[node.operator]}({language}{binder.value(slot, 'text')})"


def array_of(kind: str | None) -> str:
    return f"{kind or 'text'}[]"


def order_term(term: OrderTerm, expression: str) -> str:
    direction = f" {term.direction.upper()}" if term.direction else ""
    nulls = f" NULLS {term.nulls.upper()}" if term.nulls else ""
    return expression + direction + nulls
