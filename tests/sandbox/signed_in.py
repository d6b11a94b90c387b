"""Somebody signed in to a sandbox, and a direct look into its database."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from sandbox.server import Sandbox
from sandbox.tokens import Keys
from tests.plain_http import NO_TLS

SPEND = """
insert into public.rate_limits (key, action, window_start, count) values ($1, $2, now() + interval '1 hour', $3)
on conflict on constraint rate_limits_pkey do update set window_start = excluded.window_start, count = excluded.count
"""


@dataclass
class Person:
    """One signed-in person and their connection."""

    sandbox: Sandbox
    client: httpx.Client
    id: str
    headers: dict[str, str]

    def call(self, function: str, body: Any = None, method: str = "POST", **headers: str) -> httpx.Response:
        return self.client.request(
            method, f"/functions/v1/{function}", json=body, headers={**self.headers, **_named(headers)}
        )

    def raw(self, function: str, content: bytes, **headers: str) -> httpx.Response:
        return self.client.post(
            f"/functions/v1/{function}", content=content, headers={**self.headers, **_named(headers)}
        )

    def spend(self, action: str, left: int, limit: int, key: str | None = None) -> None:
        """Leave only so many requests of a limit; the window is an hour ahead, so no minute ends it."""
        sql(self.sandbox, SPEND, key or f"user:{self.id}", action, limit - left)

    def expired(self) -> dict[str, str]:
        """Headers with a token that is over."""
        keys = Keys(self.sandbox.discovery["jwt_secret"])
        token = keys.access_token(self.id, "x@y.test", lifetime_s=-60, issuer="test")
        return {**self.headers, "authorization": f"Bearer {token}"}


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def sql(sandbox: Sandbox, statement: str, *arguments: Any) -> list[Any]:
    """Rows, as the database's owner."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()


def enter(sandbox: Sandbox, index: int) -> Person:
    """Sign in."""
    document = sandbox.discovery
    headers = {"apikey": document["anon_key"]}
    client = httpx.Client(base_url=sandbox.url, timeout=20, verify=NO_TLS)
    people = document["people"]
    body = {"email": people["email_pattern"].format(index=index), "password": people["password"]}
    session = client.post("/auth/v1/token?grant_type=password", json=body, headers=headers).json()
    token = {"authorization": f"Bearer {session['access_token']}"}
    return Person(sandbox, client, session["user"]["id"], {**headers, **token})


def send(person: Person, conversation_id: str, text: str) -> str:
    """Send a message as the client does; its id."""
    body = {"type": "text", "text": text, "clientId": str(uuid.uuid4())}
    reply = person.client.post(
        "/rest/v1/messages?select=id",
        json={
            "conversation_id": conversation_id,
            "user_id": person.id,
            "sender_id": person.id,
            "body": body,
            "meta": body,
            "message_type": "text",
            "text": text,
            "client_id": body["clientId"],
        },
        headers={**person.headers, "prefer": "return=representation", "accept": "application/vnd.pgrst.object+json"},
    )
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])
