"""Messages that no worker sends, to a master that listens: without its token, as a stranger, as one of its workers.

Mutations are of two kinds: of the bytes on the wire, and of what stands in a good message (a field gone, doubled, of
another type, of another size, of another worker).
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import msgpack
import zmq

from harness.load.aggregator import Report
from harness.load.channel_keys import ChannelKeys, packed, unpacked
from harness.load.master_gate import CLOCK, HELLO, REPORT

LOCUST = version("locust")  # importing it would patch the whole test process
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63 - 1, -(2**63), 1.5, float("nan"), float("inf"), "", "x" * 5000, "\x1b[31m", b"\xff\x00",
    [], [[[]]], {}, {"a": {}}, {1: 2}, {"__datetime__": True, "as_str": "never"}, {"__ObjectId__": True},
)  # fmt: skip
_ENTRY = {
    "name": "x", "method": "GET", "last_request_timestamp": 1.0, "start_time": 1.0, "num_requests": 1,
    "num_none_requests": 0, "num_failures": 0, "total_response_time": 5.0, "max_response_time": 5.0,
    "min_response_time": 5.0, "total_content_length": 0, "response_times": {5: 1}, "num_reqs_per_sec": {1: 1},
    "num_fail_per_sec": {},
}  # fmt: skip


@dataclass
class Fuzz:
    """What was sent, by who sent it."""

    port: int
    token: str
    rng: random.Random
    sent: Counter[str] = field(default_factory=Counter)

    def without_token(self, messages: int) -> None:
        """Plain ZeroMQ, and bytes of no protocol at all."""
        context = zmq.Context()
        try:
            for number in range(messages):
                if number % 5 == 0:
                    self._raw()
                    continue
                dealer = context.socket(zmq.DEALER)
                dealer.setsockopt(zmq.IDENTITY, f"nobody{number}".encode())
                dealer.setsockopt(zmq.LINGER, 0)
                dealer.connect(f"tcp://127.0.0.1:{self.port}")
                dealer.send(packed("client_ready", LOCUST, f"nobody{number}"))
                if number % 20 == 1:  # nobody's wishes are answered
                    assert dealer.poll(200) == 0
                dealer.close()
                self.sent["without the token"] += 1
        finally:
            context.destroy(linger=0)

    def _raw(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as raw:
            raw.settimeout(5)
            greeting = bytes([0xFF, *[0] * 8, 0x7F]) if self.rng.random() < 0.5 else b""
            raw.sendall(greeting + self.rng.randbytes(self.rng.randrange(1, 400)))
        self.sent["without the token"] += 1

    def as_stranger(self, messages: int) -> None:
        """Somebody who has the token and is no worker of the run."""
        peer = Peer(self.port, self.token, "a-stranger")
        try:
            for _ in range(messages):
                kind, data = self.rng.choice(_templates("a-stranger", {}))
                while kind in ("client_ready", HELLO):
                    kind, data = self.rng.choice(_templates("a-stranger", {}))
                peer.send_bytes(self._mutated(kind, data, "a-stranger"))
                self.sent["as a stranger"] += 1
            peer.settle()
        finally:
            peer.close()

    def as_worker(self, peer: Peer, order: dict[str, Any], messages: int) -> None:
        """One of the run's workers, gone mad."""
        for _ in range(messages):
            kind, data = self.rng.choice(_templates(peer.name, order))
            peer.send_bytes(self._mutated(kind, data, peer.name))
            self.sent["as a worker"] += 1
        report = next(data for kind, data in _templates(peer.name, order) if kind == REPORT)
        for _ in range(20):  # a good one, and then again and again
            peer.send_bytes(packed(REPORT, report, peer.name))
            self.sent["a report repeated"] += 1
        peer.settle()

    def _mutated(self, kind: str, data: Any, name: str) -> bytes:
        if self.rng.random() < 0.35:
            return self._damaged(packed(kind, data, name))
        whole = [kind, msgpack.unpackb(msgpack.packb(data), strict_map_key=False), name]
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            whole = _changed(whole, self.rng)
        return bytes(msgpack.packb(whole))

    def _damaged(self, data: bytes) -> bytes:
        rng, bytes_ = self.rng, bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(bytes_))
            match rng.randrange(4):
                case 0:
                    bytes_[at] ^= 1 << rng.randrange(8)
                case 1:
                    del bytes_[at:]
                case 2:
                    bytes_[at:at] = rng.randbytes(rng.randrange(1, 9))
                case _:
                    del bytes_[at : at + rng.randrange(1, 9)]
            bytes_ = bytes_ or bytearray(b"\xc1")
        return bytes(bytes_)


