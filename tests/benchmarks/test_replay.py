"""The replay as a whole run needs it: its people, Realtime that tells something, several processes at a port, TLS."""

from __future__ import annotations

import json
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websockets.sync.client import ClientConnection, connect

from harness.client.auth.account import Account
from harness.client.realtime.conversation_channel import CHANGES, TABLES, TYPING
from harness.client.realtime.presence_channel import PRESENCE
from harness.config.load import load_target, resolve_keys
from harness.provision import user_ids

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))  # as a script has it

from planned.order import keys, target_file  # noqa: E402
from replay.process import Shared, certificate, replaying  # noqa: E402
from replay.recording import Answer, Recording, acknowledged, copies  # noqa: E402
from replay.server import Replay  # noqa: E402
from short.turns import RECORDING  # noqa: E402

PEOPLE, CROWD = 30, 3
ONLINE = f"realtime:{PRESENCE}"
CONVERSATION = "5b0c7d2e-8f14-4c1b-9a63-2d7e90f4a111"
SECRET = "5eed" * 16


class Phone:
    """A socket of either version, and what it is told."""

    def __init__(self, socket: ClientConnection, version: str) -> None:
        self.socket, self._version, self._refs = socket, version, 0

    def push(self, topic: str, event: str, payload: dict[str, Any]) -> None:
        self._refs += 1
        ref = str(self._refs)
        told: Any = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": "1"}
        self.socket.send(json.dumps(["1", ref, topic, event, payload] if self._version == "2.0.0" else told))

    def join(self, topic: str, **config: Any) -> dict[str, Any]:
        self.push(topic, "phx_join", {"config": config})
        return self.hears(topic, "phx_reply")

    def hears(self, topic: str, event: str, within_s: float = 20.0) -> dict[str, Any]:
        """The next of these; others before it are passed over. :raises TimeoutError: there is none."""
        ends = time.monotonic() + within_s
        while True:
            said = json.loads(self.socket.recv(max(0.0, ends - time.monotonic())))
            found = said[2:] if isinstance(said, list) else [said["topic"], said["event"], said["payload"]]
            if found[:2] == [topic, event]:
                payload: dict[str, Any] = found[2]
                return payload


@pytest.fixture
def phones() -> Iterator[Any]:
    """Makes phones, and hangs up in the end."""
    with ExitStack() as stack:

        def phone(url: str, version: str = "1.0.0") -> Phone:
            path = url.replace("http", "ws", 1) + f"/realtime/v1/websocket?vsn={version}"
            return Phone(stack.enter_context(connect(path, max_size=None)), version)

        yield phone


def test_presence_is_told_to_those_who_join_and_then_to_one_after_the_other_at_the_limit(phones: Any) -> None:
    told: dict[str, Any] = {}
    with replaying(RECORDING, PEOPLE, told, Shared(presence_per_s=40.0, crowd=CROWD)) as url:
        some = [phones(url, version) for version in ("1.0.0", "2.0.0")]
        for number, phone in enumerate(some):
            phone.join(ONLINE, presence={"key": f"person-{number}", "enabled": True})
            assert len(phone.hears(ONLINE, "presence_state")) in (0, CROWD)  # good for a second
            phone.push(ONLINE, "presence", {"type": "presence", "event": "track", "payload": {"status": "online"}})
        for phone in some:
            diff = phone.hears(ONLINE, "presence_diff")
            (key,) = diff["joins"]
            assert key in ("person-0", "person-1")
            assert diff["joins"][key]["metas"][0]["status"] == "online"
        time.sleep(1.1)
        late = phones(url)
        late.join(ONLINE, presence={"key": "late", "enabled": True})
        online = late.hears(ONLINE, "presence_state")
        assert len(online) == 2 * CROWD
        assert {"person-0", "person-1"} <= set(online)
        some[0].push(ONLINE, "phx_leave", {})
        while "person-0" not in some[1].hears(ONLINE, "presence_diff")["leaves"]:
            pass
    assert told["told"]["presence states"] == 3
    assert told["told"]["presence diffs"] >= 4


