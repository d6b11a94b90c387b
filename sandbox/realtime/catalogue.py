"""What Postgres knows of published tables: columns, types, keys, who may read them, and which rows a caller sees.

Both questions are put to the database itself, under the subscriber's role and claims, as the real server's
`realtime.apply_rls` does (realtime contract, 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from sandbox.realtime.pgoutput import RowChange, WalRelation
from sandbox.realtime.table import PublishedTable
from sandbox.realtime.wal import PUBLICATION

_COLUMNS = """
select a.attname as name, t.typname as type, format_type(a.atttypid, a.atttypmod) as cast,
       coalesce(a.attnum = any(i.indkey::smallint[]), false) as is_key,
       array(select r.rolname::text from pg_roles r where r.rolname = any($2::text[])
             and has_column_privilege(r.oid, a.attrelid, a.attnum, 'select')) as readers
from pg_attribute a join pg_type t on t.oid = a.atttypid
left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_PUBLISHED = """
select format('%I.%I', schemaname, tablename)::regclass::oid as oid from pg_publication_tables where pubname = $1
"""
_TABLE = """
select n.nspname, c.relname, c.relrowsecurity from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = $1::oid
"""
_ROLES = ["anon", "authenticated", "service_role"]
# A commit is streamed a moment before other sessions see it: asking at once would find nothing, and lose the change.
_VISIBLE = """
create function pg_temp.visible(xid xid8, query text, keys text[], roles text[], claims text[]) returns boolean[]
language plpgsql as $body$
declare
  found boolean[] := '{}';
  seen boolean;
begin
  for attempt in 1 .. 5000 loop
    exit when pg_visible_in_snapshot(xid, pg_current_snapshot());
    perform pg_sleep(0.001);
  end loop;
  for n in 1 .. cardinality(roles) loop
    perform set_config('role', roles[n], true), set_config('request.jwt.claims', claims[n], true);
    execute query into seen using keys;
    found := found || seen;
  end loop;
  perform set_config('role', 'none', true);
  return found;
end $body$
"""


class PublicationCatalogue:
    """Questions to one database over a connection of its own; one at a time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._tables: dict[int, tuple[WalRelation, PublishedTable]] = {}

    @classmethod
    async def open(cls, dsn: str) -> PublicationCatalogue:
        """Over a new connection."""
        connection = await asyncpg.connect(dsn, server_settings={"application_name": "realtime"})
        await connection.execute(_VISIBLE)
        return cls(connection)

    def close(self) -> None:
        """Drop the connection."""
        self._connection.terminate()

    async def published(self) -> dict[tuple[str, str], PublishedTable]:
        """Every table of the publication by (schema, name)."""
        rows = await self._connection.fetch(_PUBLISHED, PUBLICATION)
        tables = [await self._load(row["oid"]) for row in rows]
        return {(table.schema, table.name): table for table in tables}

    async def table(self, relation: WalRelation) -> PublishedTable:
        """Remembered until the stream announces the table anew."""
        known = self._tables.get(relation.oid)
        if known is not None and known[0] is relation:
            return known[1]
        table = await self._load(relation.oid)
        self._tables[relation.oid] = (relation, table)
        return table

    async def visible(self, table: PublishedTable, change: RowChange, callers: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (role, claims): whether Postgres shows it the changed row now; a row that is gone, to none."""
        values = change.new or {}
        keys = [values.get(name) for name in table.keys]
        if not callers or any(key is None for key in keys):
            return [False] * len(callers)
        conditions = " and ".join(
            f"{_quoted(name)} = $1[{number}]::{table.casts[name]}" for number, name in enumerate(table.keys, 1)
        )
        query = f"select exists (select 1 from {_quoted(table.schema)}.{_quoted(table.name)} where {conditions})"
        roles, claims = [role for role, _ in callers], [claim for _, claim in callers]
        seen = await self._connection.fetchval(
            "select pg_temp.visible($1::text::xid8, $2, $3, $4, $5)", str(change.xid), query, keys, roles, claims
        )
        return list(seen)

    async def _load(self, oid: int) -> PublishedTable:
        name = await self._connection.fetchrow(_TABLE, oid)
        rows = await self._connection.fetch(_COLUMNS, oid, _ROLES)
        return PublishedTable(
            schema=name["nspname"],
            name=name["relname"],
            types={row["name"]: row["type"] for row in rows},
            casts={row["name"]: row["cast"] for row in rows},
            keys=tuple(row["name"] for row in rows if row["is_key"]),
            readable={role: frozenset(row["name"] for row in rows if role in row["readers"]) for role in _ROLES},
            secured=name["relrowsecurity"],
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
