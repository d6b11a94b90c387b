"""Channels over real sockets: joins and their refusals, broadcast, presence, tokens, closes, and the switches."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
import time
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
import websockets

from tests.sandbox.realtime.conftest import ADMIN, SETTINGS, Settings, Stage, topic
from tests.sandbox.realtime.wire import V1, V2, Heard, Wire, wire

pytestmark = pytest.mark.xdist_group("realtime")


def kind_3(join_ref: str, ref: str, name: str, event: str, data: bytes, encoding: int = 1) -> bytes:
    strings = [join_ref.encode(), ref.encode(), name.encode(), event.encode(), b""]
    return bytes((3, *map(len, strings), encoding)) + b"".join(strings) + data


def short(name: str) -> str:
    return name.removeprefix("realtime:")


async def command(stage: Stage, do: str, **more: Any) -> Any:
    return await asyncio.to_thread(stage.admin, "POST", "/commands", {"do": do, **more})


# --- the upgrade


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("vsn=1.0.0", 401, "API key is missing"),
        ("apikey=nonsense", 401, "The token provided is not a valid JWT"),
        ("apikey={forged}", 401, "Failed to validate JWT signature"),
        ("apikey={ended}", 401, "Token has expired"),
        ("apikey={key}&vsn=3.0.0", 403, None),
    ],
)
def test_refused_upgrades(stage: Stage, query: str, status: int, error: str | None) -> None:
    key = stage.sandbox.discovery["anon_key"]
    given = query.format(key=key, forged=key[:-6] + "AAAAAA", ended=stage.minted(stage.ann, -5))

    async def run() -> None:
        begun = time.monotonic()
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with wire(stage.sandbox, query=given):
                pass
        assert time.monotonic() - begun > 0.045
        response = caught.value.response
        assert response.status_code == status
        assert response.headers["content-type"] == "application/json"
        assert response.body == (b"" if error is None else orjson.dumps({"error": error}))

    asyncio.run(run())


def test_the_key_may_be_a_header_and_the_version_absent(stage: Stage) -> None:
    async def run() -> None:
        key = stage.sandbox.discovery["anon_key"]
        async with wire(stage.sandbox, V1, query="log_level=info", additional_headers={"x-api-key": key}) as one:
            assert (await one.reply(await one.push("phoenix", "heartbeat", {}))).topic == "phoenix"

    asyncio.run(run())


def test_other_paths_have_no_socket(stage: Stage) -> None:
    async def run() -> None:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with websockets.connect(stage.sandbox.url.replace("http", "ws", 1) + "/rest/v1/messages"):
                pass
        assert caught.value.response.status_code == 404

    asyncio.run(run())


# --- frames


@pytest.mark.parametrize("vsn", [V1, V2])
def test_malformed_messages_are_dropped_and_the_socket_stays(stage: Stage, vsn: str) -> None:
    async def run() -> None:
        async with wire(stage.sandbox, vsn) as one:
            for rubbish in ("", "{", "[]", "{}", '["1"]', "null", b"", b"\x03", b"\x09abc", b"\xff" * 40, "\x00" * 9):
                await one.socket.send(rubbish)
            assert (await one.reply(await one.push("phoenix", "heartbeat", {}))).payload["status"] == "ok"
            assert one.kept == []

    asyncio.run(run())


def test_pings_fragments_and_large_frames(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            await asyncio.wait_for(await one.socket.ping(), 5)
            await one.socket.send(['[null,"1","phoe', 'nix","heartbeat",{}]'])
            assert (await one.reply("1")).ref == "1"
            with contextlib.suppress(websockets.ConnectionClosed):
                await one.socket.send("x" * 5_000_001)
            assert await one.closed() == 1009

    asyncio.run(run())


def test_a_broken_frame_closes_with_1002(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            one.socket.transport.write(b"\x83\x80\x00\x00\x00\x00")  # opcode 3 does not exist
            assert await one.closed() == 1002

    asyncio.run(run())


# --- joins


def test_joins_are_refused_with_their_reasons(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            assert await one.refused("realtime:") == "TopicNameRequired: You must provide a topic name"
            name = topic("x")
            begun = time.monotonic()
            reason = await one.refused(name, stage.token(stage.ann), private=True)
            assert time.monotonic() - begun > 0.045
            assert reason == (
                f"Unauthorized: You do not have permissions to read from this Channel topic: {short(name)}"
            )
            assert (await one.refused(name, stage.minted(stage.ann, -9))).startswith(
                "InvalidJWTToken: Token has expired 9"
            )
            assert await one.refused(name, "nonsense") == "MalformedJWT: The token provided is not a valid JWT"
            replay = {"broadcast": {"replay": {"since": 1}}}
            assert await one.refused(name, None, **replay) == (
                "UnableToReplayMessages: Replay is not allowed for public channels"
            )
            other = await one.reply(await one.push("elsewhere:x", "phx_join", {}))
            assert other.payload == {"response": {"reason": "unmatched topic"}, "status": "error"}
            await one.join(name, private=False)

    asyncio.run(run())


def test_a_failed_join_holds_up_the_whole_socket(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            refused = await one.push(topic(), "phx_join", {"access_token": "nonsense"})
            heartbeat = await one.push("phoenix", "heartbeat", {})
            begun = time.monotonic()
            first, second = await one.hear(), await one.hear()
            assert isinstance(first, Heard)
            assert isinstance(second, Heard)
            assert [first.ref, second.ref] == [refused, heartbeat]
            assert time.monotonic() - begun > 0.35

    with settings(channel_error_ms=400):
        asyncio.run(run())


def test_a_second_join_replaces_the_first(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            name = topic()
            first = await one.join(name)
            second = await one.push(name, "phx_join", {"config": {}})
            reply, close = await one.hear(), await one.hear()
            assert isinstance(reply, Heard)
            assert isinstance(close, Heard)
            assert (reply.event, reply.ref) == ("phx_reply", second)
            assert (close.event, close.ref, close.join_ref) == ("phx_close", first, first)
            stale = await one.push(name, "phx_leave", {}, first)
            await one.silence(0.1)
            left = await one.push(name, "phx_leave", {}, second)
            assert (await one.reply(left)).payload == {"response": {}, "status": "ok"}
            assert (await one.event("phx_close")).ref == second
            again = await one.push(name, "phx_leave", {}, second)
            assert (await one.reply(again)).payload["status"] == "ok"
            unmatched = await one.push(name, "broadcast", {"type": "broadcast", "event": "x"}, stale)
            assert (await one.reply(unmatched)).payload["response"] == {"reason": "unmatched topic"}

    asyncio.run(run())


def test_limits_of_users_and_channels(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as other:
            await one.join(topic())
            await one.join(topic())
            assert await one.refused(topic()) == "ChannelRateLimitReached: Too many channels"
            assert await other.refused(topic()) == "ConnectionRateLimitReached: Too many connected users"
            with pytest.raises(websockets.InvalidStatus) as caught:
                async with wire(stage.sandbox):
                    pass
            assert caught.value.response.status_code == 429
            assert caught.value.response.body == b'{"error":"Too many connected users"}'

    wait_for_empty(stage)
    with settings(max_concurrent_users=1, max_channels_per_client=2):
        asyncio.run(run())


def wait_for_empty(stage: Stage) -> None:
    for _ in range(100):
        if stage.admin("GET", "")["users"] == 0:
            return
        time.sleep(0.05)
    raise AssertionError("sockets of another test are still there")


@pytest.mark.slow
def test_too_many_joins_close_the_socket(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as fresh:
            for _ in range(90):
                await one.join(topic())
            reason = ""
            for _ in range(120):
                await asyncio.sleep(0.1)
                ref = await fresh.push(topic(), "phx_join", {})
                answer = (await fresh.reply(ref)).payload
                if answer["status"] == "error":
                    reason = answer["response"]["reason"]
                    break
            assert reason == "ClientJoinRateLimitReached: Too many joins per second"
            assert await fresh.closed() == 1001
            with pytest.raises(websockets.InvalidStatus) as caught:
                async with wire(stage.sandbox):
                    pass
            assert caught.value.response.body == b'{"error":"Too many joins per second"}'

    with settings(max_joins_per_second=1, max_channels_per_client=1000):
        asyncio.run(run())


def ended(one: Wire) -> bool:
    return any(isinstance(kept, Heard) and kept.event == "phx_close" for kept in one.kept)


@pytest.mark.slow
def test_too_many_messages_shut_the_receivers(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as sender, wire(stage.sandbox) as receiver:
            name = topic()
            mine, theirs = await sender.join(name), await receiver.join(name)
            said: Any = {"type": "broadcast", "event": "x", "payload": {}}
            end = time.monotonic() + 20
            while time.monotonic() < end and not ended(receiver):
                for _ in range(20):
                    await sender.push(name, "broadcast", said, mine)
                try:
                    while True:
                        receiver.kept.append(await receiver.hear(0.1))
                except TimeoutError:
                    pass
            notice = await receiver.event("system")
            assert notice.payload["message"] == "Too many messages per second"
            assert (await receiver.event("phx_close")).ref == theirs
            body = {"messages": [{"topic": short(name), "event": "x", "payload": {}}]}
            reply = await asyncio.to_thread(
                stage.ann.client.post, "/realtime/v1/api/broadcast", json=body, headers=stage.ann.headers
            )
            assert (reply.status_code, reply.json()) == (429, {"message": "You have exceeded your rate limit"})

    with settings(max_events_per_second=2):
        asyncio.run(run())
    time.sleep(0.1)


# --- broadcast


def test_broadcasts_between_the_serializers(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox, V1) as old, wire(stage.sandbox) as new, wire(stage.sandbox) as sender:
            name = topic("t1")
            old_ref = await old.join(name)
            await new.join(name)
            ref = await sender.join(name, broadcast={"ack": True, "self": False})
            data = b'{"isTyping":true}'
            await sender.socket.send(kind_3(ref, "77", name, "typing", data))
            assert (await sender.reply("77")).payload == {"response": {}, "status": "ok"}
            assert await new.hear() == bytes((4, len(name), 6, 0, 1)) + name.encode() + b"typing" + data
            heard = await old.event("broadcast")
            assert heard.payload == {"type": "broadcast", "event": "typing", "payload": {"isTyping": True}}
            assert heard.ref is None

            await sender.socket.send(kind_3(ref, "78", name, "bin", b"\x01\x02", encoding=0))
            assert await new.hear() == bytes((4, len(name), 3, 0, 0)) + name.encode() + b"bin\x01\x02"
            await old.silence(0.15)

            said = {"type": "broadcast", "event": "typing", "payload": {"by": "old"}}
            await old.push(name, "broadcast", said, old_ref)
            for listener in (new, sender):
                text = await listener.event("broadcast")
                assert (text.payload, text.join_ref, text.ref) == (said, None, None)
            await old.silence(0.15)  # neither its own message nor an ack

    asyncio.run(run())


def test_self_and_payload_limits(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as mute:
            name = topic()
            ref = await one.join(name, broadcast={"ack": True, "self": "true"})
            quiet = await mute.join(name)
            large = {"type": "broadcast", "event": "x", "payload": {"t": "x" * 1_600}}
            small = {"type": "broadcast", "event": "x", "payload": {"t": "x" * 1_400}}
            answer = await one.reply(await one.push(name, "broadcast", large, ref))
            assert answer.payload == {"response": "payload_size_exceeded", "status": "error"}
            await mute.push(name, "broadcast", large, quiet)
            answer = await one.reply(await one.push(name, "broadcast", small, ref))
            assert answer.payload["status"] == "ok"
            assert (await one.event("broadcast")).payload == small
            assert (await mute.event("broadcast")).payload == small
            await mute.silence(0.1)

    with settings(max_payload_size_in_kb=1):
        asyncio.run(run())


def test_broadcasts_over_http(stage: Stage) -> None:
    key = stage.sandbox.discovery["anon_key"]

    def post(path: str, content: bytes, kind: str = "application/json") -> httpx.Response:
        headers = {"apikey": key, "content-type": kind}
        return stage.eve.client.post(f"/realtime/v1/api/broadcast{path}", content=content, headers=headers)

    async def run() -> None:
        async with wire(stage.sandbox, V1) as old, wire(stage.sandbox) as new:
            name = topic("typing:conversation")
            await old.join(name)
            await new.join(name)
            message = {"topic": short(name), "event": "typing", "payload": {"n": 1}, "private": False}
            batch = [message, {**message, "private": True}, {**message, "id": "i1"}]
            reply = await asyncio.to_thread(post, f"?apikey={key}&vsn=2.0.0", orjson.dumps({"messages": batch}))
            assert (reply.status_code, reply.content) == (202, b"")
            assert {"x-rate-rolling", "x-rate-limit", "x-rate-limit-remaining"} <= set(reply.headers)
            for listener in (old, new):
                first, second = await listener.event("broadcast"), await listener.event("broadcast")
                assert first.payload == {"type": "broadcast", "event": "typing", "payload": {"n": 1}}
                assert second.payload["meta"] == {"id": "i1"}

            single = f"/{quote(short(name), safe='')}/events/typing"
            assert (await asyncio.to_thread(post, single, b'{"n":2}')).status_code == 202
            assert await new.hear() == bytes((4, len(name), 6, 0, 1)) + name.encode() + b'typing{"n":2}'
            assert (await old.event("broadcast")).payload["payload"] == {"n": 2}
            assert (await asyncio.to_thread(post, single, b"\x01", "application/octet-stream")).status_code == 202
            assert await new.hear() == bytes((4, len(name), 6, 0, 0)) + name.encode() + b"typing\x01"
            refused = await asyncio.to_thread(post, single, b"x", "text/plain")
            assert refused.status_code == 415
            assert refused.json() == {
                "error": "Unsupported Media Type. Use application/json or application/octet-stream"
            }
            assert (await asyncio.to_thread(post, single + "?private=true", b"{}")).status_code == 202
            await old.silence(0.15)
            assert new.kept == []

    asyncio.run(run())


# --- presence


def test_presence_from_join_to_the_end_of_the_socket(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as watcher:
            name = topic("presence")
            ref = await watcher.join(name, presence={"enabled": True, "key": "w"})
            state = await watcher.event("presence_state")
            assert (state.payload, state.join_ref) == ({}, ref)
            async with wire(stage.sandbox, V1) as one:
                mine = await one.join(name, presence={"key": "a1"})

                async def track(payload: Any) -> Any:
                    said = {"type": "presence", "event": "TRACK", "payload": payload}
                    return (await one.reply(await one.push(name, "presence", said, mine))).payload

                assert await track("no map") == {"response": "Presence track payload must be a map", "status": "error"}
                assert await track({"status": "online"}) == {"response": {}, "status": "ok"}
                (came,) = (await watcher.event("presence_diff")).payload["joins"]["a1"]["metas"]
                assert came["status"] == "online"
                assert (await track({"status": "online"}))["status"] == "ok"
                await track({"status": "away"})
                diff = await watcher.event("presence_diff")
                assert diff.payload["leaves"]["a1"]["metas"] == [came]
                (new,) = diff.payload["joins"]["a1"]["metas"]
                assert new["phx_ref_prev"] == came["phx_ref"]
                assert (diff.join_ref, diff.ref) == (None, None)
                async with wire(stage.sandbox) as late:
                    await late.join(name, presence={"enabled": True, "key": "late"})
                    assert (await late.event("presence_state")).payload == {"a1": {"metas": [new]}}
                assert await track({"status": "last"}) == {"response": {}, "status": "ok"}
                await watcher.event("presence_diff")
                await one.push(name, "presence", {"type": "presence", "event": "untrack"}, mine)
                notice = await one.event("system")  # the sixth call within the window
                assert notice.payload["message"] == "Client presence rate limit exceeded"
                assert (await one.event("phx_close")).ref == mine
            assert (await watcher.event("presence_diff")).payload["leaves"]["a1"]["metas"][0]["status"] == "last"
            async with wire(stage.sandbox) as gone:
                theirs = await gone.join(name, presence={"key": "g"})
                await gone.push(name, "presence", {"type": "presence", "event": "track", "payload": {}}, theirs)
                assert "g" in (await watcher.event("presence_diff")).payload["joins"]
                gone.socket.transport.abort()
                assert "g" in (await watcher.event("presence_diff")).payload["leaves"]

    asyncio.run(run())


# --- tokens


def test_a_channel_ends_with_its_token(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            name, other = topic("expiry"), topic()
            ref = await one.join(name, stage.minted(stage.ann, 1))
            await one.join(other)
            notice = await one.event("system")
            assert notice.payload == {
                "channel": short(name),
                "extension": "system",
                "message": "Token has expired 0 seconds ago",
                "status": "error",
            }
            close = await one.event("phx_close")
            assert (close.topic, close.ref, close.join_ref) == (name, ref, ref)
            assert (await one.reply(await one.push("phoenix", "heartbeat", {}))).payload["status"] == "ok"

    asyncio.run(run())


def test_a_bad_refresh_closes_and_a_good_one_keeps(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            name = topic()
            ref = await one.join(name, stage.minted(stage.ann, 2))
            await one.push(name, "access_token", {"access_token": stage.minted(stage.ann, 600)}, ref)
            await one.silence(2.7)
            await one.push(name, "access_token", {"access_token": "nonsense"}, ref)
            assert (await one.event("system")).payload["message"] == "The token provided is not a valid JWT"
            assert (await one.event("phx_close")).ref == ref

    asyncio.run(run())


# --- closes and switches


def test_silent_sockets_and_sockets_without_channels_end(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as silent, wire(stage.sandbox) as lonely:
            await silent.join(topic())

            async def talk() -> None:
                while True:
                    await asyncio.sleep(0.2)
                    await lonely.push("phoenix", "heartbeat", {})

            talking = asyncio.ensure_future(talk())
            assert await silent.closed() == 1000
            assert await lonely.closed() == 1006
            talking.cancel()

    with settings(idle_ms=600, no_channel_ms=1_500):
        asyncio.run(run())


def test_draining_says_so_and_closes_with_1012(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox, V1) as two:
            names = [topic(), topic()]
            await one.join(names[0])
            await two.join(names[1])
            await command(stage, "drain")
            for each, name in zip((one, two), names, strict=True):
                notice = await each.event("system")
                said = {"extension": "system", "status": "ok", "message": "Server requested disconnect"}
                assert (notice.topic, notice.payload, notice.join_ref) == (name, said, None)
                assert await each.closed() == 1012

    asyncio.run(run())


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011])
def test_sockets_are_closed_on_command(stage: Stage, code: int) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as bystander:
            name = topic()
            await one.join(name)
            await bystander.join(topic())
            assert await command(stage, "close", topic=short(name), code=code) == {"done": 1}
            assert await one.closed() == code
            await bystander.silence(0.1)

    asyncio.run(run())


def test_crashes_and_shutdowns_on_command(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            name = topic()
            ref = await one.join(name)
            await command(stage, "crash", topic=short(name))
            crash = await one.event("phx_error")
            assert (crash.payload, crash.ref, crash.join_ref) == ({}, ref, ref)
            ref = await one.join(name)
            await command(stage, "shutdown", topic=short(name), message="Node request timeout")
            assert (await one.event("system")).payload["message"] == "Node request timeout"
            assert (await one.event("phx_close")).ref == ref

    asyncio.run(run())


def test_heartbeats_are_swallowed_and_joins_delayed(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one:
            name = topic()
            await asyncio.to_thread(faults, "realtime_join_delay_ms", 300, topic=short(name))
            begun = time.monotonic()
            await one.join(name)
            assert time.monotonic() - begun > 0.28
            listed = await asyncio.to_thread(stage.admin, "GET", "/sockets")
            (me,) = [row for row in listed if name in row["topics"]]
            await asyncio.to_thread(faults, "realtime_swallow_heartbeats", socket=me["socket"], seconds=0.3)
            await one.push("phoenix", "heartbeat", {})
            await one.silence(0.35)
            assert (await one.reply(await one.push("phoenix", "heartbeat", {}))).payload["status"] == "ok"

    asyncio.run(run())


def test_a_frozen_socket_goes_on_afterwards(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as other:
            name = topic()
            await one.join(name, stage.token(stage.ann))
            ref = await other.join(name)
            await asyncio.to_thread(faults, "realtime_freeze", person=stage.ann.id, seconds=0.6)
            heartbeat = await one.push("phoenix", "heartbeat", {})
            said = {"type": "broadcast", "event": "x", "payload": {}}
            await other.push(name, "broadcast", said, ref)
            await one.silence(0.4)
            assert (await one.reply(heartbeat)).payload["status"] == "ok"
            assert (await one.event("broadcast")).payload == said

    asyncio.run(run())


def test_what_comes_right_after_a_freeze_does_not_overtake_what_waited(stage: Stage, faults: Any) -> None:
    """The freeze is over before what waits is let go: messages from the middle of it until well behind it."""

    async def run() -> None:
        async with wire(stage.sandbox) as one, wire(stage.sandbox) as other:
            name = topic()
            await one.join(name, stage.token(stage.ann))
            ref = await other.join(name)
            await asyncio.to_thread(faults, "realtime_freeze", person=stage.ann.id, seconds=0.5)
            for number in range(20):
                await other.push(name, "broadcast", {"type": "broadcast", "event": "x", "payload": {"n": number}}, ref)
                await asyncio.sleep(0.07)
            heard = [(await one.event("broadcast")).payload["payload"]["n"] for _ in range(20)]
            assert heard == list(range(20))

    asyncio.run(run())


def test_upgrades_are_refused_for_a_time(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        await asyncio.to_thread(faults, "realtime_refuse_status", 503, seconds=0.5)
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with wire(stage.sandbox):
                pass
        assert caught.value.response.status_code == 503
        await asyncio.sleep(0.5)
        async with wire(stage.sandbox) as one:
            await one.join(topic())

    asyncio.run(run())


@pytest.mark.slow
def test_a_client_that_never_reads_is_cut_off(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as slow, wire(stage.sandbox) as sender:
            name = topic()
            await slow.join(name)
            slow.socket.transport.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            slow.socket.transport.pause_reading()
            ref = await sender.join(name)
            said: Any = {"type": "broadcast", "event": "x", "payload": {"t": "x" * 2_000_000}}
            before = (await asyncio.to_thread(stage.admin, "GET", ""))["killed"]
            for _ in range(30):
                await sender.push(name, "broadcast", said, ref)
                await asyncio.sleep(0.05)
                if (await asyncio.to_thread(stage.admin, "GET", ""))["killed"] > before:
                    return
            raise AssertionError("it was kept")

    with settings(max_buffer_bytes=1_000_000):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/faults", {"name": "realtime_x"}, "there is no Realtime fault 'realtime_x'"),
        ("POST", "/faults", {"name": "realtime_freeze", "seconds": -1}, "seconds is a number from 0"),
        ("POST", "/faults", {"name": "realtime_freeze", "socket": "1"}, "socket is the number"),
        ("POST", "/commands", {"do": "dance"}, "cannot do 'dance'; can do: drain"),
        ("PATCH", "/settings", {"batch": "many"}, "takes a whole number"),
        ("PATCH", "/settings", [], "the body is a JSON object"),
    ],
)
def test_wrong_commands_say_what_would_be_right(stage: Stage, method: str, path: str, body: Any, message: str) -> None:
    reply = stage.eve.client.request(method, ADMIN + path, json=body)
    assert reply.status_code == 400
    assert message in reply.json()["message"]
    assert stage.admin("GET", "")["settings"] == SETTINGS.as_dict()
