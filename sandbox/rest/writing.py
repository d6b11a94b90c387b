"""INSERT, UPDATE, DELETE and function calls as the source of a reply. (pure)

A JSON body goes in as one parameter and is taken apart by json_to_recordset, so that Postgres converts its values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.rest.catalogue import ColumnInfo, DbFunction, DbRelation
from sandbox.rest.errors import no_column
from sandbox.rest.sql import Binder, identifier, literal, qualified

BODY = "body"
SCALAR = "pgrst_scalar"
INSERTED = "pgrst.inserted"
_COUNTER = f"coalesce(nullif(current_setting('{INSERTED}', true), '')::int, 0)"


@dataclass(frozen=True, slots=True)
class Payload:
    """What a JSON body brings.

    columns: the columns it gives; rows: how many objects, 0 for an empty array; is_array: whether it came as one.
    """

    columns: tuple[str, ...]
    is_array: bool
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """`on conflict (columns)`; merge: update the row that is there, else keep it. No columns: any conflict at all."""

    columns: tuple[str, ...]
    merge: bool


def insert(relation: DbRelation, payload: Payload, conflict: Conflict | None, defaults: bool, binder: Binder) -> str:
    """defaults: a key that a row leaves out takes the column's default instead of null."""
    infos = known_columns(relation, payload.columns)
    head = f"INSERT INTO {qualified(relation.name)}"
    if not infos:
        sql = f"{head} SELECT WHERE false" if payload.is_empty else f"{head} DEFAULT VALUES"
        return sql + (_on_conflict(conflict, ()) if conflict else "")
    listed = ", ".join(identifier(info.name) for info in infos)
    values = ", ".join(f"_body.{identifier(info.name)}" for info in infos)
    sql = f"{head} ({listed}) SELECT {values} FROM {_body(infos, payload.is_array, defaults, binder)}"
    if conflict is not None:
        if conflict.merge:
            sql += f" WHERE set_config('{INSERTED}', ({_COUNTER} + 1)::text, true) <> '0'"
        sql += _on_conflict(conflict, payload.columns)
    return sql


def _on_conflict(conflict: Conflict, columns: Sequence[str]) -> str:
    target = f" ({', '.join(map(identifier, conflict.columns))})" if conflict.columns else ""
    if not conflict.merge or not columns:
        return f" ON CONFLICT{target} DO NOTHING"
    changes = ", ".join(f"{identifier(name)} = EXCLUDED.{identifier(name)}" for name in columns)
    # The counter tells 201 from 200: each row counts up as it is offered, and down again when it becomes an update.
    recount = f"set_config('{INSERTED}', ({_COUNTER} - 1)::text, true) <> '-1'"
    return f" ON CONFLICT{target} DO UPDATE SET {changes} WHERE {recount}"


def update(relation: DbRelation, payload: Payload, conditions: Sequence[str], defaults: bool, binder: Binder) -> str:
    infos = known_columns(relation, payload.columns)
    changes = ", ".join(f"{identifier(info.name)} = _body.{identifier(info.name)}" for info in infos)
    source = _body(infos, payload.is_array, defaults, binder)
    return f"UPDATE {qualified(relation.name)} SET {changes} FROM {source} WHERE {' AND '.join(conditions)}"


def delete(relation: DbRelation, conditions: Sequence[str]) -> str:
    return f"DELETE FROM {qualified(relation.name)} WHERE {' AND '.join(conditions)}"


def known_columns(relation: DbRelation, names: Sequence[str]) -> list[ColumnInfo]:
    """:raises RestError: PGRST204 for the first column the relation does not have."""
    infos = []
    for name in names:
        info = relation.columns.get(name)
        if info is None:
            raise no_column(relation.name, name)
        infos.append(info)
    return infos


def _body(infos: Sequence[ColumnInfo], is_array: bool, defaults: bool, binder: Binder) -> str:
    """A FROM item `_body` with one row per object of the JSON body."""
    body = binder.place(BODY, "json")
    shape = ", ".join(f"{identifier(info.name)} {info.full_type}" for info in infos)
    function = "json_to_recordset" if is_array else "json_to_record"
    given = [info for info in infos if info.default is not None]
    if defaults and given:
        pairs = ", ".join(f"{literal(info.name)}, {info.default}" for info in given)
        if is_array:
            rows = f"jsonb_array_elements({body}::jsonb) AS _row"
            body = f"(SELECT jsonb_agg(jsonb_build_object({pairs}) || _row) FROM {rows})"
        else:
            body = f"(jsonb_build_object({pairs}) || {body}::jsonb)"
        function = "jsonb_to_recordset" if is_array else "jsonb_to_record"
    return f"(SELECT * FROM {function}({body}) AS _({shape})) AS _body"


def call(function: DbFunction, arguments: Sequence[str], binder: Binder, *, by_name: bool, whole_body: bool) -> str:
    """A SELECT of the function's rows, or of its scalars as `pgrst_scalar`.

    by_name: the arguments are slots `argument:<name>` (GET), else members of the JSON body (POST).
    """
    parameters = [p for p in function.parameters if p.name in set(arguments)]
    source = ""
    if whole_body:
        passed = f"{binder.place(BODY, 'json')}::{function.parameters[0].type}"
    elif by_name:
        named = ((p, binder.value(f"argument:{p.name}", p.type)) for p in parameters)
        passed = ", ".join(_argument(p.name, value, p.variadic) for p, value in named)
    elif parameters:
        shape = ", ".join(f"{identifier(p.name)} {p.type}" for p in parameters)
        source = f"(SELECT * FROM json_to_record({binder.place(BODY, 'json')}) AS _({shape})) AS _arguments, "
        passed = ", ".join(_argument(p.name, f"_arguments.{identifier(p.name)}", p.variadic) for p in parameters)
    else:
        passed = ""
    invocation = f"{qualified(function.name)}({passed})"
    if function.is_composite:
        return f"SELECT _call.* FROM {source}LATERAL {invocation} AS _call"
    return f"SELECT _call.* FROM {source}LATERAL (SELECT {invocation} AS {SCALAR}) AS _call"


def _argument(name: str, value: str, variadic: bool) -> str:
    return f"{'VARIADIC ' if variadic else ''}{identifier(name)} := {value}"
