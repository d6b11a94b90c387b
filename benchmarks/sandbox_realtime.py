"""What the sandbox's Realtime costs: idle sockets, fan-out of broadcasts, and delivery of a message insert.

    python benchmarks/sandbox_realtime.py [--sockets 1000] [--receivers 200] [--messages 40]

The sandbox runs in a process of its own with limits out of the way and every delay as shipped. Measured: resident
memory and CPU of that process for idle sockets with one channel each and a heartbeat per 25 s; the CPU of one broadcast
per receiver; the time from the insert's request to its frame at a subscriber, when the feed is idle and when messages
follow one another. Prints a table; judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from typing import Any

import httpx
import orjson
import psutil
import websockets

LIMITS = ("max_concurrent_users", "max_joins_per_second", "max_events_per_second", "max_presence_events_per_second")


class Server:
    """The sandbox's process, and what it used so far."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "sandbox.server", "--people=20", "--catalogue=60", "--with-parent"]
        command += [f"--realtime={name}=0" for name in LIMITS]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            self.url + "/.well-known/movinesta-sandbox"
        ) as reply:
            self.known = json.loads(reply.read())
        self._self = psutil.Process(self.process.pid)

    def cpu_s(self) -> float:
        times = self._self.cpu_times()
        return float(times.user + times.system)

    def rss_kib(self) -> float:
        return float(self._self.memory_info().rss / 1024)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Person:
    """Signed in; sends messages in their first conversation."""

    def __init__(self, server: Server, index: int) -> None:
        people = server.known["people"]
        self.http = httpx.AsyncClient(
            trust_env=False, base_url=server.url, headers={"apikey": server.known["anon_key"]}, timeout=20
        )
        body = {"email": people["email_pattern"].format(index=index), "password": people["password"]}
        reply = httpx.post(
            f"{server.url}/auth/v1/token?grant_type=password",
            json=body,
            headers={"apikey": server.known["anon_key"]},
            trust_env=False,
        ).json()
        self.id, self.token = reply["user"]["id"], reply["access_token"]
        self.http.headers["authorization"] = f"Bearer {self.token}"

    async def conversation(self) -> str:
        path = f"/rest/v1/conversation_participants?select=conversation_id&user_id=eq.{self.id}&limit=1"
        return str((await self.http.get(path)).json()[0]["conversation_id"])

    async def send(self, conversation: str) -> None:
        body = {"type": "text", "text": "hello", "clientId": str(uuid.uuid4())}
        row = {"conversation_id": conversation, "user_id": self.id, "sender_id": self.id, "body": body, "meta": body}
        row |= {"message_type": "text", "text": "hello", "client_id": body["clientId"]}
        reply = await self.http.post("/rest/v1/messages", json=row, headers={"prefer": "return=minimal"})
        assert reply.status_code == 201, reply.text


async def connect(server: Server) -> Any:
    address = f"{server.url.replace('http', 'ws', 1)}/realtime/v1/websocket?apikey={server.known['anon_key']}&vsn=2.0.0"
    return await websockets.connect(address, compression=None, ping_interval=None, max_queue=None)


async def join(socket: Any, topic: str, payload: dict[str, Any], notice: bool = False) -> None:
    await socket.send(orjson.dumps(["1", "1", topic, "phx_join", payload]).decode())
    while True:
        heard = orjson.loads(await asyncio.wait_for(socket.recv(), 15))
        if heard[3] == ("system" if notice else "phx_reply"):
            return


