"""What a database's catalogue says of the application's objects, in the form of the shipped one's table."""

from __future__ import annotations

import re
from typing import Any

import asyncpg

ROLES = ("anon", "authenticated", "service_role")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
KINDS = {b"r": "table", b"p": "partitioned table", b"v": "view"}
_COLUMNS = """
select a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
  case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
  case when a.attgenerated = 's' then 'generated ' when d.adbin is not null then 'default ' end
    || pg_get_expr(d.adbin, d.adrelid)) as said
from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_CONSTRAINTS = """
select conname, contype::text as kind, pg_get_constraintdef(oid) as said from pg_constraint
where conrelid = $1 and contype in ('f', 'c') order by conname
"""
_UNIQUE = """
select c.relname as name, pg_get_indexdef(c.oid) as said from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = $1 and i.indisunique order by 1
"""
_POLICIES = """
select policyname as name, cmd, (select string_agg(r::text, ', ' order by r::text) from unnest(roles) r) as roles,
  qual is not null as has_using
from pg_policies where schemaname = 'public' and tablename = $1 order by 1
"""
_TRIGGERS = """
select tgname as name, pg_get_triggerdef(oid) as said from pg_trigger where tgrelid = $1 and not tgisinternal order by 1
"""
_FUNCTIONS = """
select p.oid, p.proname as name, pg_get_function_arguments(p.oid) as arguments,
  pg_get_function_result(p.oid) as returns, p.prosecdef as definer, p.provolatile::text as volatility
from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and p.proname = any($1) order by 2, 3
"""


async def table(connection: asyncpg.Connection, name: str) -> dict[str, Any] | None:
    """Columns, keys, policies, triggers and rights of a table or view of `public`; None when it is not there."""
    found = await connection.fetchrow(
        "select oid, relkind, relrowsecurity, relreplident from pg_class"
        " where relnamespace = 'public'::regnamespace and relname = $1",
        name,
    )
    if found is None:
        return None
    oid = found["oid"]
    constraints = await connection.fetch(_CONSTRAINTS, oid)
    rights = {role: await _rights(connection, role, oid) for role in ROLES}
    return {
        "kind": KINDS[found["relkind"]],
        "row_security": found["relrowsecurity"],
        "replica_identity": {b"d": "default", b"f": "full"}.get(found["relreplident"], "other"),
        "columns": {row["attname"]: row["said"].strip() for row in await connection.fetch(_COLUMNS, oid)},
        "foreign_keys": {row["conname"]: row["said"] for row in constraints if row["kind"] == "f"},
        "checks": [row["conname"] for row in constraints if row["kind"] == "c"],
        "unique": {row["name"]: _key(row["said"]) for row in await connection.fetch(_UNIQUE, oid)},
        "policies": {row["name"]: f"{row['cmd']} to {row['roles']}" for row in await connection.fetch(_POLICIES, name)},
        "triggers": {row["name"]: _trigger(row["said"]) for row in await connection.fetch(_TRIGGERS, oid)},
        "rights": rights,
    }


async def functions(connection: asyncpg.Connection, names: list[str]) -> dict[str, dict[str, Any]]:
    """name(arguments) -> what it returns and who may call it, every overload of those names."""
    told = {}
    for row in await connection.fetch(_FUNCTIONS, names):
        may = "select has_function_privilege($1, $2::oid, 'execute')"
        told[f"{row['name']}({row['arguments']})"] = {
            "returns": row["returns"],
            "security": "definer" if row["definer"] else "invoker",
            "volatility": {"i": "immutable", "s": "stable", "v": "volatile"}[row["volatility"]],
            "callable_by": [role for role in ROLES if await connection.fetchval(may, role, row["oid"])],
        }
    return told


async def enums(connection: asyncpg.Connection) -> dict[str, list[str]]:
    """The values of every enum of `public`, in their order."""
    rows = await connection.fetch(
        "select t.typname, array_agg(e.enumlabel::text order by e.enumsortorder) from pg_type t"
        " join pg_enum e on e.enumtypid = t.oid where t.typnamespace = 'public'::regnamespace group by 1"
    )
    return {row[0]: row[1] for row in rows}


async def publication(connection: asyncpg.Connection, name: str) -> list[str]:
    """The tables that it publishes."""
    sql = "select tablename::text from pg_publication_tables where pubname = $1 order by 1"
    return [row[0] for row in await connection.fetch(sql, name)]


async def _rights(connection: asyncpg.Connection, role: str, oid: int) -> str:
    sql = "select has_table_privilege($1, $2::oid, $3)"
    return " ".join([right.lower() for right in RIGHTS if await connection.fetchval(sql, role, oid, right)])


def _key(definition: str) -> str:
    """Of an index's definition: its columns and its condition."""
    return definition.split(" USING btree ", 1)[1]


def _trigger(definition: str) -> str:
    """When, on what, and which function; without the names of trigger and table."""
    said = re.sub(r"^CREATE TRIGGER \S+ ", "", definition)
    return re.sub(r" ON (public\.)?\S+ FOR EACH (ROW|STATEMENT) EXECUTE FUNCTION (public\.)?", r" \2 ", said)
