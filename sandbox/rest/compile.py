"""Whole statements: a source of rows, the reading of it, and the reply's JSON made by Postgres. (pure)

Each statement answers one row: `total` (rows there are, null when not asked for), `page` (rows in the body), `body`
(JSON text, null without one), and for upserts `inserted`. The shape follows PostgREST's own queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.rest.catalogue import DbRelation, SchemaCatalogue
from sandbox.rest.errors import where_required
from sandbox.rest.lookup import FunctionCall
from sandbox.rest.reading import SelectBuilder, columns_needed
from sandbox.rest.sql import Binder, Scope, Slot, identifier, qualified
from sandbox.rest.syntax import Tree
from sandbox.rest.writing import INSERTED, SCALAR, Conflict, Payload, call, delete, insert, known_columns, update

LIMIT = "limit"
OFFSET = "offset"


@dataclass(frozen=True, slots=True)
class Form:
    """How the reply shall look, as far as SQL cares.

    body: whether rows are returned at all; single: as one object rather than an array; exact: count all rows.
    """

    body: bool = True
    single: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """slots: where each parameter comes from, in order. bare: no row is answered, only Postgres' command status."""

    sql: str
    slots: tuple[Slot, ...]
    bare: bool = False


def read(catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree, form: Form) -> Statement:
    """A page of a table or view."""
    binder = Binder()
    source = f"{qualified(relation.name)} AS {identifier(relation.name)}"
    parts = SelectBuilder(catalogue, tree, binder).root(_scope(relation))
    total = f"(SELECT count(*) FROM ({parts.sql(source, bare=True)}) AS _all)" if form.exact else "NULL::bigint"
    rows = f"{parts.sql(source)} {_page(binder)}"
    return Statement(f"SELECT {total} AS total, {_reply(form, '_row')} FROM ({rows}) AS _row", binder.slots)


def estimate(catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree) -> Statement:
    """The planner's idea of how many rows there are: answers one JSON text."""
    binder = Binder()
    source = f"{qualified(relation.name)} AS {identifier(relation.name)}"
    parts = SelectBuilder(catalogue, tree, binder).root(_scope(relation))
    return Statement(f"EXPLAIN (FORMAT JSON) {parts.sql(source, bare=True)}", binder.slots)


def insertion(
    catalogue: SchemaCatalogue,
    relation: DbRelation,
    tree: Tree,
    payload: Payload,
    conflict: Conflict | None,
    defaults: bool,
    form: Form,
) -> Statement:
    binder = Binder()
    sql = insert(relation, payload, conflict, defaults, binder)
    return _mutation(catalogue, relation, tree, sql, binder, form, counts=conflict is not None and conflict.merge)


def change(
    catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree, payload: Payload, defaults: bool, form: Form
) -> Statement:
    """:raises RestError: 21000 without any filter, PGRST204 for an unknown column."""
    binder = Binder()
    conditions = _required(catalogue, relation, tree, binder, "UPDATE")
    if not known_columns(relation, payload.columns):  # nothing to set: PostgREST changes no row and says so
        return _mutation(catalogue, relation, tree, _no_rows(catalogue, relation, tree), Binder(), form, reads=True)
    return _mutation(catalogue, relation, tree, update(relation, payload, conditions, defaults, binder), binder, form)


def removal(catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree, form: Form) -> Statement:
    """:raises RestError: 21000 without any filter."""
    binder = Binder()
    conditions = _required(catalogue, relation, tree, binder, "DELETE")
    return _mutation(catalogue, relation, tree, delete(relation, conditions), binder, form)


def invocation(
    catalogue: SchemaCatalogue,
    target: FunctionCall,
    arguments: tuple[str, ...],
    tree: Tree,
    form: Form,
    *,
    by_name: bool,
) -> Statement:
    """A function call and the reading of its result."""
    function = target.function
    binder = Binder()
    source = call(function, arguments, binder, by_name=by_name, whole_body=target.whole_body)
    name = identifier(function.name)
    scope = Scope(function.relation or function.name, name, function.columns, function.relation)
    parts = SelectBuilder(catalogue, tree, binder).root(scope)
    row = "_row"
    if not function.is_composite:
        parts.columns = [f"{name}.{SCALAR}"]
        row = f"_row.{SCALAR}"
    total = f"(SELECT count(*) FROM ({parts.sql(f'_source AS {name}', bare=True)}) AS _all)"
    rows = f"{parts.sql(f'_source AS {name}')} {_page(binder)}"
    shape = Form(form.body and not function.is_void, form.single or not function.returns_set)
    reply = f"{total if form.exact else 'NULL::bigint'} AS total, {_reply(shape, row)}"
    return Statement(f"WITH _source AS ({source}) SELECT {reply} FROM ({rows}) AS _row", binder.slots)


def _scope(relation: DbRelation) -> Scope:
    return Scope(relation.name, identifier(relation.name), relation.columns, relation.name)


def _page(binder: Binder) -> str:
    return f"LIMIT {binder.place(LIMIT, 'bigint')} OFFSET {binder.place(OFFSET, 'bigint')}"


def _reply(form: Form, row: str) -> str:
    if not form.body:
        body = "NULL::text"
    elif form.single:
        body = f"coalesce((json_agg({row})->0)::text, 'null')"
    else:
        body = f"coalesce(json_agg({row}), '[]')::text"
    return f"count(_row) AS page, {body} AS body"


def _required(catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree, binder: Binder, verb: str) -> list[str]:
    conditions = SelectBuilder(catalogue, tree, binder).conditions(_scope(relation))
    if not conditions:
        raise where_required(verb)
    return conditions


def _no_rows(catalogue: SchemaCatalogue, relation: DbRelation, tree: Tree) -> str:
    columns = ", ".join(columns_needed(catalogue, tree, _scope(relation))) or "1"
    return f"SELECT {columns} FROM {qualified(relation.name)} AS {identifier(relation.name)} WHERE false"


def _mutation(
    catalogue: SchemaCatalogue,
    relation: DbRelation,
    tree: Tree,
    sql: str,
    binder: Binder,
    form: Form,
    *,
    counts: bool = False,
    reads: bool = False,
) -> Statement:
    """Without a representation nothing of the row is returned, so that no SELECT privilege or policy is consulted.

    counts: whether inserted rows are told from updated ones; reads: `sql` is a SELECT and answers its rows itself.
    """
    if not form.body and not counts:
        return Statement(sql, binder.slots, bare=True)
    inserted = f"nullif(current_setting('{INSERTED}', true), '')::int" if counts else "NULL::int"
    affected = f"(SELECT count(*) FROM _source) AS total, {inserted} AS inserted"
    if not form.body:
        rows = "SELECT count(*) AS total, {0} AS inserted, 0::bigint AS page, NULL::text AS body FROM _source"
        return Statement(f"WITH _source AS ({sql} RETURNING 1) {rows.format(inserted)}", binder.slots)
    scope = _scope(relation)
    returning = "" if reads else f" RETURNING {', '.join(columns_needed(catalogue, tree, scope)) or '1'}"
    parts = SelectBuilder(catalogue, tree, binder).root(scope, filtered=False)
    read_back = parts.sql(f"_source AS {scope.alias}")
    return Statement(
        f"WITH _source AS ({sql}{returning}) SELECT {affected}, {_reply(form, '_row')} FROM ({read_back}) AS _row",
        binder.slots,
    )