def test_presence_leaves_no_faster_than_the_limit(phones: Any) -> None:
    told: dict[str, Any] = {}
    with replaying(RECORDING, PEOPLE, told, Shared(presence_per_s=10.0)) as url:
        some = [phones(url) for _ in range(12)]
        begun = time.monotonic()
        for number, phone in enumerate(some):
            phone.join(ONLINE, presence={"key": f"person-{number}", "enabled": True})
            phone.push(ONLINE, "presence", {"type": "presence", "event": "track", "payload": {"status": "online"}})
        for phone in some:
            phone.hears(ONLINE, "presence_diff")
        took = time.monotonic() - begun
    assert took > 0.5, "twelve messages at ten a second"
    assert told["told"]["presence diffs"] <= 10 * (time.monotonic() - begun) + 10


def test_without_presence_nobody_is_told_who_is_there(phones: Any) -> None:
    told: dict[str, Any] = {}
    with replaying(RECORDING, PEOPLE, told) as url:
        phone = phones(url)
        phone.join(ONLINE, presence={"key": "person-0", "enabled": True})
        phone.push(ONLINE, "presence", {"type": "presence", "event": "track", "payload": {"status": "online"}})
        assert phone.hears(ONLINE, "phx_reply") == {"status": "ok", "response": {}}
        with pytest.raises(TimeoutError):
            phone.hears(ONLINE, "presence_state", within_s=0.3)
    assert told["told"] == {}


def test_a_message_that_is_posted_is_heard_by_two_of_those_who_have_its_conversation_open(phones: Any) -> None:
    topic = f"realtime:{CHANGES}{CONVERSATION}"
    filter_ = f"conversation_id=eq.{CONVERSATION}"
    bindings = [{"event": "*", "schema": "public", "table": table, "filter": filter_} for table in TABLES]
    person = copies(PEOPLE)[7]
    headers = {"authorization": f"Bearer {jwt.encode({'sub': person}, SECRET)}"}
    row = {"conversation_id": CONVERSATION, "user_id": person, "client_id": "c-1", "text": "hello"}
    told: dict[str, Any] = {}
    with replaying(RECORDING, PEOPLE, told, Shared(presence_per_s=1.0)) as url:
        some = [phones(url, version) for version in ("1.0.0", "2.0.0", "1.0.0")]
        numbers = [phone.join(topic, postgres_changes=bindings)["response"]["postgres_changes"] for phone in some]
        assert all(phone.hears(topic, "system")["message"] == "Subscribed to PostgreSQL" for phone in some)
        assert [{**one, "id": 0} for one in numbers[0]] == [{**one, "id": 0} for one in bindings]
        reply = httpx.post(f"{url}/rest/v1/messages?select=*", headers=headers, json=row)
        assert reply.status_code == 201
        for phone in some[:2]:
            change = phone.hears(topic, "postgres_changes")
            assert change["ids"] == [numbers[0][TABLES.index("messages")]["id"]]
            data = change["data"]
            assert (data["table"], data["type"]) == ("messages", "INSERT")
            assert data["record"] | row == data["record"]
            assert data["record"]["id"] == reply.json()["id"]
        with pytest.raises(TimeoutError):
            some[2].hears(topic, "postgres_changes", within_s=0.3)
    assert told["told"]["changes"] == 2


def test_typing_is_told_to_the_other_one_alone(phones: Any) -> None:
    topic = f"realtime:{TYPING}{CONVERSATION}"
    told: dict[str, Any] = {}
    with replaying(RECORDING, PEOPLE, told, Shared(presence_per_s=1.0)) as url:
        one, other = phones(url, "1.0.0"), phones(url, "2.0.0")
        for phone in (one, other):
            phone.join(topic)
        said = {"type": "broadcast", "event": "typing", "payload": {"isTyping": True}}
        one.push(topic, "broadcast", said)
        assert other.hears(topic, "broadcast") == said
        with pytest.raises(TimeoutError):
            one.hears(topic, "broadcast", within_s=0.3)
    assert told["told"]["broadcasts"] == 1


@pytest.mark.parametrize("items", [False, True], ids=["one item", "several items"])
def test_swipes_are_acknowledged_by_the_ids_that_were_sent(items: bool) -> None:
    asked = {"events": [{"clientEventId": f"id-{number}"} for number in range(2)]}
    body = {"items": [asked, {"events": [{"clientEventId": "id-2"}]}]} if items else asked
    reply = acknowledged(b'{"ok":true,"acceptedClientEventIds":["recorded"]}', json.dumps(body).encode())
    assert json.loads(reply)["acceptedClientEventIds"] == ["id-0", "id-1", *(["id-2"] if items else [])]


