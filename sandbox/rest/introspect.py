"""Reads the catalogue from pg_catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

from sandbox.rest.catalogue import (
    SCHEMA,
    ColumnInfo,
    DbFunction,
    DbRelation,
    ForeignKey,
    Parameter,
    SchemaCatalogue,
)

# search_path is emptied first, so that every type outside pg_catalog comes with its schema.
QUALIFY = "set local search_path = ''"

RELATIONS = """
select c.relname as relation, a.attname as name, format_type(a.atttypid, null) as type,
       format_type(a.atttypid, a.atttypmod) as full_type,
       case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as default
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
order by c.relname, a.attnum
"""

KEYS = """
select c.relname as relation, i.indisprimary as is_primary,
       array(select a.attname from unnest(i.indkey::int2[]) with ordinality k(attnum, position)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum order by k.position)::text[] as columns
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and i.indisunique and i.indpred is null and i.indexprs is null and not c.relispartition
"""

FOREIGN_KEYS = """
select o.conname as name, c.relname as relation, f.relname as target,
       array(select a.attname from unnest(o.conkey) with ordinality k(attnum, position)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum order by k.position)::text[] as columns,
       array(select a.attname from unnest(o.confkey) with ordinality k(attnum, position)
             join pg_attribute a on a.attrelid = f.oid and a.attnum = k.attnum order by k.position)::text[]
         as target_columns
from pg_constraint o
join pg_class c on c.oid = o.conrelid
join pg_class f on f.oid = o.confrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_namespace m on m.oid = f.relnamespace
where o.contype = 'f' and n.nspname = $1 and m.nspname = $1 and o.conparentid = 0 and not c.relispartition
order by o.conname
"""

FUNCTIONS = """
select p.proname as name, p.proretset as returns_set, p.provolatile = 'v'::"char" as is_volatile,
       t.typname as result, t.typtype = 'c'::"char" as is_composite,
       r.relname as relation, rn.nspname as relation_schema,
       p.pronargdefaults as defaults, p.provariadic <> 0 as is_variadic,
       coalesce(p.proargnames, '{}')::text[] as names, coalesce(p.proargmodes, '{}')::text[] as modes,
       array(select format_type(k.oid, null) from
             unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality k(oid, position)
             order by k.position)::text[] as types
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
left join pg_class r on r.oid = t.typrelid
left join pg_namespace rn on rn.oid = r.relnamespace
where n.nspname = $1 and p.prokind = 'f' and t.typname not in ('trigger', 'event_trigger')
order by p.proname, p.oid
"""


async def read_catalogue(pool: asyncpg.Pool, *, timeout_s: float | None = None) -> SchemaCatalogue:
    """Read the schema as the pool's own role; :raises TimeoutError: when no connection is free in time."""
    async with pool.acquire(timeout=timeout_s) as connection, connection.transaction(readonly=True):
        await connection.execute(QUALIFY)
        columns, keys, foreign, functions = [
            await connection.fetch(sql, SCHEMA) for sql in (RELATIONS, KEYS, FOREIGN_KEYS, FUNCTIONS)
        ]
    relations = _relations(columns, keys)
    return SchemaCatalogue(
        relations=relations,
        foreign_keys=tuple(
            ForeignKey(row["name"], row["relation"], tuple(row["columns"]), row["target"], tuple(row["target_columns"]))
            for row in foreign
        ),
        functions=_functions(functions, relations),
    )


def _relations(columns: Iterable[Any], keys: Iterable[Any]) -> dict[str, DbRelation]:
    by_relation: dict[str, dict[str, ColumnInfo]] = defaultdict(dict)
    for row in columns:
        by_relation[row["relation"]][row["name"]] = ColumnInfo(
            row["name"], row["type"], row["full_type"], row["default"]
        )
    primary: dict[str, tuple[str, ...]] = {}
    uniques: dict[str, set[frozenset[str]]] = defaultdict(set)
    for row in keys:
        uniques[row["relation"]].add(frozenset(row["columns"]))
        if row["is_primary"]:
            primary[row["relation"]] = tuple(row["columns"])
    return {
        name: DbRelation(name, infos, primary.get(name, ()), frozenset(uniques[name]))
        for name, infos in by_relation.items()
    }


def _functions(rows: Iterable[Any], relations: Mapping[str, DbRelation]) -> dict[str, tuple[DbFunction, ...]]:
    found: dict[str, list[DbFunction]] = defaultdict(list)
    for row in rows:
        found[row["name"]].append(_function(row, relations))
    return {name: tuple(overloads) for name, overloads in found.items()}


def _function(row: Any, relations: Mapping[str, DbRelation]) -> DbFunction:
    types: list[str] = row["types"]
    modes: list[str] = row["modes"] or ["i"] * len(types)
    names: list[str] = row["names"] or [""] * len(types)
    inputs = [index for index, mode in enumerate(modes) if mode in ("i", "b", "v")]
    first_optional = len(inputs) - row["defaults"]
    parameters = tuple(
        Parameter(names[index], types[index], position < first_optional and modes[index] != "v", modes[index] == "v")
        for position, index in enumerate(inputs)
    )
    outputs = {
        names[index]: ColumnInfo(names[index], types[index], types[index])
        for index, mode in enumerate(modes)
        if mode in ("t", "b", "o")
    }
    relation = row["relation"] if row["relation_schema"] == SCHEMA and row["relation"] in relations else None
    return DbFunction(
        name=row["name"],
        parameters=parameters,
        returns_set=row["returns_set"],
        is_composite=row["is_composite"] or bool(outputs),
        is_void=row["result"] == "void",
        is_volatile=row["is_volatile"],
        relation=relation,
        columns=relations[relation].columns if relation else outputs,
    )
