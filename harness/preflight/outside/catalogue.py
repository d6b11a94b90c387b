"""What the API exposes, from the target's database: read-only, as `harness.preflight.ask` does."""

from __future__ import annotations

import json

import asyncpg

from harness.preflight.outside.model import Relation, Rpc
from harness.preflight.outside.surface import FUNCTIONS_SQL, RELATIONS_SQL, relation


async def exposed(connection: asyncpg.Connection) -> tuple[tuple[Relation, ...], tuple[Rpc, ...]]:
    """Tables and views, and functions."""
    relations = tuple(
        relation(name, json.loads(columns or "{}"), json.loads(key or "[]"))
        for name, columns, key in await connection.fetch(RELATIONS_SQL)
    )
    functions = tuple(
        Rpc(name, tuple((str(one), str(type_)) for one, type_ in json.loads(arguments)), reads, definer)
        for name, arguments, reads, definer in await connection.fetch(FUNCTIONS_SQL)
    )
    return relations, functions
