"""Filters and logic trees: `eq.5`, `not.in.(1,"a,b")`, `or=(a.gt.1,and(b.is.null,c.not.eq.x))`. (pure)"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.rest.scanner import Scanner
from sandbox.rest.syntax import FieldPath, FilterCondition, Group, Value

MAX_DEPTH = 16
COMPARISONS = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct"})
QUANTIFIABLE = COMPARISONS - {"neq", "isdistinct"}
CONTAINMENT = frozenset({"cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"})
TEXT_SEARCH = frozenset({"fts", "plfts", "phfts", "wfts"})
OPERATORS = COMPARISONS | CONTAINMENT | TEXT_SEARCH | {"in", "is"}
IS_WORDS = frozenset({"null", "not_null", "true", "false", "unknown"})

OPERATOR = re.compile(r"([a-z]+)(?:\(([A-Za-z_]+)\))?\.")
WORD = re.compile(r"\w+")
BARE_IN_LOGIC = re.compile(r"[^,)]*")
ARRAY_IN_LOGIC = re.compile(r'\{(?:[^{}"]|"(?:[^"\\]|\\.)*"|\{[^{}]*\})*\}')
JOINER = re.compile(r"(not\.)?(and|or)\(")
EXPECTED = "operator (eq, gt, ...)"


def looks_like_filter(text: str) -> bool:
    """Whether a parameter of a function call is meant as a filter on its result rather than as an argument."""
    rest = text[4:] if text.startswith("not.") else text
    found = OPERATOR.match(rest)
    return found is not None and found[1] in OPERATORS


def parse_filter(field: FieldPath, text: str, values: list[Value]) -> FilterCondition:
    """`text` is the whole parameter; its value runs to the end and is not unquoted. Appends to `values`."""
    scanner = Scanner(text, "filter")
    condition = _operation(scanner, field, values, _rest)
    scanner.expect_end()
    return condition


def parse_logic(joiner: str, negated: bool, text: str, values: list[Value]) -> Group:
    """text: the parenthesised members. Appends to `values`."""
    scanner = Scanner(text, "logic tree")
    scanner.expect("(")
    members = _members(scanner, values, 0)
    scanner.expect_end()
    return Group(joiner, members, negated)


def array_literal(items: list[str]) -> str:
    """A Postgres array literal holding exactly these strings."""
    return "{" + ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items) + "}"


def _members(scanner: Scanner, values: list[Value], depth: int) -> tuple[FilterCondition | Group, ...]:
    if depth > MAX_DEPTH:
        scanner.fail("fewer nested groups")
    members = [_member(scanner, values, depth)]
    while scanner.take(","):
        members.append(_member(scanner, values, depth))
    scanner.expect(")")
    return tuple(members)


def _member(scanner: Scanner, values: list[Value], depth: int) -> FilterCondition | Group:
    while scanner.take(" "):
        pass
    group = scanner.match(JOINER)
    if group is not None:
        return Group(group[2], _members(scanner, values, depth + 1), group[1] is not None)
    field = scanner.field()
    scanner.expect(".")
    return _operation(scanner, field, values, _logic_value)


def _operation(
    scanner: Scanner, field: FieldPath, values: list[Value], value: Callable[[Scanner], str]
) -> FilterCondition:
    negated = scanner.take("not.")
    start = scanner.position
    found = scanner.match(OPERATOR)
    if found is None or found[1] not in OPERATORS:
        scanner.position = start
        scanner.fail(f'"not" or {EXPECTED}' if not negated else EXPECTED)
    operator, modifier = found[1], found[2]
    if operator == "is":
        return FilterCondition(field, operator, None, negated, constant=_is_word(scanner))
    quantifier: str | None = None
    if modifier is not None and operator not in TEXT_SEARCH:
        quantifier = modifier
        if operator not in QUANTIFIABLE or quantifier not in ("any", "all"):
            scanner.position = start
            scanner.fail(EXPECTED)
    text = array_literal(_list(scanner)) if operator == "in" else value(scanner)
    if operator in ("like", "ilike"):
        text = text.replace("*", "%")
    values.append(text)
    language = modifier if operator in TEXT_SEARCH else None
    return FilterCondition(field, operator, len(values) - 1, negated, quantifier, language)


def _is_word(scanner: Scanner) -> str:
    start = scanner.position
    found = scanner.match(WORD)
    if found is None or found[0].lower() not in IS_WORDS:
        scanner.position = start
        scanner.fail("null or trilean value (unknown, true, false)")
    return found[0].lower()


def _list(scanner: Scanner) -> list[str]:
    scanner.expect("(")
    if scanner.take(")"):
        return []
    items = [_logic_value(scanner)]
    while scanner.take(","):
        items.append(_logic_value(scanner))
    scanner.expect(")")
    return items


def _rest(scanner: Scanner) -> str:
    text = scanner.text[scanner.position :]
    scanner.position = len(scanner.text)
    return text


def _logic_value(scanner: Scanner) -> str:
    """Quoted, an array literal, or everything up to the next comma or parenthesis."""
    start = scanner.position
    quoted = scanner.quoted()
    if quoted is not None and (scanner.at_end or scanner.sees(",") or scanner.sees(")")):
        return quoted
    scanner.position = start
    found = scanner.match(ARRAY_IN_LOGIC) or scanner.match(BARE_IN_LOGIC)
    return found[0] if found is not None else ""
