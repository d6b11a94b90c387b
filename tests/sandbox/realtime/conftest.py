"""One sandbox for the socket tests of a process, with short delays, and people of one conversation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox, SandboxOptions
from sandbox.tokens import Keys
from tests.sandbox.signed_in import Person, enter, sql

ADMIN = "/.well-known/movinesta-sandbox/realtime"
SETTINGS = RealtimeSettings().changed(
    {
        "connect_error_ms": 50,
        "channel_error_ms": 50,
        "cold_retry_min_ms": 10,
        "cold_retry_max_ms": 30,
        "resubscribe_min_ms": 20,
        "resubscribe_max_ms": 50,
        "poll_ms": 10,
    }
)
MEMBERS = """
select conversation_id, array_agg(user_id) as members from public.conversation_participants p
join auth.users u on u.id = p.user_id where u.email like 'p\\_%' group by 1 having count(*) = 2 order by 1 limit 1
"""
STRANGER = "select u.email from auth.users u where u.email like 'p\\_%' and u.id <> all($1::uuid[]) order by 1 limit 1"


@dataclass
class Stage:
    """A conversation with its two members, and somebody who is none."""

    sandbox: Sandbox
    conversation: str
    ann: Person
    bob: Person
    eve: Person

    def bindings(self, *tables: str, event: str = "*", **more: Any) -> list[dict[str, Any]]:
        """As the app asks for them."""
        condition = {"filter": f"conversation_id=eq.{self.conversation}", **more}
        return [{"event": event, "schema": "public", "table": table, **condition} for table in tables]

    @staticmethod
    def token(person: Person) -> str:
        return person.headers["authorization"].split()[1]

    def minted(self, person: Person, seconds: int) -> str:
        keys = Keys(self.sandbox.discovery["jwt_secret"])
        return keys.access_token(person.id, "x@y.test", lifetime_s=seconds, issuer="test")

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.eve.client.request(method, ADMIN + path, json=body)  # a client of httpx's own costs 50 ms each
        assert reply.status_code == 200, reply.text
        return reply.json()


class Settings(Protocol):
    """Other settings for the length of a block."""

    def __call__(self, **values: int) -> AbstractContextManager[None]: ...


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with Sandbox(SandboxOptions(people=12, catalogue=40, seed=5, realtime=SETTINGS)) as sandbox:
        row = sql(sandbox, MEMBERS)[0]
        emails = [sandbox.options.email_pattern.format(index=index) for index in range(12)]
        known = {str(one["id"]): one["email"] for one in sql(sandbox, "select id, email from auth.users")}
        stranger = sql(sandbox, STRANGER, row["members"])[0]["email"]
        ann, bob = (enter(sandbox, emails.index(known[str(member)])) for member in row["members"])
        yield Stage(sandbox, str(row["conversation_id"]), ann, bob, enter(sandbox, emails.index(stranger)))


@pytest.fixture
def settings(stage: Stage) -> Settings:
    @contextmanager
    def changed(**values: int) -> Iterator[None]:
        stage.admin("PATCH", "/settings", values)
        try:
            yield
        finally:
            stage.admin("PATCH", "/settings", SETTINGS.as_dict())

    return changed


@pytest.fixture
def faults(stage: Stage) -> Iterator[Any]:
    """Sets a fault; all of them end with the test."""

    def set_one(name: str, value: int = 1, **more: Any) -> None:
        stage.admin("POST", "/faults", {"name": name, "value": value, **more})

    yield set_one
    stage.admin("DELETE", "/faults")


def topic(name: str = "t") -> str:
    """A channel nobody else uses."""
    return f"realtime:{name}-{uuid.uuid4()}"
