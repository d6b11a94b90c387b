"""The run's part: what the conductor tells a proxy, by which clock, and what it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import chaos.faults
from chaos.client import Toxiproxy
from chaos.fault import Layer, find
from chaos.proxy.address import Upstream
from chaos.proxy.upstream_addresses import UpstreamAddresses
from chaos.timeline import ScheduledFault, Timeline
from harness.core.errors import TargetError, UsageError
from harness.core.fault_record import CHAOS, FaultEvent, FaultLine, Why
from harness.core.target_guard import Reach
from harness.egress.gate import Gate
from harness.egress.names import Names
from harness.run.proxy_conductor import ProxyConductor, fronted
from reports.chaos_log import hits, missing, read
from tests.chaos.process import proxy_process
from tests.egress.resolver import Resolver

assert chaos.faults


class Quiet:
    """A watcher that keeps what went wrong."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def stage(self, text: str) -> None:
        return

    def progress(self, facts: Mapping[str, Any]) -> None:
        return

    def problem(self, text: str) -> None:
        self.problems.append(text)


def timeline(start_s: float, end_s: float, fault: str = "http_status", name: str = "outage") -> Timeline:
    return Timeline((ScheduledFault(name, find(fault, Layer.HTTP, Layer.STREAM).parse({}), start_s, end_s),), 1)


def waited(folder: Path, event: FaultEvent, limit_s: float = 10) -> FaultLine:
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        for line in read(folder) if (folder / CHAOS).exists() else ():
            if line.event is event:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no {event} within {limit_s} s")


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_step_of_the_wall_clock_moves_no_fault(tmp_path: Path, step_s: float) -> None:
    """Phones follow the monotonic clock; so does the proxy."""
    epoch, begun = 1_800_000_000.0, time.monotonic()
    stepped = [0.0]

    def wall() -> float:
        return epoch + (time.monotonic() - begun) + stepped[0]

    with proxy_process("--upstream", "127.0.0.1:9") as running, Toxiproxy(running.api, holder="run") as client:
        conductor = ProxyConductor(client, "target", timeline(0.3, 1.3), Quiet(), wall=wall)
        conductor.begin(wall(), tmp_path)
        stepped[0] = step_s
        assert waited(tmp_path, FaultEvent.START).at_s == pytest.approx(0.3, abs=0.25)
        assert [toxic.name for toxic in client.proxy("target").toxics] == ["outage"]
        assert waited(tmp_path, FaultEvent.END).at_s == pytest.approx(1.3, abs=0.25)
        conductor.clear()


def test_a_fault_that_nobody_met_is_counted_as_0_and_one_that_was_refused_is_said(tmp_path: Path) -> None:
    with proxy_process("--upstream", "127.0.0.1:9") as running, Toxiproxy(running.api, holder="run") as client:
        client.add_toxic("target", "noop", name="taken")
        watcher = Quiet()
        taken = timeline(0.1, 0.5, name="taken").entries
        plan = Timeline((*timeline(0.1, 0.5).entries, *taken), 1)
        conductor = ProxyConductor(client, "target", plan, watcher)
        conductor.begin(time.time(), tmp_path)
        waited(tmp_path, FaultEvent.END)
        conductor.clear()
        lines = {name: [line for line in read(tmp_path) if line.entry == name] for name in ("outage", "taken")}
        assert hits(lines["outage"]) == 0
        assert missing(lines["outage"]) == "the fault was not on: it hit nothing"
        assert [line.why for line in lines["taken"]] == [Why.FAILED]
        assert "already exists" in missing(lines["taken"])
        assert watcher.problems


@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1", "localhost"])
def test_a_target_on_ipv6_is_fronted(host: str) -> None:
    with (
        proxy_process() as running,
        fronted(f"http://{host}:18788", timeline(0, 1), running.api, Quiet()) as front,
        Toxiproxy(running.api) as client,
    ):
        (made,) = client.proxies().values()
        assert made.upstream == f"{host}:18788"
        assert front.url == f"http://{made.listen}"