class Peer:
    """Somebody with the token."""

    def __init__(self, port: int, token: str, name: str) -> None:
        self.name = name
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        ChannelKeys(token).connect(self._socket)
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def say(self, kind: str, data: Any) -> None:
        """A good message."""
        self._socket.send(packed(kind, data, self.name))

    def send_bytes(self, data: bytes) -> None:
        """Whatever."""
        self._socket.send(data)

    def await_kind(self, kind: str, limit_s: float, meanwhile: Callable[[], None] = lambda: None) -> Any:
        """What the next message of that kind holds."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            meanwhile()
            if self._socket.poll(500):
                found, data, _ = unpacked(self._socket.recv())
                if found == kind:
                    return data
        raise AssertionError(f"no {kind} within {limit_s} s")

    def settle(self, limit_s: float = 60.0) -> None:
        """Until the master has taken everything sent before: it answers in order."""
        while self._socket.poll(0):
            self._socket.recv()
        self.say(HELLO, None)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self._socket.poll(500) and unpacked(self._socket.recv())[0] in ("harness_welcome", "harness_dismissal"):
                return
        raise AssertionError("the master does not answer any more")

    def close(self) -> None:
        """Gone, without a word."""
        self._context.destroy(linger=0)


def order_of(spawn: dict[str, Any], name: str) -> dict[str, Any]:
    """What a worker learns from the spawn message: the run's digest and its own number."""
    options = spawn["parsed_options"]
    digest = hashlib.sha256(options["harness_order"].encode()).hexdigest()
    return {"run": digest, "worker": json.loads(options["harness_workers"]).index(name)}


def _templates(name: str, order: dict[str, Any]) -> list[tuple[str, Any]]:
    """Good messages of every kind but those that end a run."""
    report = Report(order.get("worker", 0), 1, [], 0, 0, 5, 0, host="vm", pid=1)
    users = {"user_classes_count": {"Swiper": 1}, "user_count": 1}
    return [
        ("client_ready", LOCUST),
        ("heartbeat", {"state": "running", "current_cpu_usage": 1.0, "current_memory_usage": 1}),
        ("stats", {"stats": [_ENTRY], "stats_total": _ENTRY, "errors": {}, **users}),
        ("spawning", None),
        ("spawning_complete", users),
        ("logs", {"worker_id": name, "logs": ["x"]}),
        ("exception", {"msg": "x", "traceback": "y"}),
        ("locustfile", {"version": LOCUST}),
        (CLOCK, 1.5),
        (HELLO, None),
        (REPORT, [order.get("run", "0" * 64), report.pack()]),
        (REPORT, [order.get("run", "0" * 64), report.pack()]),
        (REPORT, [order.get("run", "0" * 64), report.pack()]),
    ]


def _changed(tree: Any, rng: random.Random) -> Any:
    """The same with one thing in it changed, anywhere."""
    if isinstance(tree, dict) and tree and rng.random() < 0.8:
        key = rng.choice(list(tree))
        if rng.random() < 0.2:
            return {name: value for name, value in tree.items() if name != key}
        if rng.random() < 0.1:
            return {**tree, "surplus": rng.choice(ODD)}
        return {**tree, key: _changed(tree[key], rng)}
    if isinstance(tree, list) and tree and rng.random() < 0.9:
        at = rng.randrange(len(tree))
        if rng.random() < 0.1:
            return tree[:at] + tree[at + 1 :]
        return [*tree[:at], _changed(tree[at], rng), *tree[at + 1 :]]
    return rng.choice(ODD)
