"""The recording proxy: what passes it unchanged, and what it writes down."""

from __future__ import annotations

import asyncio
from time import monotonic

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from harness.trace.model import TracedFrame, TracedRequest, TracedSocket
from harness.trace.replay import SkippedClock
from harness.trace.tap import RecordingProxy, unmasked
from tests.client.stage import Heard, Scripted

PATH = "/rest/v1/lists?select=id&user_id=eq.0f8fad5b-d9cb-469f-a165-70867728950e"


async def asked(url: str) -> RecordingProxy:
    proxy = RecordingProxy(url)
    await proxy.start()
    async with httpx.AsyncClient(base_url=proxy.url) as client:
        await client.get(PATH, headers={"accept": "application/json"})
        await client.post("/rest/v1/lists", json={"name": "Ada", "limit": 6})
        await client.patch("/rest/v1/follows?select=id")
        await client.options(PATH, headers={"access-control-request-method": "GET"})
        await client.get("/assets/app.js")
    await proxy.stop()
    return proxy


def test_requests_reach_the_server_as_they_were_sent_and_are_written_down_clean() -> None:
    begin = monotonic()
    with Scripted(lambda heard: (206, [1], {"content-range": "0-0/1"})).serving() as server:
        proxy = asyncio.run(asked(server.url))
        heard: list[Heard] = server.heard
    assert [(one.method, one.endpoint) for one in heard] == [
        ("GET", "/rest/v1/lists"),
        ("POST", "/rest/v1/lists"),
        ("PATCH", "/rest/v1/follows"),
        ("OPTIONS", "/rest/v1/lists"),
        ("GET", "/assets/app.js"),
    ]
    assert heard[0].path == PATH
    assert heard[0].headers["host"] == server.url.removeprefix("http://")
    assert heard[1].body == {"name": "Ada", "limit": 6}
    noted = [one.event for one in proxy.events(begin, monotonic())]
    assert [one.method for one in noted if isinstance(one, TracedRequest)] == ["GET", "POST", "PATCH", "OPTIONS"]
    get, post = noted[0], noted[1]
    assert isinstance(get, TracedRequest)
    assert isinstance(post, TracedRequest)
    assert (get.status, get.headers["accept"], dict(get.query)["user_id"]) == (206, "application/json", "eq.id-0001")
    assert get.seconds is not None
    assert post.body == {"name": "<text-0001>", "limit": 6}


def test_frames_pass_and_what_the_client_sends_is_written_down() -> None:
    frame = '{"topic":"realtime:room","event":"phx_join","payload":{"config":{}},"ref":"1"}'
    got: list[str | bytes] = []

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            got.append(message)
            await socket.send(message)

    async def talk() -> RecordingProxy:
        async with serve(echo, "127.0.0.1", 0) as server:
            proxy = RecordingProxy(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
            await proxy.start()
            address = proxy.url.replace("http", "ws") + "/realtime/v1/websocket?apikey=k"
            async with connect(address, proxy=None) as socket:
                await socket.send(frame)
                assert await socket.recv() == frame
                await socket.send("no JSON")
                assert await socket.recv() == "no JSON"
            await asyncio.sleep(0.05)
            await proxy.stop()
            return proxy

    begin = monotonic()
    proxy = asyncio.run(talk())
    assert got == [frame, "no JSON"]
    noted = [one.event for one in proxy.events(begin, monotonic())]
    assert [one.change for one in noted if isinstance(one, TracedSocket)] == ["open", "closed by client"]
    assert [(one.topic, one.event) for one in noted if isinstance(one, TracedFrame)] == [("realtime:room", "phx_join")]


@pytest.mark.parametrize("size", [0, 1, 5, 125, 126, 70_000])
def test_a_frame_of_a_client_is_unmasked(size: int) -> None:
    data, mask = bytes(n % 251 for n in range(size)), b"\x01\x7f\xff\x00"
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
    if size < 126:
        head = bytes([0x81, 0x80 | size])
    elif size < 1 << 16:
        head = bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x81, 0x80 | 127]) + size.to_bytes(8, "big")
    assert unmasked(head + mask + masked) == data


def test_times_between_flows_are_skipped_and_never_turned_back() -> None:
    clock = SkippedClock()
    clock.begin(1000.0)
    before = clock.now()
    clock.begin(1060.0)
    assert clock.now() - before == pytest.approx(60.0, abs=0.5)
    clock.begin(None)
    here = clock.now()
    clock.begin(900.0)  # the file is not in the order of time
    assert clock.now() - here == pytest.approx(0.0, abs=0.5)
