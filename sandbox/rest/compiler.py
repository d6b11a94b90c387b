"""Statements for one catalogue, each compiled once.

Two memories: by the query string itself, which polls repeat word for word, and by its syntax tree, which requests
that differ only in values share. Postgres then keeps a prepared statement per SQL text and connection.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from sandbox.rest import compile as sql
from sandbox.rest.catalogue import DbFunction, SchemaCatalogue
from sandbox.rest.compile import Form, Statement
from sandbox.rest.lookup import FunctionCall, function_for, relation_named
from sandbox.rest.query import parse_query
from sandbox.rest.syntax import RestQuery
from sandbox.rest.writing import Conflict, Payload

MEMORY = 4096
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement and the query it serves. function: for calls."""

    statement: Statement
    query: RestQuery
    function: DbFunction | None = None


class Compiler:
    """Every method raises RestError for what cannot be parsed, found or embedded."""

    def __init__(self, catalogue: SchemaCatalogue) -> None:
        self.catalogue = catalogue
        self._by_text: dict[Hashable, Compiled] = {}
        self._by_tree: dict[Hashable, Statement] = {}

    def read(self, name: str, text: str, form: Form) -> Compiled:
        def build(query: RestQuery) -> Statement:
            return sql.read(self.catalogue, relation_named(self.catalogue, name), query.tree, form)

        return self._compiled(("read", name, form), text, build)

    def estimate(self, name: str, text: str) -> Compiled:
        def build(query: RestQuery) -> Statement:
            return sql.estimate(self.catalogue, relation_named(self.catalogue, name), query.tree)

        return self._compiled(("estimate", name), text, build)

    def insert(
        self, name: str, text: str, payload: Payload, resolution: str | None, defaults: bool, form: Form
    ) -> Compiled:
        """resolution: of the Prefer header; its target is on_conflict or else the primary key."""

        def build(query: RestQuery) -> Statement:
            relation = relation_named(self.catalogue, name)
            conflict: Conflict | None = None
            target = query.tree.on_conflict or relation.primary_key
            if resolution is not None and target:
                conflict = Conflict(target, resolution == "merge-duplicates")
            return sql.insertion(self.catalogue, relation, query.tree, payload, conflict, defaults, form)

        return self._compiled(("insert", name, payload, resolution, defaults, form), text, build)

    def update(self, name: str, text: str, payload: Payload, defaults: bool, form: Form) -> Compiled:
        def build(query: RestQuery) -> Statement:
            relation = relation_named(self.catalogue, name)
            return sql.change(self.catalogue, relation, query.tree, payload, defaults, form)

        return self._compiled(("update", name, payload, defaults, form), text, build)

    def delete(self, name: str, text: str, form: Form) -> Compiled:
        def build(query: RestQuery) -> Statement:
            return sql.removal(self.catalogue, relation_named(self.catalogue, name), query.tree, form)

        return self._compiled(("delete", name, form), text, build)

    def call(self, name: str, text: str, arguments: frozenset[str], form: Form) -> Compiled:
        """A POST: the arguments are the members of its body."""
        target = function_for(self.catalogue, name, arguments, post=True)
        return self._call(target, text, tuple(sorted(arguments)), form, by_name=False)

    def get_call(self, name: str, text: str, form: Form) -> Compiled:
        """A GET or HEAD: the arguments stand in the query string."""
        arguments = frozenset(key for key, _ in parse_query(text, call=True).arguments)
        target = function_for(self.catalogue, name, arguments, post=False)
        return self._call(target, text, tuple(sorted(arguments)), form, by_name=True)

    def _call(
        self, target: FunctionCall, text: str, arguments: tuple[str, ...], form: Form, *, by_name: bool
    ) -> Compiled:
        def build(query: RestQuery) -> Statement:
            return sql.invocation(self.catalogue, target, arguments, query.tree, form, by_name=by_name)

        key = ("call", target.function.signature, arguments, form, by_name)
        return self._compiled(key, text, build, target.function, call=True)

    def _compiled(
        self,
        key: tuple[Hashable, ...],
        text: str,
        build: Callable[[RestQuery], Statement],
        function: DbFunction | None = None,
        *,
        call: bool = False,
    ) -> Compiled:
        known = self._by_text.get((key, text))
        if known is not None:
            return known
        query = parse_query(text, call=call)
        statement = self._by_tree.get((key, query.tree))
        if statement is None:
            statement = build(query)
            _remember(self._by_tree, (key, query.tree), statement)
        compiled = Compiled(statement, query, function)
        _remember(self._by_text, (key, text), compiled)
        return compiled


def _remember(memory: dict[Hashable, _V], key: Hashable, value: _V) -> None:
    """Starting over when full is enough: what is in use comes back at once."""
    if len(memory) >= MEMORY:
        memory.clear()
    memory[key] = value
