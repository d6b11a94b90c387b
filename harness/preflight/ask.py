"""Puts every question to a database, read-only, and says what could not be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from harness.core.errors import TargetError
from harness.core.visible import visible
from harness.egress import database
from harness.egress.gate import Gate
from harness.preflight.catalogue import QUESTIONS, Catalogue, Kind
from harness.preflight.lints import LINTS
from harness.preflight.model import Lint, PreflightFinding, Severity, by_gravity

Answer = TypeVar("Answer")
STATEMENT_LIMIT_S = 10.0
CONNECT_LIMIT_S = 10.0
SETTINGS = {
    "application_name": "movinesta-harness preflight",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_LIMIT_S * 1000:.0f}",
    "lock_timeout": "1000",
    "search_path": "",  # names come back qualified
}


@dataclass(frozen=True)
class PreflightAnswers:
    """findings: the gravest first. unasked: what could not be asked, and why."""

    findings: tuple[PreflightFinding, ...]
    asked: int
    unasked: tuple[str, ...] = ()


def preflight(dsn: str, gate: Gate, lints: Sequence[Lint] = LINTS) -> PreflightAnswers:
    """Ask all of it.

    :raises TargetError: the database is not there, refuses, or may not be reached.
    :raises UsageError: the connection string cannot be read.
    """
    return _connected(dsn, gate, lambda connection: _asked(connection, lints))


def read_catalogue(dsn: str, gate: Gate) -> Catalogue:
    """The catalogue as a file keeps it. :raises TargetError: :raises UsageError: as `preflight`."""
    return _connected(dsn, gate, _catalogue)


def _connected(dsn: str, gate: Gate, work: Callable[[asyncpg.Connection], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        connection = await database.connect(
            gate,
            dsn,
            timeout=CONNECT_LIMIT_S,
            command_timeout=STATEMENT_LIMIT_S + 5,
            statement_cache_size=0,
            server_settings=SETTINGS,
        )
        try:
            return await work(connection)
        finally:
            connection.terminate()

    try:
        return asyncio.run(run())
    except (OSError, TimeoutError) as error:
        raise TargetError(
            f"the target's database does not answer: {error.strerror if isinstance(error, OSError) else 'too late'}",
            remedy="is the connection string right, and may this machine connect?",
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise TargetError(
            f"the target's database refuses: {type(error).__name__}",
            remedy="look at user, password and database of the connection string",
        ) from None


async def _asked(connection: asyncpg.Connection, lints: Sequence[Lint]) -> PreflightAnswers:
    findings: list[PreflightFinding] = []
    unasked = []
    for lint in lints:
        try:
            findings += [_finding(lint, tuple(row)) for row in await connection.fetch(lint.sql)]
        except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError, asyncpg.QueryCanceledError) as error:
            unasked.append(f"{lint.id}: {_why(error)}")
    return PreflightAnswers(tuple(by_gravity(findings)), len(lints) - len(unasked), tuple(unasked))


async def _catalogue(connection: asyncpg.Connection) -> Catalogue:
    found: dict[Kind, list[tuple[str, str]]] = {}
    for kind, sql in QUESTIONS.items():
        found[kind] = [(str(name), str(definition)) for name, definition in await connection.fetch(sql)]
    return Catalogue.of(found)


def _why(error: asyncpg.PostgresError) -> str:
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return "the connection's role may not read what it needs"
    if isinstance(error, asyncpg.QueryCanceledError):
        return f"not answered within {STATEMENT_LIMIT_S:g} s"
    return "there is no such table here"


def _finding(lint: Lint, row: tuple[str | None, ...]) -> PreflightFinding:
    about, evidence, remedy = (visible(text or "") for text in row[:3])
    severity: Severity = lint.severity
    if len(row) > 3 and row[3] in ("high", "medium", "low"):
        severity = row[3]  # type: ignore[assignment]
    return PreflightFinding(
        lint=lint.id,
        severity=severity,
        title=lint.title,
        why=lint.why,
        manual=lint.manual,
        object=about,
        evidence=evidence,
        remedy=remedy,
    )