async def idle(server: Server, count: int, seconds: float) -> list[Any]:
    memory, cpu = server.rss_kib(), server.cpu_s()
    sockets: list[Any] = []
    for start in range(0, count, 50):
        sockets += await asyncio.gather(*(connect(server) for _ in range(min(50, count - start))))
    await asyncio.gather(*(join(socket, f"realtime:idle-{n}", {}) for n, socket in enumerate(sockets)))
    joined = server.cpu_s() - cpu
    print(f"{count} sockets joined: {joined / count * 1e6:.0f} us of CPU each (upgrade and join)")
    print(f"memory: {(server.rss_kib() - memory) / count:.1f} KiB a socket")
    cpu, begun = server.cpu_s(), time.monotonic()
    while time.monotonic() - begun < seconds:
        for socket in sockets[: max(1, count // 25)]:  # a second's share of heartbeats 25 s apart
            await socket.send('[null,"2","phoenix","heartbeat",{}]')
        await asyncio.sleep(1)
    took = time.monotonic() - begun
    print(f"idle with heartbeats: {(server.cpu_s() - cpu) / took * 100:.2f} % of a core")
    return sockets


async def fan_out(server: Server, sockets: list[Any], messages: int) -> None:
    topic = "realtime:fan"
    await asyncio.gather(*(join(socket, topic, {"config": {"broadcast": {"self": True}}}) for socket in sockets))
    said = orjson.dumps(
        ["1", "3", topic, "broadcast", {"type": "broadcast", "event": "e", "payload": {"t": "x" * 500}}]
    )

    async def hear(socket: Any) -> None:
        for _ in range(messages):
            while orjson.loads(await asyncio.wait_for(socket.recv(), 30))[3] != "broadcast":
                pass

    cpu = server.cpu_s()
    listening = [asyncio.ensure_future(hear(socket)) for socket in sockets]
    for _ in range(messages):
        await sockets[0].send(said.decode())
        await asyncio.sleep(0.05)
    await asyncio.gather(*listening)
    each = (server.cpu_s() - cpu) / messages / len(sockets) * 1e6
    print(f"broadcast to {len(sockets)} receivers: {each:.1f} us of CPU per delivery")


async def beat(socket: Any) -> None:
    while True:
        await asyncio.sleep(20)
        await socket.send('[null,"9","phoenix","heartbeat",{}]')


async def delivery(server: Server, messages: int) -> None:
    ann = Person(server, 0)
    conversation = await ann.conversation()
    socket = await connect(server)
    binding = {"event": "*", "schema": "public", "table": "messages", "filter": f"conversation_id=eq.{conversation}"}
    await join(
        socket, "realtime:c", {"config": {"postgres_changes": [binding]}, "access_token": ann.token}, notice=True
    )
    beating = asyncio.ensure_future(beat(socket))
    for name, pause in (("idle feed", 0.7), ("one after the other", 0.0)):
        times: list[float] = []
        for _ in range(messages):
            begun = time.perf_counter()
            await ann.send(conversation)
            while orjson.loads(await asyncio.wait_for(socket.recv(), 10))[3] != "postgres_changes":
                pass
            times.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(pause * (0.5 + len(times) % 7 / 7))
        times.sort()
        print(
            f"insert to subscriber, {name}: p50 {statistics.median(times):.0f} ms, "
            f"p95 {times[int(len(times) * 0.95) - 1]:.0f} ms, most {times[-1]:.0f} ms"
        )
    burst = [asyncio.ensure_future(ann.send(conversation)) for _ in range(messages)]
    begun = time.perf_counter()
    for _ in range(messages):
        while orjson.loads(await asyncio.wait_for(socket.recv(), 10))[3] != "postgres_changes":
            pass
    print(f"a burst of {messages} inserts: all heard after {(time.perf_counter() - begun) * 1000:.0f} ms")
    await asyncio.gather(*burst)
    beating.cancel()
    await socket.close()
    await ann.http.aclose()


async def main(arguments: argparse.Namespace) -> None:
    server = Server()
    try:
        sockets = await idle(server, arguments.sockets, arguments.seconds)
        await fan_out(server, sockets[: arguments.receivers], arguments.messages)
        await asyncio.gather(*(socket.close() for socket in sockets))
        await delivery(server, arguments.messages)
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--receivers", type=int, default=200)
    parser.add_argument("--messages", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(main(parser.parse_args()))
