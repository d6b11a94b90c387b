"""What the API exposes, from PostgREST's OpenAPI document or from the catalogue. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.preflight.outside.model import Relation, Rpc

OWNERS = (
    "user_id",
    "owner_id",
    "profile_id",
    "author_id",
    "sender_id",
    "follower_id",
    "blocker_id",
    "created_by",
    "requested_by",
)
"""Columns that say whose a row is, the surest first."""
OF_PEOPLE = frozenset({"profiles", "profiles_public", "users"})
"""Tables whose key is the person."""

RELATIONS_SQL = """
select c.relname,
       (select json_object_agg(a.attname, format_type(a.atttypid, null) order by a.attnum)::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
       (select json_agg(a.attname order by k.position)::text
        from pg_index i cross join unnest(i.indkey::int2[]) with ordinality k (attnum, position)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
        where i.indrelid = c.oid and i.indisprimary)
from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by c.relname
"""
FUNCTIONS_SQL = """
select p.proname, coalesce(json_agg(json_build_array(n.name, format_type(n.type, null)) order by n.position)
                           filter (where n.position <= p.pronargs - p.pronargdefaults and n.name <> ''), '[]')::text,
       p.provolatile <> 'v', p.prosecdef
from pg_proc p
left join lateral (
  select (coalesce(p.proargnames, '{}'))[i.position] as name, i.type, i.position
  from unnest(p.proargtypes::oid[]) with ordinality i (type, position)
) n on true
where p.pronamespace = to_regnamespace('public') and p.prokind = 'f'
  and p.prorettype <> to_regtype('trigger') and p.prorettype <> to_regtype('event_trigger')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
group by p.oid, p.proname order by p.proname, p.oid
"""


def relation(name: str, columns: Mapping[str, str], key: Iterable[str]) -> Relation:
    """With the column that says whose a row is."""
    owner = next((column for column in OWNERS if column in columns), "")
    if name in OF_PEOPLE and "id" in columns:
        owner = "id"
    return Relation(name, dict(columns), tuple(key), owner)


def from_openapi(document: Any) -> tuple[tuple[Relation, ...], tuple[Rpc, ...]]:
    """Of Swagger 2.0, as PostgREST writes it.

    A function has a GET there when it is declared STABLE or IMMUTABLE; some versions give every function one, and all
    of them run a GET in a read-only transaction. :raises ValueError: this is something else.
    """
    paths, definitions = (document.get(key) if isinstance(document, dict) else None for key in ("paths", "definitions"))
    if not isinstance(paths, dict) or not isinstance(definitions, dict):
        raise ValueError("no OpenAPI document of PostgREST")
    relations = []
    for name, about in sorted(definitions.items()):
        properties = about.get("properties", {}) if isinstance(about, dict) else {}
        if f"/{name}" in paths and isinstance(properties, dict):
            columns = {str(one): str(told.get("format", "")) for one, told in properties.items()}
            key = [one for one, told in properties.items() if "<pk" in str(told.get("description", ""))]
            relations.append(relation(name, columns, key))
    functions = [
        Rpc(path.removeprefix("/rpc/"), _arguments(operations), "get" in operations)
        for path, operations in sorted(paths.items())
        if path.startswith("/rpc/") and isinstance(operations, dict)
    ]
    return tuple(relations), tuple(functions)


def _arguments(operations: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What has to be given, from the schema of the body."""
    for parameter in operations.get("post", {}).get("parameters", ()):
        schema = parameter.get("schema")
        if isinstance(schema, dict):
            properties = schema.get("properties", {})
            return tuple((name, str(properties.get(name, {}).get("format", ""))) for name in schema.get("required", ()))
    return ()
