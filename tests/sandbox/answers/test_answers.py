"""What a real function was observed to answer, the sandbox's answers too: status, headers, body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from sandbox.functions.routes import FUNCTIONS
from sandbox.server import Sandbox, SandboxOptions
from tests.plain_http import NO_TLS
from tests.sandbox.answers.sending import Sender
from tests.sandbox.signed_in import enter

TABLES = Path(__file__).parents[2] / "data" / "answers"
ELSEWHERE = {"media-swipe-deck", "media-swipe-event"}
"""Their answers depend on more than a request."""
LEAST = 40
SHOWN = 5
# Nothing that one request left may change the answer to the next.
RESET = """
delete from public.rate_limits; delete from public.rec_user_experiment_assignments; delete from public.rec_experiments;
delete from public.blocked_users; delete from public.assistant_suggestions; delete from public.assistant_goals;
delete from public.assistant_memory; delete from public.user_preferences; delete from public.media_events;
"""


def table(function: str) -> list[dict[str, Any]]:
    """The lines of one function."""
    return [json.loads(line) for line in (TABLES / f"{function}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=40)) as running:
        yield running


@pytest.fixture(scope="module")
def sender(sandbox: Sandbox) -> Iterator[Sender]:
    document = sandbox.discovery
    people = tuple(enter(sandbox, index).id for index in range(6))
    with httpx.Client(base_url=sandbox.url, timeout=20, verify=NO_TLS) as client:
        yield Sender(client, document["anon_key"], document["service_key"], document["jwt_secret"], people)


def test_every_function_has_a_table() -> None:
    assert {path.stem for path in TABLES.glob("*.jsonl")} == set(FUNCTIONS) - ELSEWHERE
    assert all(len(table(function)) >= LEAST for function in set(FUNCTIONS) - ELSEWHERE)


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - ELSEWHERE))
def test_the_sandbox_answers_as_the_real_function(sandbox: Sandbox, sender: Sender, function: str) -> None:
    different = []
    with asyncio.Runner() as runner:
        database = runner.run(asyncpg.connect(sandbox.discovery["dsn"]))
        try:
            for row in table(function):
                runner.run(database.execute(RESET))
                told = sender.told(row, sender.send(function, row))
                if told != sender.expected(row):
                    different.append({"case": row["case"], "real": sender.expected(row), "sandbox": told})
        finally:
            runner.run(database.close())
    assert not different, f"{len(different)} differ, such as {json.dumps(different[:SHOWN], indent=1)}"


@pytest.mark.parametrize("given", ["", " ", "5", "x"])
def test_a_title_that_the_database_refuses_ends_the_function(sandbox: Sandbox, sender: Sender, given: str) -> None:
    """The row breaks a check of the shipped table (`media_items_imdb_id_format_chk`), which nothing catches."""
    body = json.dumps({"tmdbId": 1, "options": {"syncOmdb": False}, "imdbId": given})
    reply = sender.send("catalog-sync", {"case": "", "method": "POST", "token": "good", "headers": {}, "body": body})
    assert reply.status_code == 500
