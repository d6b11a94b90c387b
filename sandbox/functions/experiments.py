"""Stable A/B assignment, shared by the deck and experiment-assign (contract 6.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import asyncpg
import orjson

from sandbox.functions import js

_ACTIVE_SQL = """
select e.id, e.key, e.variants::text as variants, e.salt, a.variant
from public.rec_experiments e
left join public.rec_user_experiment_assignments a on a.experiment_id = e.id and a.user_id = $2
where e.key = any($1::text[]) and e.status = 'active'
"""
_ASSIGN_SQL = """
insert into public.rec_user_experiment_assignments (experiment_id, user_id, variant) values ($1, $2, $3)
on conflict (experiment_id, user_id) do update set variant = excluded.variant
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment."""

    name: str
    weight: float


def parse_variants(variants: Any) -> tuple[Variant, ...]:
    """The usable arms of a stored list; a lone control when there is none. (pure)"""
    usable = []
    for variant in variants if isinstance(variants, list) else []:
        name = variant.get("name") if isinstance(variant, dict) else None
        weight = js.to_number(variant.get("weight", "NaN")) if isinstance(variant, dict) else None
        if isinstance(name, str) and name.strip() and weight is not None and 0 < weight < float("inf"):
            usable.append(Variant(name.strip(), weight))
    return tuple(usable) or (Variant("control", 1.0),)


def choose(user_id: str, key: str, salt: str, variants: Sequence[Variant]) -> str:
    """The arm a person falls into: SHA-256 of `<uid>|<key>|<salt>`, first 8 bytes over 2^64, by weight. (pure)"""
    digest = sha256(f"{user_id}|{key}|{salt}".encode()).digest()
    rest = int.from_bytes(digest[:8], "big") / 2**64 * sum(variant.weight for variant in variants)
    for variant in variants:
        rest -= variant.weight
        if rest <= 0:
            return variant.name
    return variants[-1].name


async def assign(connection: asyncpg.Connection, user_id: str, keys: Sequence[str]) -> Mapping[str, str]:
    """Variants of the active experiments among `keys`, in their order; new assignments are stored."""
    stored = {row["key"]: row for row in await connection.fetch(_ACTIVE_SQL, list(keys), user_id)}
    assignments: dict[str, str] = {}
    for key in keys:
        row = stored.get(key)
        if row is None or key in assignments:
            continue
        variant = row["variant"]
        if not variant:
            variant = choose(user_id, key, row["salt"] or "", parse_variants(orjson.loads(row["variants"])))
            await connection.execute(_ASSIGN_SQL, row["id"], user_id, variant)
        assignments[key] = variant
    return assignments
