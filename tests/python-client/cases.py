"""The unmodified Python client `realtime` against a sandbox. Runs in an environment of its own, without our packages.

Wanted in the environment: SANDBOX_URL, SANDBOX_ANON_KEY, SANDBOX_PASSWORD, SANDBOX_CONVERSATION, ANN_EMAIL, BOB_EMAIL.
Prints one line per case; exit code 1 when one failed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient

URL, KEY = os.environ["SANDBOX_URL"], os.environ["SANDBOX_ANON_KEY"]
CONVERSATION = os.environ["SANDBOX_CONVERSATION"]
LIMIT_S = 8.0


class Person:
    """Somebody signed in, with a client of their own."""

    def __init__(self, email: str) -> None:
        self.http = httpx.Client(base_url=URL, headers={"apikey": KEY}, timeout=20)
        body = {"email": email, "password": os.environ["SANDBOX_PASSWORD"]}
        session = self.http.post("/auth/v1/token?grant_type=password", json=body).json()
        self.id, self.token = session["user"]["id"], session["access_token"]
        self.http.headers["authorization"] = f"Bearer {self.token}"
        self.client = AsyncRealtimeClient(f"{URL}/realtime/v1", KEY, initial_backoff=0.2)

    async def enter(self) -> Person:
        await self.client.connect()
        await self.client.set_auth(self.token)
        return self

    def send(self, text: str) -> dict[str, Any]:
        body = {"type": "text", "text": text, "clientId": str(uuid.uuid4())}
        row = {
            "conversation_id": CONVERSATION,
            "user_id": self.id,
            "sender_id": self.id,
            "body": body,
            "meta": body,
            "message_type": "text",
            "text": text,
            "client_id": body["clientId"],
        }
        reply = self.http.post("/rest/v1/messages", json=row, headers={"prefer": "return=representation"})
        assert reply.status_code == 201, reply.text
        stored: dict[str, Any] = reply.json()[0]
        return stored


async def until(what: str, check: Callable[[], Any]) -> Any:
    end = time.monotonic() + LIMIT_S
    while not (found := check()):
        assert time.monotonic() < end, f"waited {LIMIT_S:g} s for {what}"
        await asyncio.sleep(0.01)
    return found


async def subscribed(channel: AsyncRealtimeChannel) -> list[str]:
    states: list[str] = []
    await channel.subscribe(lambda state, error: states.append(state.value))
    await until("SUBSCRIBED", lambda: "SUBSCRIBED" in states)
    return states


async def people() -> tuple[Person, Person]:
    return (await Person(os.environ["ANN_EMAIL"]).enter(), await Person(os.environ["BOB_EMAIL"]).enter())


async def changes() -> None:
    ann, bob = await people()
    heard: list[Any] = []
    notices: list[Any] = []
    channel = ann.client.channel(f"changes-{uuid.uuid4()}")
    condition = f"conversation_id=eq.{CONVERSATION}"
    channel.on_postgres_changes("*", heard.append, table="messages", schema="public", filter=condition)
    channel.on_system(notices.append)
    await subscribed(channel)
    await until("the Postgres notice", lambda: notices)
    sent = bob.send("one")
    got = await until("INSERT", lambda: [one["data"] for one in heard if one["data"]["record"]["id"] == sent["id"]])
    assert got[0]["record"] == sent
    assert got[0]["type"] == "INSERT"
    bob.http.patch(f"/rest/v1/messages?id=eq.{sent['id']}", json={"text": "two"})
    await until("UPDATE", lambda: [one for one in heard if one["data"]["record"].get("text") == "two"])
    bob.http.delete(f"/rest/v1/messages?id=eq.{sent['id']}")
    gone = await until("DELETE", lambda: [one["data"] for one in heard if one["data"]["type"] == "DELETE"])
    assert gone[-1]["old_record"] == {"id": sent["id"]}


async def broadcast() -> None:
    ann, bob = await people()
    heard: list[Any] = []
    name = f"typing-{uuid.uuid4()}"
    mine, theirs = ann.client.channel(name), bob.client.channel(name)
    theirs.on_broadcast("typing", heard.append)
    await subscribed(mine)
    await subscribed(theirs)
    await mine.send_broadcast("typing", {"by": "socket"})
    await until("the broadcast", lambda: heard)
    await mine.http_send("typing", {"by": "http"})
    await until("the other broadcast", lambda: len(heard) == 2)
    assert [one["payload"] for one in heard] == [{"by": "socket"}, {"by": "http"}]


async def presence() -> None:
    ann, bob = await people()
    name = f"presence-{uuid.uuid4()}"
    seen: list[str] = []
    mine = ann.client.channel(name, {"config": {"presence": {"key": ann.id}}})
    mine.on_presence_join(lambda key, before, now: seen.append(f"join {key}"))
    mine.on_presence_leave(lambda key, before, now: seen.append(f"leave {key}"))
    theirs = bob.client.channel(name, {"config": {"presence": {"key": bob.id}}})
    theirs.on_presence_sync(lambda: None)
    await subscribed(mine)
    await mine.track({"status": "online"})
    await subscribed(theirs)
    await until("the state after the join", lambda: ann.id in theirs.presence_state())
    await theirs.track({"status": "online"})
    await until("a join", lambda: f"join {bob.id}" in seen)
    await bob.client.close()
    await until("a leave", lambda: f"leave {bob.id}" in seen)


async def reconnect() -> None:
    ann, bob = await people()
    name = f"drop-{uuid.uuid4()}"
    heard: list[Any] = []
    channel = ann.client.channel(name)
    channel.on_broadcast("x", heard.append)
    states = await subscribed(channel)
    command = {"do": "close", "topic": name, "code": 1012}
    bob.http.post("/.well-known/movinesta-sandbox/realtime/commands", json=command)
    await until("SUBSCRIBED again", lambda: states.count("SUBSCRIBED") == 2)
    await bob.client.channel(name).http_send("x", {})
    await until("a broadcast", lambda: heard)


async def refused() -> None:
    ann, _ = await people()
    found: list[str] = []
    channel = ann.client.channel(f"secret-{uuid.uuid4()}", {"config": {"private": True}})
    await channel.subscribe(lambda state, error: found.append(f"{state.value} {error}"))
    await until("CHANNEL_ERROR", lambda: found)
    assert found[0].startswith("CHANNEL_ERROR"), found
    assert "Unauthorized: You do not have permissions" in found[0], found


CASES: tuple[Callable[[], Awaitable[None]], ...] = (changes, broadcast, presence, reconnect, refused)


async def main() -> int:
    passed = 0
    for case in CASES:
        begun = time.monotonic()
        try:
            await asyncio.wait_for(case(), 3 * LIMIT_S)
        except Exception:
            sys.stdout.write(f"FAILED {case.__name__}\n{traceback.format_exc()}")
        else:
            passed += 1
            sys.stdout.write(f"ok     {case.__name__} ({time.monotonic() - begun:.1f} s)\n")
    sys.stdout.write(f"{passed} passed, {len(CASES) - passed} failed\n")
    sys.stdout.flush()
    return 0 if passed == len(CASES) else 1


if __name__ == "__main__":
    code = asyncio.run(main())
    os._exit(code)  # the client leaves heartbeats running
