"""The sandbox's catalogue against the shipped one: what the client or a function may ask for is there, and the same.

`tests/data/schema/shipped_catalogue.toml` holds the facts. Where the sandbox has more than was shipped, that is no
fault unless it could change an answer: columns (`select=*`), unique keys and policies (what is refused), overloads
(which one a call means), and the members of enums and publications have to be exactly those shipped.
"""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.sandbox import catalogue

SHIPPED: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "schema" / "shipped_catalogue.toml").read_text()
)
NAMES = sorted({signature.partition("(")[0] for signature in SHIPPED["functions"]})
OURS = {
    "checks": "the names of checks beyond the shipped ones",
    "foreign_keys": "keys beyond the shipped ones refuse what the application never writes",
}
"""Where the sandbox may have more, and why that changes nothing."""


def asked(database: Any, question: Any) -> Any:
    async def main() -> Any:
        connection = await asyncpg.connect(database.dsn())
        try:
            return await question(connection)
        finally:
            await connection.close()

    return asyncio.run(main())


@pytest.fixture(scope="module")
def found(database: Any) -> dict[str, Any]:
    """The same facts, of the sandbox's database."""

    async def question(connection: asyncpg.Connection) -> dict[str, Any]:
        return {
            "tables": {name: await catalogue.table(connection, name) for name in SHIPPED["tables"]},
            "functions": await catalogue.functions(connection, NAMES),
            "enums": await catalogue.enums(connection),
            "publications": {name: await catalogue.publication(connection, name) for name in SHIPPED["publications"]},
        }

    facts: dict[str, Any] = asked(database, question)
    return facts


@pytest.mark.parametrize("name", sorted(SHIPPED["tables"]))
def test_a_table_is_as_shipped(found: dict[str, Any], name: str) -> None:
    shipped, ours = SHIPPED["tables"][name], found["tables"][name]
    assert ours is not None, f"{name} is missing"
    for fact, value in shipped.items():
        if fact in OURS:
            less = {key: said for key, said in _mapping(value).items() if _mapping(ours[fact]).get(key) != said}
            assert not less, f"{name}, {fact}"
        else:
            assert ours[fact] == value, f"{name}, {fact}"
    for fact in ("unique", "policies", "triggers"):
        assert set(ours[fact]) == set(shipped.get(fact, {})), f"{name}, {fact}"


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_as_shipped(found: dict[str, Any], name: str) -> None:
    def overloads(of: dict[str, Any]) -> dict[str, Any]:
        return {signature: facts for signature, facts in of.items() if signature.partition("(")[0] == name}

    assert overloads(found["functions"]) == overloads(SHIPPED["functions"])


@pytest.mark.parametrize("name", sorted(SHIPPED["enums"]))
def test_an_enum_has_its_shipped_values_in_their_order(found: dict[str, Any], name: str) -> None:
    assert found["enums"].get(name) == SHIPPED["enums"][name]


def test_realtime_publishes_what_was_shipped(found: dict[str, Any]) -> None:
    assert found["publications"] == SHIPPED["publications"]


CHANGES = {
    "alter table public.media_items alter omdb_rating_rotten_tomatoes type integer using null": {"columns"},
    "drop index public.media_items_kind_tmdb_id_uq": {"unique"},
    "alter policy media_items_read_authenticated on public.media_items to anon, authenticated": {"policies"},
    "alter table public.media_items disable row level security": {"row_security"},
    "revoke select on public.media_items from authenticated": {"rights"},
    "drop trigger trg_media_items_fts on public.media_items": {"triggers"},
    "alter table public.media_items replica identity full": {"replica_identity"},
    "alter table public.media_items drop column tmdb_tagline cascade": {"columns", "triggers"},
}


@pytest.mark.parametrize("statement", sorted(CHANGES))
def test_a_difference_is_seen(database: Any, statement: str) -> None:
    shipped = SHIPPED["tables"]["media_items"]

    async def question(connection: asyncpg.Connection) -> set[str]:
        undone = connection.transaction()
        await undone.start()
        await connection.execute(statement)
        ours = await catalogue.table(connection, "media_items")
        await undone.rollback()
        assert ours is not None
        return {fact for fact in shipped if fact not in OURS and ours[fact] != shipped[fact]}

    assert asked(database, question) == CHANGES[statement]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else dict.fromkeys(value, True)