def test_a_target_elsewhere_needs_a_proxy_that_was_started_for_it() -> None:
    far = "http://192.0.2.7:80"
    with (
        proxy_process() as running,
        pytest.raises(UsageError, match=r"--allow-upstream 192\.0\.2\.7"),
        fronted(far, timeline(0, 1), running.api, Quiet()),
    ):
        pass
    with proxy_process("--allow-upstream", "192.0.2.7") as running, fronted(far, timeline(0, 1), running.api, Quiet()):
        pass
    listed = Gate(Reach(frozenset({"192.0.2.7"})))
    with fronted(far, timeline(0, 1), None, Quiet(), gate=listed) as front:  # one of our own
        assert front.url.startswith("http://127.0.0.1:")
    with pytest.raises(TargetError, match="neither loopback nor listed"), fronted(far, timeline(0, 1), None, Quiet()):
        pass
    with pytest.raises(UsageError, match="not the URL"), fronted(far, timeline(0, 1), "http://[::1", Quiet()):
        pass


RUN = """
import sys, time
from tests.chaos import test_conductor as ours
from harness.run import proxy_conductor
proxy_conductor.ENTRY_LEASE_S = 1.5
with proxy_conductor.fronted("http://127.0.0.1:9", ours.timeline(0, 1), sys.argv[1], ours.Quiet()):
    print("fronted", flush=True)
    time.sleep(60)
"""


def test_kill_9_leaves_nothing_on_a_server_that_others_use() -> None:
    with proxy_process() as running, Toxiproxy(running.api) as client:
        process = subprocess.Popen([sys.executable, "-c", RUN, running.api], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "fronted\n"
            time.sleep(2.5)  # longer than the lease: it is kept alive although no fault is on
            assert len(client.proxies()) == 1
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            began = time.monotonic()
            while client.proxies():
                assert time.monotonic() - began < 10
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait(10)
            process.stdout.close()  # type: ignore[union-attr]


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def test_the_proxy_of_a_run_goes_where_the_gate_looked_and_asks_no_resolver() -> None:
    """Whoever answers for the name could send each connection of the proxy somewhere else."""
    name = "target-behind-a-proxy.test"  # no resolver but ours knows it
    asked = Resolver({name: ["127.0.0.1"]})
    gate = Gate(Reach(frozenset({name}), private=frozenset({name})), Names(asked))
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = f"http://{name}:{server.server_port}"
        with fronted(target, timeline(60, 61), None, Quiet(), gate=gate) as front:
            assert [httpx.get(front.url, trust_env=False).text for _ in range(3)] == ["hello"] * 3
        server.shutdown()
    assert asked.asked == [name]


def test_a_pin_is_a_host_and_an_address() -> None:
    for wrong in ("name", "name=", "=127.0.0.1", "name=other"):
        with pytest.raises(AssertionError, match="write HOST=ADDRESS"), proxy_process(f"--pin={wrong}"):
            pass


def test_an_upstream_is_looked_up_once_and_again_when_nothing_answers_there(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "moving.test"

    async def work() -> None:
        loop = asyncio.get_running_loop()
        asked, answers = list[str](), ["127.0.0.1"]

        async def getaddrinfo(host: str, *_: object, **__: object) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 0)) for answer in answers]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        addresses = UpstreamAddresses(Upstream.parse(f"{name}:{port}"))
        for _ in range(3):
            (await addresses.open(loop, asyncio.Protocol, None)).close()
        assert asked == [name]
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await addresses.open(loop, asyncio.Protocol, None)
        moved = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.2", port)
        answers[:] = ["127.0.0.2"]
        (await addresses.open(loop, asyncio.Protocol, None)).close()
        assert asked == [name, name]
        moved.close()

    asyncio.run(work())


def test_connections_go_to_the_addresses_of_an_upstream_by_turns_and_past_those_that_do_not_answer() -> None:
    async def work() -> None:
        loop, met = asyncio.get_running_loop(), list[str]()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.append(writer.get_extra_info("sockname")[0])
            writer.close()

        first = await asyncio.start_server(accepted, "127.0.0.1", 0)
        port = first.sockets[0].getsockname()[1]
        second = await asyncio.start_server(accepted, "127.0.0.2", port)
        pinned = ("::1", "127.0.0.1", "127.0.0.2")  # nobody is at ::1
        addresses = UpstreamAddresses(Upstream.parse(f"name.test:{port}"), pinned)
        for _ in range(5):
            (await addresses.open(loop, asyncio.Protocol, None)).close()
            await asyncio.sleep(0.01)
        assert set(met) == {"127.0.0.1", "127.0.0.2"}
        assert len(met) == 5
        first.close()
        second.close()

    asyncio.run(work())
