"""Attachments and the broadcast fallback over real HTTP; the store and the form parser by themselves."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.realtime import broadcast
from sandbox.server import Sandbox, SandboxOptions
from sandbox.storage import api, multipart, signing
from sandbox.storage.errors import StorageError
from sandbox.storage.store import Blob, BlobStore
from tests.sandbox.signed_in import Person, enter

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
SECRET = "a secret that is long enough for a test"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=12, catalogue=20)) as running:
        yield running


@pytest.fixture(scope="module")
def pair(sandbox: Sandbox) -> Iterator[tuple[Person, Person, str]]:
    """Two people and their conversation."""
    first, second = enter(sandbox, 1), enter(sandbox, 2)
    made = first.call("create-direct-conversation", {"targetUserId": second.id}).json()
    yield first, second, made["conversationId"]
    first.client.close()
    second.client.close()


@pytest.fixture(scope="module")
def stranger(sandbox: Sandbox) -> Iterator[Person]:
    person = enter(sandbox, 3)
    yield person
    person.client.close()


def path_of(person: Person, conversation_id: str) -> str:
    return f"message_attachments/{conversation_id}/{person.id}/{int(time.time() * 1000)}-{uuid.uuid4()}.png"


def upload(person: Person, path: str, bucket: str = "chat-media", content: bytes = PICTURE) -> httpx.Response:
    """As storage-js does it: a form with the cache time and a file whose field has no name."""
    return person.client.post(
        f"/storage/v1/object/{bucket}/{path}",
        files={"": ("blob", content, "image/png")},
        data={"cacheControl": "3600"},
        headers={**person.headers, "x-upsert": "false"},
    )


def sign(person: Person, path: str, expires_in: Any = 3600, bucket: str = "chat-media") -> httpx.Response:
    return person.client.post(
        f"/storage/v1/object/sign/{bucket}/{path}", json={"expiresIn": expires_in}, headers=person.headers
    )


def remove(person: Person, *paths: str) -> httpx.Response:
    return person.client.request(
        "DELETE", "/storage/v1/object/chat-media", json={"prefixes": list(paths)}, headers=person.headers
    )


def refusal(reply: httpx.Response) -> tuple[int, str, str]:
    return reply.status_code, reply.json()["statusCode"], reply.json()["error"]


def test_an_attachment_goes_up_comes_down_and_goes_away(pair: tuple[Person, Person, str]) -> None:
    me, other, conversation = pair
    path = path_of(me, conversation)
    reply = upload(me, path)
    assert reply.status_code == 200
    assert reply.json()["Key"] == f"chat-media/{path}"
    assert uuid.UUID(reply.json()["Id"])
    for reader in (me, other):
        signed = sign(reader, path)
        assert signed.status_code == 200
        link = signed.json()["signedURL"]
        assert link.startswith(f"/object/sign/chat-media/{path}?token=")
        got = httpx.get(f"{me.sandbox.url}/storage/v1{link}")  # no key, no token of a person
        assert (got.status_code, got.content) == (200, PICTURE)
        assert (got.headers["content-type"], got.headers["cache-control"]) == ("image/png", "max-age=3600")
    gone = remove(me, path)
    assert [row["name"] for row in gone.json()] == [path]
    assert refusal(sign(me, path)) == (400, "404", "not_found")
    assert refusal(httpx.get(f"{me.sandbox.url}/storage/v1{link}")) == (400, "404", "not_found")


def test_a_body_without_a_form_is_taken_as_it_is(pair: tuple[Person, Person, str]) -> None:
    me, _, conversation = pair
    path = path_of(me, conversation)
    headers = {**me.headers, "content-type": "audio/webm", "cache-control": "max-age=60"}
    assert me.client.post(f"/storage/v1/object/chat-media/{path}", content=b"tone", headers=headers).status_code == 200
    got = me.client.get("/storage/v1" + sign(me, path).json()["signedURL"])
    assert (got.content, got.headers["content-type"], got.headers["cache-control"]) == (
        b"tone",
        "audio/webm",
        "max-age=60",
    )


def test_paths_belong_to_their_people(pair: tuple[Person, Person, str], stranger: Person) -> None:
    me, other, conversation = pair
    path = path_of(me, conversation)
    assert refusal(upload(other, path)) == (400, "403", "Unauthorized")
    assert refusal(upload(stranger, path_of(stranger, conversation))) == (400, "403", "Unauthorized")
    assert refusal(upload(me, f"elsewhere/{me.id}/x.png")) == (400, "403", "Unauthorized")
    assert refusal(upload(me, f"message_attachments/not-a-uuid/{me.id}/x.png")) == (400, "403", "Unauthorized")
    assert upload(me, path).status_code == 200
    assert refusal(upload(me, path)) == (400, "409", "Duplicate")
    assert refusal(sign(stranger, path)) == (400, "404", "not_found")
    assert remove(other, path).json() == []
    assert sign(other, path).status_code == 200
    assert [row["name"] for row in remove(me, path, "never/there").json()] == [path]


def test_avatars_are_for_all_to_see(pair: tuple[Person, Person, str], stranger: Person) -> None:
    me = pair[0]
    path = f"{me.id}/face-{uuid.uuid4()}.png"
    assert upload(me, path, "avatars").status_code == 200
    assert sign(stranger, path, bucket="avatars").status_code == 200
    assert refusal(upload(stranger, path, "avatars")) == (400, "403", "Unauthorized")
    again = me.client.post(
        f"/storage/v1/object/avatars/{path}", content=b"new", headers={**me.headers, "x-upsert": "true"}
    )
    assert again.status_code == 200
    link = sign(me, path, bucket="avatars").json()["signedURL"]
    assert me.client.get(f"/storage/v1{link}").content == b"new"
    assert refusal(upload(me, path, "nowhere")) == (400, "404", "Bucket not found")


def test_links_hold_for_their_time_and_their_object(
    pair: tuple[Person, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    me, _, conversation = pair
    path, twin = path_of(me, conversation), path_of(me, conversation)
    assert upload(me, path).status_code == upload(me, twin).status_code == 200
    token = sign(me, path, 60).json()["signedURL"].partition("token=")[2]
    base = "/storage/v1/object/sign/chat-media"
    assert refusal(me.client.get(f"{base}/{twin}?token={token}")) == (400, "400", "InvalidSignature")
    assert refusal(me.client.get(f"{base}/{path}?token={token[:-4]}AAAA")) == (400, "400", "InvalidJWT")
    assert refusal(me.client.get(f"{base}/{path}?token=x")) == (400, "400", "InvalidJWT")
    assert refusal(me.client.get(f"{base}/{path}")) == (400, "400", "Error")
    access = me.headers["authorization"].removeprefix("Bearer ")
    assert refusal(me.client.get(f"{base}/{path}?token={access}")) == (400, "400", "InvalidSignature")
    real = time.time
    monkeypatch.setattr("sandbox.storage.api.time.time", lambda: real() + 61)
    assert refusal(me.client.get(f"{base}/{path}?token={token}")) == (400, "400", "InvalidJWT")


@pytest.mark.parametrize("expires_in", [0, -1, "60", None, True, 1.5])
def test_a_link_needs_a_time(pair: tuple[Person, Person, str], expires_in: Any) -> None:
    assert refusal(sign(pair[0], "a/b", expires_in)) == (400, "400", "Error")


def test_bad_requests(pair: tuple[Person, Person, str], stranger: Person) -> None:
    me, _, conversation = pair
    path = path_of(me, conversation)
    keyless = {name: value for name, value in me.headers.items() if name != "apikey"}
    assert me.client.post(f"/storage/v1/object/chat-media/{path}", headers=keyless).status_code == 401
    tokenless = {"apikey": me.headers["apikey"]}
    unsigned = me.client.post(f"/storage/v1/object/chat-media/{path}", content=b"x", headers=tokenless)
    assert refusal(unsigned) == (400, "400", "Error")
    over = me.client.post(f"/storage/v1/object/chat-media/{path}", content=b"x", headers=me.expired())
    assert refusal(over) == (400, "403", "Unauthorized")
    anonymous = {**tokenless, "authorization": f"Bearer {me.headers['apikey']}"}
    nobody = me.client.post(f"/storage/v1/object/chat-media/{path}", content=b"x", headers=anonymous)
    assert refusal(nobody) == (400, "403", "Unauthorized")
    broken = {**me.headers, "content-type": "multipart/form-data; boundary=b"}
    form = me.client.post(f"/storage/v1/object/chat-media/{path}", content=b"--b\r\nhalf", headers=broken)
    assert refusal(form) == (400, "400", "Error")
    no_file = me.client.post(
        f"/storage/v1/object/chat-media/{path}",
        content=b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--',
        headers=broken,
    )
    assert refusal(no_file) == (400, "400", "invalid_mime_type")
    for body in (b"{", b"[]", b"{}", b'{"prefixes":[]}', b'{"prefixes":[1]}'):
        bad = me.client.request("DELETE", "/storage/v1/object/chat-media", content=body, headers=me.headers)
        assert refusal(bad) == (400, "400", "Error")
    assert me.client.options("/storage/v1/object/chat-media/x").status_code == 200


def test_too_much_is_refused(pair: tuple[Person, Person, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "OBJECT_LIMIT_BYTES", 1000)
    me, _, conversation = pair
    assert refusal(upload(me, path_of(me, conversation), content=bytes(1001))) == (400, "413", "Payload too large")
    assert refusal(upload(me, path_of(me, conversation), content=bytes(80_000))) == (400, "413", "Payload too large")
    assert upload(me, path_of(me, conversation), content=bytes(1000)).status_code == 200


# --- the store, the form, the signature


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 120), st.booleans()), max_size=40))
def test_the_store_never_holds_more_than_its_limit(steps: list[tuple[int, int, bool]]) -> None:
    store = BlobStore(limit_bytes=200)
    newest: dict[tuple[str, str], int] = {}
    for number, size, removes in steps:
        key = ("b", str(number))
        if removes:
            store.remove(key)
            newest.pop(key, None)
            assert store.get(key) is None
        else:
            store.put(key, Blob(bytes(size), "", "", ""))
            newest[key] = size
            assert store.get(key) is not None
        kept = [blob for name in newest if (blob := store.get(name)) is not None]
        assert store.held_bytes == sum(len(blob.content) for blob in kept) <= 200
        assert len(store) == len(kept)
    store.put(("b", "huge"), Blob(bytes(201), "", "", ""))
    assert store.get(("b", "huge")) is None


@given(st.lists(st.tuples(st.text("abc", max_size=4), st.binary(max_size=60)), max_size=4))
def test_forms_come_back_as_they_were_sent(fields: list[tuple[str, bytes]]) -> None:
    boundary = "x-boundary-that-nothing-contains"
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'
        f"Content-Type: image/png\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in fields
    )
    body += f"--{boundary}--\r\n".encode()
    parts = multipart.parse(f'multipart/form-data; boundary="{boundary}"', body)
    assert [(part.name, part.content) for part in parts] == fields
    assert {part.content_type for part in parts} <= {"image/png"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    try:
        multipart.parse("multipart/form-data; boundary=b", body)
    except ValueError:
        return
    assert body.startswith(b"--b")


def test_forms_have_a_boundary_and_an_end() -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
    assert multipart.parse("multipart/form-data; boundary=b", part + b"--b--")[0].filename is None
    for kind, body in (
        ("multipart/form-data", part),
        ("multipart/form-data; boundary=b", part),
        ("multipart/form-data; boundary=b", part.replace(b"form-data", b"attachment") + b"--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense\r\n\r\n\r\n--b--"),
        ("multipart/form-data; boundary=b", part * 17 + b"--b--"),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            multipart.parse(kind, body)


def test_signatures_end() -> None:
    token = signing.token(SECRET, "b/n", 60, 1_000)
    signing.check(SECRET, token, "b/n", 1_059)
    for secret, path, now in ((SECRET, "b/n", 1_060), (SECRET + "x", "b/n", 1_000), (SECRET, "b/m", 1_000)):
        with pytest.raises(StorageError):
            signing.check(secret, token, path, now)


# --- the broadcast fallback


def cast(person: Person, body: Any, **headers: str) -> httpx.Response:
    return person.client.post(broadcast.PATH, json=body, headers={**person.headers, **headers})


def typing(**changes: Any) -> dict[str, Any]:
    payload = {"userId": "u", "displayName": "Ann", "isTyping": True}
    return {"topic": "typing:1", "event": "typing", "payload": payload, "private": False, **changes}


def test_typing_is_accepted(stranger: Person) -> None:
    reply = cast(stranger, {"messages": [typing(), typing(private=True)]})
    assert (reply.status_code, reply.content) == (202, b"")
    assert stranger.client.options(broadcast.PATH).status_code == 204


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"messages": ["can't be blank"]}),
        ([], {"messages": ["can't be blank"]}),
        ({"messages": []}, {"messages": ["can't be blank"]}),
        ({"messages": "x"}, {"messages": ["is invalid"]}),
        ({"messages": [typing(payload=None)]}, {"messages": [{"payload": ["can't be blank"]}]}),
        ({"messages": [typing(), typing(topic="")]}, {"messages": [{}, {"topic": ["can't be blank"]}]}),
        ({"messages": [typing(event=5)]}, {"messages": [{"event": ["is invalid"]}]}),
        ({"messages": [typing(private="no")]}, {"messages": [{"private": ["is invalid"]}]}),
    ],
)
def test_broadcasts_are_checked(stranger: Person, body: Any, errors: Any) -> None:
    reply = cast(stranger, body)
    assert (reply.status_code, reply.json()) == (422, {"errors": errors})


def test_broadcasts_need_a_key(stranger: Person) -> None:
    body = {"messages": [typing()]}
    assert stranger.client.post(broadcast.PATH, json=body).status_code == 401
    assert cast(stranger, body, authorization="Bearer nonsense").status_code == 401
    only_key = stranger.client.post(broadcast.PATH, json=body, headers={"apikey": stranger.headers["apikey"]})
    assert only_key.status_code == 202
    assert stranger.client.post(broadcast.PATH, content=b"{", headers=stranger.headers).status_code == 400