def test_a_preflight_that_nobody_recorded_is_granted_as_others_of_its_gateway_are() -> None:
    replay = Replay(Recording.load(RECORDING), PEOPLE)
    granted = replay.answer("OPTIONS", "/rest/v1/nothing_like_it?select=*", b"", b"")
    assert granted.startswith(b"HTTP/1.1 200")
    assert b"access-control-allow-methods: GET, HEAD, PUT, PATCH" in granted
    assert replay.unknown == 0
    assert replay.answer("GET", "/rest/v1/nothing_like_it?select=*", b"", b"").startswith(b"HTTP/1.1 404")
    assert replay.unknown == 1
    assert replay.answer("OPTIONS", "/storage/v1/object/a", b"", b"").startswith(b"HTTP/1.1 200")
    assert replay.unknown == 2


def test_each_who_signs_up_is_somebody_new_and_answered_as_the_recorded_one() -> None:
    old = "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f"
    account = Account.minted(old, "old@x.test", SECRET, now=0.0, epoch=0.0)
    told = {"access_token": account.access_token, "refresh_token": "r", "expires_in": 3600}
    told["user"] = {"id": old, "email": "old@x.test"}
    recording = Recording()
    recording.note("", "POST", "/auth/v1/signup", b"{}", Answer(200, [], json.dumps(told).encode()))
    recording.note(old, "GET", f"/rest/v1/profiles?id=eq.{old}", b"", Answer(200, [], f'[{{"id":"{old}"}}]'.encode()))
    replay = Replay(recording, PEOPLE)
    known = set()
    for number in range(2):
        asked = json.dumps({"email": f"new-{number}@x.test"}).encode()
        reply = replay.answer("POST", "/auth/v1/signup", b"", asked)
        data = json.loads(reply.partition(b"\r\n\r\n")[2])
        new = Account.from_reply(data, now=0.0)
        assert new is not None
        assert data["user"] == {"id": new.user_id, "email": f"new-{number}@x.test"}
        claims = jwt.decode(new.access_token, options={"verify_signature": False})
        assert claims["sub"] == new.user_id
        mine = replay.answer(
            "GET", f"/rest/v1/profiles?id=eq.{new.user_id}", f"Bearer {new.access_token}".encode(), b""
        )
        assert json.loads(mine.partition(b"\r\n\r\n")[2]) == [{"id": new.user_id}]
        known.add(new.user_id)
    assert len(known | {old}) == 3


def test_a_run_finds_its_people_and_that_nothing_is_stored(tmp_path: Path) -> None:
    with replaying(RECORDING, 2_345, {}) as url:
        target = load_target(target_file(url, tmp_path))
        found = user_ids(target, resolve_keys(target, keys(SECRET)), 2_345)
        assert tuple(found.values()) == tuple(copies(2_345))
        service = {"authorization": f"Bearer {keys(SECRET)['PEAK_SERVICE_KEY']}"}
        assert httpx.get(f"{url}/rest/v1/user_stats?select=a&user_id=b", headers=service).status_code == 404


def test_several_processes_share_a_port_and_their_tallies_are_added_up() -> None:
    told: dict[str, Any] = {}
    pids: list[int] = []
    with replaying(RECORDING, PEOPLE, told, Shared(processes=3), pids=pids) as url:
        for _ in range(60):
            assert httpx.get(f"{url}/rest/v1/nothing").status_code == 404
    assert len(set(pids)) == 3
    assert (told["requests"], told["unknown"]) == (60, 60)


def test_it_speaks_tls(tmp_path: Path, phones: Any) -> None:
    pem = certificate(tmp_path)
    with replaying(RECORDING, PEOPLE, {}, Shared(certificate=pem)) as url:
        assert url.startswith("https://")
        trusting = ssl.create_default_context(cafile=pem)
        health = httpx.get(f"{url}/auth/v1/health", verify=trusting)
        assert health.json()["name"] == "GoTrue"
        path = url.replace("http", "ws", 1) + "/realtime/v1/websocket?vsn=1.0.0"
        with connect(path, ssl=trusting) as socket:
            socket.send(json.dumps({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "1"}))
            assert json.loads(socket.recv(10))["payload"] == {"status": "ok", "response": {}}
