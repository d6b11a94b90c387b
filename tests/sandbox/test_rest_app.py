"""The REST subset on the application's own schema: what the shipped client meets (contract, sections 4 to 8)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from sandbox.postgres import Postgres
from sandbox.tokens import Keys
from tests.sandbox.conftest import Seeded
from tests.sandbox.serving import rest_application, serving

KEYS = Keys("a-secret-of-at-least-thirty-two-characters")
MESSAGE = "id,conversation_id,user_id,body,message_type,text,client_id,meta,attachment_url,created_at"
SINGLE = {"accept": "application/vnd.pgrst.object+json", "prefer": "return=representation"}
MERGE = {"prefer": "resolution=merge-duplicates"}


def bearer(user: str) -> dict[str, str]:
    token = KEYS.access_token(user, "someone@example.com", lifetime_s=600, issuer="test")
    return {"apikey": KEYS.anon, "authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Chat:
    """A seeded direct conversation, seen by one member over HTTP."""

    client: httpx.Client
    conversation: str
    me: str
    other: str
    stranger: str

    def send(self, **fields: Any) -> httpx.Response:
        """A text message as the client inserts it, with the row asked for."""
        text = fields.pop("text", "hello")
        body = {"type": "text", "text": text, "clientId": str(uuid.uuid4())}
        row = {
            "conversation_id": self.conversation, "user_id": self.me, "sender_id": self.me, "body": body, "meta": body,
            "message_type": "text", "text": text, "client_id": body["clientId"], "attachment_url": None,
        } | fields  # fmt: skip
        return self.client.post("/messages", params={"select": MESSAGE}, json=row, headers=SINGLE)


async def _people(dsn: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchrow(
            """
            select m.conversation_id::text, m.user_id::text as me, p.user_id::text as other, (
              select s.id::text from profiles s where not exists (
                select from conversation_participants x where x.conversation_id = m.conversation_id and x.user_id = s.id
              ) order by s.id limit 1) as stranger
            from messages m
            join conversation_participants p on p.conversation_id = m.conversation_id and p.user_id <> m.user_id
            join conversations c on c.id = m.conversation_id and not c.is_group
            group by 1, 2, 3, m.conversation_id order by count(*) desc, 1, 2 limit 1
            """
        )
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def chat(server: Postgres, seed_template: Seeded) -> Iterator[Chat]:
    """One server on a copy of the seeded data; each test looks only at what it wrote itself."""
    asyncio.run(_execute(server.dsn(), f"create database rest_app template {seed_template.name}"))
    row = asyncio.run(_people(server.dsn("rest_app")))
    assert row is not None, "the seed made no conversation"
    with (
        serving(lambda: rest_application(server.dsn("rest_app", "authenticator"), KEYS)) as url,
        httpx.Client(base_url=f"{url}/rest/v1", headers=bearer(row["me"]), timeout=30) as client,
    ):
        yield Chat(client, row["conversation_id"], row["me"], row["other"], row["stranger"])


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_reading_messages_page_by_page(chat: Chat) -> None:
    sent = [chat.send(text=f"number {n}").json()["id"] for n in range(5)]
    query = {
        "select": MESSAGE, "conversation_id": f"eq.{chat.conversation}", "order": "created_at.desc,id.desc",
        "limit": "3",
    }  # fmt: skip
    first = chat.client.get("/messages", params=query).json()
    assert [row["id"] for row in first] == sent[:1:-1]
    last = first[-1]
    cursor = f'(created_at.lt."{last["created_at"]}",and(created_at.eq."{last["created_at"]}",id.lt.{last["id"]}))'
    older = chat.client.get("/messages", params={**query, "or": cursor}).json()
    assert [row["id"] for row in older[:2]] == sent[1::-1]
    assert list(last) == MESSAGE.split(",")
    foreign = chat.client.get("/messages", params=query, headers=bearer(chat.stranger))
    assert (foreign.status_code, foreign.json()) == (200, [])


def test_sending(chat: Chat) -> None:
    sent = chat.send(sender_id=chat.other)  # a spoofed sender is overwritten
    assert sent.status_code == 201
    row = chat.client.get(f"/messages?select=sender_id,text&id=eq.{sent.json()['id']}").json()
    assert row == [{"sender_id": chat.me, "text": "hello"}]
    assert code(chat.send(message_type="audio")) == (400, "22P02")
    assert code(chat.send(meta={"x": "y" * 17_000})) in ((400, "23514"), (400, "P0001"))
    too_large = chat.send(body={"type": "text", "text": "y" * 17_000})
    assert (code(too_large), too_large.json()["message"]) == ((400, "P0001"), "Message too large")
    again = str(uuid.uuid4())
    assert [chat.send(client_id=again).status_code for _ in range(2)] == [201, 201]


def test_a_stranger_can_insert_but_not_see(chat: Chat) -> None:
    row = {"conversation_id": chat.conversation, "user_id": chat.stranger, "body": {"type": "text", "text": "x"}}
    stranger = bearer(chat.stranger)
    assert chat.client.post("/messages", json=row, headers=stranger).status_code == 201
    assert code(chat.client.post("/messages?select=id", json=row, headers=stranger | SINGLE)) == (403, "42501")
    assert code(chat.client.post("/messages", json={**row, "user_id": chat.me}, headers=stranger)) == (403, "42501")


def test_editing_and_deleting_a_message(chat: Chat) -> None:
    message = chat.send().json()["id"]
    target = {"id": f"eq.{message}", "conversation_id": f"eq.{chat.conversation}", "user_id": f"eq.{chat.me}"}
    edit = {"body": {"type": "text", "text": "b", "editedAt": "2026-01-01"}, "message_type": "text", "text": "b"}
    edited = chat.client.patch("/messages", params={**target, "select": MESSAGE}, json=edit, headers=SINGLE)
    assert (edited.status_code, edited.json()["text"]) == (200, "b")
    theirs = chat.client.patch("/messages", params={**target, "select": MESSAGE}, json=edit,
                               headers=SINGLE | bearer(chat.other))  # fmt: skip
    assert (code(theirs), theirs.json()["details"]) == ((406, "PGRST116"), "The result contains 0 rows")
    gone = {"body": '{"type":"system","deleted":true}', "message_type": "system", "text": None, "client_id": None}
    deleted = chat.client.patch("/messages", params={**target, "select": MESSAGE}, json=gone, headers=SINGLE)
    assert (deleted.status_code, deleted.json()["body"]) == (200, gone["body"])  # a JSON string, not an object


def test_reactions(chat: Chat) -> None:
    message = chat.send().json()["id"]
    row = {"conversation_id": chat.conversation, "message_id": message, "user_id": chat.me, "emoji": "👍"}
    assert chat.client.post("/message_reactions", json=row).status_code == 201
    assert code(chat.client.post("/message_reactions", json=row)) == (409, "23505")
    target = {"message_id": f"eq.{message}", "user_id": f"eq.{chat.me}", "emoji": "eq.👍"}
    assert chat.client.delete("/message_reactions", params=target).status_code == 204
    listed = chat.client.get("/message_reactions", params={"select": "emoji", "message_id": f"eq.{message}"})
    assert listed.json() == []


def test_receipts(chat: Chat) -> None:
    message = chat.send().json()["id"]
    theirs = bearer(chat.other)
    delivered = {"conversation_id": chat.conversation, "message_id": message, "user_id": chat.other}
    path = "/message_delivery_receipts?on_conflict=conversation_id,message_id,user_id"
    statuses = [chat.client.post(path, json=delivered, headers=theirs | MERGE).status_code for _ in range(2)]
    assert statuses == [201, 200]
    read = {
        "conversation_id": chat.conversation, "user_id": chat.other, "last_read_message_id": message,
        "last_read_at": "2026-11-23T10:00:00.000Z",
    }  # fmt: skip
    path = "/message_read_receipts?on_conflict=conversation_id,user_id"
    assert chat.client.post(path, json=read, headers=theirs | MERGE).status_code in (200, 201)
    earlier = {**read, "last_read_at": "2026-11-22T10:00:00.000Z"}
    assert chat.client.post(path, json=earlier, headers=theirs | MERGE).status_code == 200
    mine = {"select": "last_read_at", "conversation_id": f"eq.{chat.conversation}", "user_id": f"eq.{chat.other}"}
    unread = chat.client.delete("/message_read_receipts", params=mine, headers=theirs)
    assert (unread.status_code, unread.content) == (204, b"")  # there is no DELETE policy: nothing happened
    assert chat.client.get("/message_read_receipts", params=mine).json() == [
        {"last_read_at": "2026-11-22T10:00:00+00:00"}
    ]


def test_blocking(chat: Chat) -> None:
    pairs = ((chat.me, chat.other), (chat.other, chat.me))
    pair = ",".join(f"and(blocker_id.eq.{a},blocked_id.eq.{b})" for a, b in pairs)
    query = {"select": "blocker_id,blocked_id", "or": f"({pair})"}
    assert chat.client.get("/blocked_users", params=query).json() == []
    row = {"blocker_id": chat.me, "blocked_id": chat.other}
    blocked = chat.client.post("/blocked_users?on_conflict=blocker_id,blocked_id", json=row, headers=MERGE)
    assert blocked.status_code == 201
    assert chat.client.get("/blocked_users", params=query).json() == [row]


def test_the_home_feed(chat: Chat) -> None:
    ask = {"p_user_id": chat.me, "p_limit": 40, "p_cursor_created_at": None, "p_cursor_id": None}
    feed = chat.client.post("/rpc/get_home_feed_v2", json=ask)
    assert feed.status_code == 200
    rows = feed.json()
    assert set(rows[0]) == {
        "id", "created_at", "user_id", "event_type", "media_item_id", "related_user_id", "payload", "actor_profile",
        "media_item",
    }  # fmt: skip
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    for headers in (bearer(chat.other), {"apikey": KEYS.anon, "authorization": f"Bearer {KEYS.anon}"}):
        refused = chat.client.post("/rpc/get_home_feed_v2", json=ask, headers=headers)
        assert (code(refused), refused.json()["message"]) == ((400, "P0001"), "Not authorized")


def test_conversation_summaries_choose_their_overload_by_argument(chat: Chat) -> None:
    named = chat.client.post("/rpc/get_conversation_summaries_v2", json={"p_user_id": chat.other})
    bare = chat.client.post("/rpc/get_conversation_summaries_v2", json={})
    assert named.status_code == bare.status_code == 200
    assert named.json() == bare.json()  # the argument is ignored for people
    assert chat.conversation in {row["conversation_id"] for row in bare.json()}
    unknown = chat.client.post("/rpc/get_conversation_summaries_v2", json={"user": chat.me})
    assert code(unknown) == (404, "PGRST202")


def test_other_functions(chat: Chat) -> None:
    last = chat.send().json()["id"]
    marked = chat.client.post(
        "/rpc/mark_conversation_read", json={"p_conversation_id": chat.conversation, "p_last_message_id": last}
    )
    assert marked.status_code == 204
    status = chat.client.post("/rpc/assistant_reply_status_v1", json={"p_conversation_id": chat.conversation})
    assert (status.status_code, "ok" in status.json()) == (200, True)
    stats = chat.client.post("/rpc/get_diary_stats", json={"p_user_id": chat.me})
    assert stats.status_code == 200


def test_writes_that_the_shipped_schema_refuses(chat: Chat) -> None:
    renamed = chat.client.patch(f"/conversations?id=eq.{chat.conversation}", json={"title": "x"})
    assert code(renamed) == (403, "42501")
    title = chat.client.get("/media_items?select=id&limit=1").json()[0]["id"]
    rating = {"user_id": chat.me, "title_id": title, "rating": 8, "content_type": "movie"}
    assert code(chat.client.post("/ratings?on_conflict=user_id,title_id", json=rating, headers=MERGE)) == (403, "42501")
    event = {
        "user_id": chat.me, "session_id": str(uuid.uuid4()), "media_item_id": title, "event_type": "like",
        "dedupe_key": "k",
    }  # fmt: skip
    onboarding = chat.client.post("/media_events?on_conflict=user_id,dedupe_key", json=[event], headers=MERGE)
    assert code(onboarding) == (400, "42P10")


def test_the_library(chat: Chat) -> None:
    taken = {row["title_id"] for row in chat.client.get("/library_entries?select=title_id").json()}
    titles = chat.client.get("/media_items?select=id&order=id").json()
    title = next(row["id"] for row in titles if row["id"] not in taken)
    entry = {"user_id": chat.me, "title_id": title, "status": "watched", "content_type": "movie"}
    path = "/library_entries?on_conflict=user_id,title_id"
    assert [chat.client.post(path, json=entry, headers=MERGE).status_code for _ in range(2)] == [201, 200]
    mine = f"/library_entries?user_id=eq.{chat.me}&title_id=eq.{title}"
    assert [row["status"] for row in chat.client.get(f"{mine}&select=status").json()] == ["watched"]
    assert chat.client.delete(f"{mine}&status=eq.watched").status_code == 204
    assert chat.client.get(mine).json() == []


def test_profiles_are_ones_own(chat: Chat) -> None:
    seen = chat.client.patch(f"/profiles?id=eq.{chat.me}", json={"last_seen_at": "2026-11-23T10:00:00Z"})
    assert (seen.status_code, seen.headers["content-range"]) == (204, "0-0/*")
    query = "/profiles_public?select=id,last_seen_at&id=eq."
    assert chat.client.get(query + chat.me).json()[0]["last_seen_at"] == "2026-11-23T10:00:00+00:00"
    assert chat.client.get(query + chat.other, headers={"accept": "application/json"}).json() == []
    several = chat.client.get(f"/profiles_public?select=id&id=in.({chat.me},{chat.other})")
    assert several.json() == [{"id": chat.me}]


def test_searching_titles(chat: Chat) -> None:
    word = chat.client.get("/media_items?select=tmdb_title&tmdb_title=not.is.null&limit=1").json()[0]["tmdb_title"]
    found = chat.client.get(
        "/media_items",
        params={"select": "id,tmdb_title", "search_vector": f"wfts(english).{word}", "limit": "20", "offset": "0"},
        headers={"prefer": "count=exact"},
    )
    assert found.status_code in (200, 206)
    assert word in {row["tmdb_title"] for row in found.json()}
    assert int(found.headers["content-range"].rpartition("/")[2]) >= len(found.json())
