"""Each table, role and verb, in transactions of the database that are rolled back: what HTTP cannot try without harm.

A statement runs under the role and the claims that PostgREST would give it. An insertion has null in the key, and fails
there where the policies let it through; a change or deletion reaches one row at most, and is rolled back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from harness.core.counted import counted
from harness.preflight.outside.model import Answers, Found, Relation, Surface
from harness.preflight.outside.questions._parts import REACHED, policy_remedy
from harness.preflight.outside.questions.anonymous_access import SHARED

ANONYMOUS, OTHERS = "anonymous_access", "others_access"
BY_THE_OWNER_OF_ALL = frozenset({"conversation_participants"})
"""Who made a conversation may take people out of it."""
BEGIN = "begin; set local statement_timeout = '3s'; set local lock_timeout = '500ms'"
CLAIMS = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"


@dataclass(frozen=True, slots=True)
class Trial:
    """One statement. role: `anon` or `authenticated` (me). reads: a row that comes back is a finding."""

    question: str
    relation: Relation
    verb: str
    role: str
    statement: str

    @property
    def text(self) -> str:
        return f"begin; set local role {self.role}; {self.statement}; rollback"


def trials(surface: Surface) -> Iterator[Trial]:
    """Every statement, in the order in which they run."""
    for relation in surface.relations:
        for role, question in (("anon", ANONYMOUS), ("authenticated", OTHERS)):
            for verb, statement in _statements(relation, surface, role):
                yield Trial(question, relation, verb, role, statement)


def _statements(relation: Relation, surface: Surface, role: str) -> Iterator[tuple[str, str]]:
    table, other = f"public.{_quoted(relation.name)}", f"'{surface.other.user_id}'"
    theirs = f"{_quoted(relation.owner)} = {other}" if relation.owner else _of_parent(relation, surface, other)
    unseen = theirs
    if relation.owner and role == "authenticated":
        if relation.is_of_conversations and (ours := [*surface.mine, *surface.shared]):
            unseen += " and conversation_id not in ({})".format(", ".join(f"'{one}'" for one in ours))
        if relation.counterpart:
            unseen += f" and {_quoted(relation.counterpart)} <> '{surface.me.user_id}'"
    if relation.name in BY_THE_OWNER_OF_ALL:
        theirs = unseen
    if relation.owner and relation.name not in SHARED and not (role == "authenticated" and _is_made_by(relation)):
        yield "select", f"select 1 from {table} where {unseen} limit 1"
    if not relation.nulled:
        return
    columns = {relation.nulled: "null"} | ({relation.owner: other} if relation.owner else {})
    names = ", ".join(_quoted(name) for name in columns)
    yield "insert", f"insert into {table} ({names}) values ({', '.join(columns.values())})"
    key = ", ".join(_quoted(column) for column in relation.key)
    one = f"({key}) in (select {key} from {table} where {theirs} limit 1)"
    yield "update", f"update {table} set {_quoted(relation.nulled)} = null where {one}"
    yield "delete", f"delete from {table} where {one} returning 1"


def _of_parent(relation: Relation, surface: Surface, other: str) -> str:
    """Rows of the other person's list, and the like; any row where nothing says whose they are."""
    for parent in surface.relations:
        column = f"{parent.name.removesuffix('s')}_id"
        if parent.owner and parent.key == ("id",) and column in relation.columns:
            within = f"select id from public.{_quoted(parent.name)} where {_quoted(parent.owner)} = {other}"
            return f"{_quoted(column)} in ({within})"
    return "true"


def _is_made_by(relation: Relation) -> bool:
    """Who made it is not whose alone it is: a conversation has members."""
    return relation.owner == "created_by"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def tried(connection: asyncpg.Connection, surface: Surface) -> dict[str, Answers]:
    """By question. Nothing is committed. A statement that could not be tried is said."""
    found: dict[str, list[Found]] = {ANONYMOUS: [], OTHERS: []}
    unasked: dict[str, list[str]] = {ANONYMOUS: [], OTHERS: []}
    claims = {
        "anon": json.dumps({"role": "anon"}),
        "authenticated": json.dumps({"role": "authenticated", "sub": surface.me.user_id}),
    }
    for one in trials(surface):
        what, through = await _tried(connection, one, claims[one.role])
        if through:
            name = one.relation.name
            remedy = policy_remedy(name, one.verb, one.relation.owner)
            found[one.question].append(Found(f"public.{name} {one.verb}", f"{one.text} -> {what}", remedy))
        elif what:
            unasked[one.question].append(f"{one.verb} of public.{one.relation.name} as {one.role}: {what}")
    return {question: Answers(tuple(found[question]), tuple(unasked[question])) for question in found}


async def _tried(connection: asyncpg.Connection, trial: Trial, claims: str) -> tuple[str, bool]:
    """(what became of it, whether it got through); nothing to say where it was refused."""
    await connection.execute(BEGIN)
    try:
        await connection.execute(CLAIMS, trial.role, claims)
        if trial.verb in ("select", "delete"):
            rows = await connection.fetch(trial.statement)
            return (f"{counted(len(rows), 'row')}", True) if rows else ("", False)
        status = await connection.execute(trial.statement)
        return (status, True) if not status.endswith(" 0") else ("", False)
    except asyncpg.InsufficientPrivilegeError:
        return "", False
    except asyncpg.PostgresError as error:
        if error.sqlstate in REACHED:
            return f"{error.sqlstate}: past the policies, stopped by a constraint", True
        return f"{error.sqlstate} {type(error).__name__}", False
    finally:
        await connection.execute("rollback")


def listed(surface: Surface) -> Sequence[str]:
    """Every statement, for a list."""
    return [one.text for one in trials(surface)]
