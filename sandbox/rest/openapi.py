"""The root of the REST API: what the caller may use of it, as OpenAPI 2.0, in PostgREST's shape. (pure)"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.rest.catalogue import SCHEMA, DbFunction, DbRelation, SchemaCatalogue

ALLOWED_SQL = """
select c.relname::text as name, 'relation' as kind from pg_class c
where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and has_table_privilege($2::text, c.oid, 'select, insert, update, delete')
union all
select distinct p.proname::text, 'function' from pg_proc p
where p.pronamespace = $1::text::regnamespace and has_function_privilege($2::text, p.oid, 'execute')
"""
"""What a role may use, as PostgREST asks by default (`openapi-mode = follow-privileges`)."""
_TYPES = {"integer": "integer", "bigint": "integer", "smallint": "integer", "boolean": "boolean", "numeric": "number"}
_OK = {"200": {"description": "OK"}}


def document(known: SchemaCatalogue, relations: Collection[str], functions: Collection[str]) -> dict[str, Any]:
    """relations, functions: names that the caller may use."""
    shown = {name: one for name, one in sorted(known.relations.items()) if name in relations}
    paths: dict[str, Any] = {"/": {"get": {"tags": ["Introspection"], "responses": _OK}}}
    paths |= {f"/{name}": _relation(name) for name in shown}
    callable_ = sorted(name for name in functions if name in known.functions)
    paths |= {f"/rpc/{name}": _function(known.functions[name][-1]) for name in callable_}  # the last of overloads
    return {
        "swagger": "2.0",
        "info": {"title": f"{SCHEMA} schema", "description": "", "version": "13"},
        "basePath": "/",
        "schemes": ["http"],
        "paths": paths,
        "definitions": {name: _definition(one, known) for name, one in shown.items()},
    }


def _relation(name: str) -> dict[str, Any]:
    return {verb: {"tags": [name], "responses": _OK} for verb in ("get", "post", "delete", "patch")}


def _function(function: DbFunction) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [one.name for one in function.parameters if one.required],
        "properties": {one.name: _typed(one.type) for one in function.parameters},
    }
    operation = {"tags": [f"(rpc) {function.name}"], "responses": _OK}
    given = [{"in": "query", "name": one.name, "required": one.required} for one in function.parameters]
    path = {"post": {**operation, "parameters": [{"in": "body", "name": "args", "required": True, "schema": schema}]}}
    return path if function.is_volatile else {"get": {**operation, "parameters": given}, **path}


def _definition(relation: DbRelation, known: SchemaCatalogue) -> dict[str, Any]:
    targets = {
        key.columns[0]: (key.target, key.target_columns[0])
        for key in known.foreign_keys
        if key.relation == relation.name and len(key.columns) == 1
    }
    properties = {}
    for name, column in relation.columns.items():
        notes = []
        if name in relation.primary_key:
            notes.append("This is a Primary Key.<pk/>")
        if name in targets:
            table, other = targets[name]
            notes.append(f"This is a Foreign Key to `{table}.{other}`.<fk table='{table}' column='{other}'/>")
        properties[name] = _typed(column.full_type) | ({"description": "\n".join(["Note:", *notes])} if notes else {})
    return {"type": "object", "required": list(relation.primary_key), "properties": properties}


def _typed(type_: str) -> dict[str, Any]:
    return {"format": type_, "type": "array" if type_.endswith("[]") else _TYPES.get(type_, "string")}
