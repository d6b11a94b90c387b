"""Faults end by themselves, and nobody stays in a black hole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from chaos.client import ClientError, Toxiproxy
from chaos.proxy.bodies import ProxyBody
from chaos.proxy.journal import JournalCause
from tests.chaos.process import Running, clean_after, proxy_process
from tests.chaos.rig import is_silent, on_loop, proxied, round_trip


def test_a_lease_that_nobody_renews_ends_its_fault_and_frees_what_it_held() -> None:
    async def main() -> None:
        async with proxied() as rig:
            await rig.toxic("bandwidth", rate=0, lease_s=0.3)
            reader, writer = await rig.connect()
            began = time.monotonic()
            assert await round_trip(reader, writer) > 0.2
            assert time.monotonic() - began < 2
            assert rig.proxy.toxics == []
            assert rig.collection.journal.since()[-1].why is JournalCause.LEASE

    on_loop(main())


def test_a_heartbeat_renews_its_holders_leases_only() -> None:
    async def main() -> None:
        async with proxied() as rig:
            await rig.toxic("noop", name="mine", lease_s=0.4, holder="me")
            await rig.toxic("noop", name="theirs", lease_s=0.4, holder="them")
            await rig.toxic("noop", name="for ever")
            for _ in range(7):
                await asyncio.sleep(0.1)
                assert rig.collection.leases.renew("me") == 1
            assert [toxic.name for toxic in rig.proxy.toxics] == ["mine", "for ever"]

    on_loop(main())


def test_every_fault_without_a_lease_gets_the_proxys() -> None:
    async def main() -> None:
        async with proxied(lease_s=0.2) as rig:
            await rig.toxic("noop")
            await asyncio.sleep(0.5)
            assert rig.proxy.toxics == []

    on_loop(main())


def test_a_proxy_that_is_down_comes_up_by_itself() -> None:
    async def main() -> None:
        async with proxied() as rig:
            await rig.collection.update("target", ProxyBody.of({"enabled": False, "lease_s": 0.2}))
            with pytest.raises(ConnectionRefusedError):
                await rig.connect()
            await asyncio.sleep(0.5)
            await round_trip(*await rig.connect())

    on_loop(main())


HOLES: tuple[tuple[str, dict[str, int]], ...] = (
    ("bandwidth", {"rate": 0}),
    ("timeout", {"timeout": 0}),
    ("half_open", {}),
    ("latency", {"latency": 10**7}),
)


@pytest.mark.parametrize(("kind", "attributes"), HOLES, ids=str)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_hole_that_ends_frees_everyone(kind: str, attributes: dict[str, int], stream: str) -> None:
    """Each connection works again or is closed; none is left waiting."""

    async def main() -> None:
        async with proxied() as rig:
            links = [await rig.connect() for _ in range(10)]
            for link in links[:5]:
                await round_trip(*link)
            await rig.toxic(kind, stream=stream, **attributes)
            for _, writer in links[3:]:
                writer.write(b"x")
            assert await is_silent(links[9][0], 0.1)
            await rig.collection.clear(JournalCause.CLEAR)
            for number, (reader, writer) in enumerate(links):
                with contextlib.suppress(ConnectionError):
                    if number >= 3:
                        assert await asyncio.wait_for(reader.read(1), 2) in (b"", b"x")
                    else:
                        assert await round_trip(reader, writer) < 2

    on_loop(main())


# ---- processes that die ---------------------------------------------------------------------------------------


CONTROLLER = """
import sys, time
from chaos.client import Toxiproxy
with Toxiproxy(sys.argv[1], holder="run") as server:
    for number, (kind, attributes) in enumerate((
        ("timeout", {"timeout": 0}), ("bandwidth", {"rate": 0}), ("half_open", {}), ("http_status", {}),
    )):
        server.add_toxic("target", kind, attributes, name=f"t{number}", toxicity=0.6, lease_s=1.5)
    print("set", flush=True)
    while True:
        server.heartbeat()
        time.sleep(0.2)
"""


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server of its own that echoes."""
    program = (
        "import asyncio\n"
        "async def echo(r, w):\n"
        "    while data := await r.read(65536):\n"
        "        w.write(data)\n"
        "    w.close()\n"
        "async def main():\n"
        "    s = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
        "    print(s.sockets[0].getsockname()[1], flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def start_controller(running: Running) -> subprocess.Popen[str]:
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, running.api], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert controller.stdout is not None
    assert controller.stdout.readline() == "set\n"
    return controller


def test_kill_9_of_the_controller_leaves_a_clean_proxy_within_five_seconds(echo_port: int) -> None:
    with proxy_process("--upstream", f"127.0.0.1:{echo_port}") as running:
        controller = start_controller(running)
        try:
            time.sleep(2)  # longer than the leases: heartbeats keep them
            with Toxiproxy(running.api) as server:
                assert len(server.proxy("target").toxics) == 4
            host, port = running.proxies["target"].split(":")
            held = [socket.create_connection((host, int(port)), 5) for _ in range(8)]
            for connection in held:
                connection.sendall(b"x")
        finally:
            os.kill(controller.pid, signal.SIGKILL)
            controller.wait(10)
            assert controller.stdout is not None
            controller.stdout.close()
        assert clean_after(running.api, 5) < 5
        for connection in held:
            connection.settimeout(3)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(1) in (b"", b"x")
            connection.close()


def test_the_client_speaks_with_our_proxy(echo_port: int) -> None:
    with proxy_process() as running, Toxiproxy(running.api, holder="me") as server:
        made = server.create("a b", f"127.0.0.1:{echo_port}")
        assert made == server.proxy("a b") == server.proxies()["a b"]
        toxic = server.add_toxic("a b", "latency", {"latency": 5}, toxicity=0.5, lease_s=60)
        assert server.update_toxic("a b", toxic.name, {"jitter": 2}, toxicity=1).attributes == {
            "latency": 5,
            "jitter": 2,
        }
        assert server.heartbeat() == 1
        assert [entry.event for entry in server.journal()] == ["started", "changed"]
        assert "ws_drop" in server.types()
        assert server.update("a b", enabled=False, lease_s=60).enabled is False
        assert server.clear() == 2
        server.add_toxic("a b", "noop")
        server.remove_toxic("a b", "noop_downstream")
        server.reset()
        server.delete("a b")
        with pytest.raises(ClientError, match="proxy not found"):
            server.proxy("a b")
        assert "harness" in server.version()


def test_a_client_without_a_server_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Toxiproxy(f"http://127.0.0.1:{port}") as server, pytest.raises(ClientError, match="harness chaos proxy"):
        server.version()
