"""Puts the seeded defects of the database in place: one file of `sql/defects/` each, named as its switch."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from sandbox.switches import Switches

FOLDER = Path(__file__).parent / "sql" / "defects"
UNDO = "undo"
HARDENED = FOLDER.parent / "hardening" / "hardened.sql"


async def apply(connection: asyncpg.Connection, switches: Switches) -> None:
    """Undo what an earlier start left in kept data, then break what is switched on. Needs a superuser's connection."""
    await connection.execute((FOLDER / f"{UNDO}.sql").read_text(encoding="utf-8"))
    values = switches.as_dict()
    if switches.hardened:  # first: what is broken on purpose stays broken
        await connection.execute(HARDENED.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.sql")):
        value = int(values.get(file.stem, 0))
        if value:
            await connection.execute(file.read_text(encoding="utf-8").replace(":value", str(value)))
