"""Thousands of calls of the chaos API against a real proxy process: nothing that a client can send is our own error."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.chaos.process import Running, proxy_process
from tests.fuzz.records import HOSTILE, JUNK
from tests.fuzz.size import LIMIT_S, cases, seed

METHODS = (*("POST",) * 12, *("GET",) * 3, "PATCH", "PATCH", "DELETE", "HEAD", "PUT", "OPTIONS", "BREW")
NAMES = ("target", "a", "b", "no such", "a/b", "..", "%2e%2e", "a b", "\u00e9", "x" * 300, "%00", "a;b", "?", *HOSTILE)
PLACES = (
    "127.0.0.1:0", "[::1]:0", "::1:0", "127.0.0.1:99999", "localhost:9", "", ":", ":0", "[", "http://[::1", "x",
    "https://127.0.0.1", "169.254.169.254:80", "example.com:443", "127.0.0.1:9\r\nx: y", "127.0.0.1:-1", "\x1b[1m:1",
)  # fmt: skip
KINDS = ("latency", "bandwidth", "timeout", "slicer", "limit_data", "reset_peer", "slow_close", "http_status", "noop")
ATTRIBUTES = ("latency", "jitter", "rate", "timeout", "average_size", "bytes", "status", "share", "delay", "x")


def body(dice: random.Random) -> bytes:
    """A proxy, a toxic, a list of proxies or a holder, some of it spoiled; or no JSON at all."""
    proxy: dict[str, Any] = {
        "name": dice.choice(NAMES[:3]),
        "upstream": dice.choice(("127.0.0.1:9", "127.0.0.1:9", *PLACES)),
        "listen": dice.choice((*("127.0.0.1:0",) * 12, *PLACES)),
        "enabled": dice.choice((*(True,) * 20, *JUNK)),
    }
    toxic: dict[str, Any] = {
        "name": dice.choice(("t", "", *NAMES)),
        "type": dice.choice((*KINDS * 5, *JUNK)),
        "stream": dice.choice((*("upstream", "downstream") * 10, *JUNK)),
        "toxicity": dice.choice((*(1, 0.5) * 10, *JUNK)),
        "attributes": {dice.choice(ATTRIBUTES): dice.choice((*(1, 100) * 10, *JUNK)) for _ in range(dice.randrange(4))},
        "lease_s": dice.choice((*(1, 0.1) * 10, *JUNK)),
    }
    found: Any = dice.choice((proxy, proxy, toxic, toxic, [proxy, proxy], {"holder": "x"}, *JUNK))
    while isinstance(found, dict) and found and dice.random() < 0.2:
        found[dice.choice([*found, *HOSTILE])] = dice.choice(JUNK)
    if dice.random() < 0.08:
        depth = dice.choice((10, 1000, 100_000))
        return dice.choice((b"[", b'{"a":')) * depth
    raw = json.dumps(found).encode("utf-8", "surrogatepass")
    if dice.random() < 0.15 and raw:
        spoiled = bytearray(raw)
        for _ in range(3):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        raw = bytes(spoiled[: dice.randrange(len(spoiled) + 1)])
    return raw


def path(dice: random.Random) -> str:
    def name() -> str:
        text = dice.choice(NAMES)
        return (
            text
            if dice.random() < 0.2 and text.isascii() and text.isprintable()
            else quote(text, safe="", errors="replace")
        )

    one = dice.choice(
        (
            "proxies",
            "proxies",
            "populate",
            "reset",
            "clear",
            "heartbeat",
            "journal",
            "types",
            "version",
            "metrics",
            name(),
        )
    )
    one = dice.choice((one, "proxies", "proxies", "populate"))
    parts = [one]
    if one == "proxies" and dice.random() < 0.7:
        parts.append(name() if dice.random() < 0.4 else "target")
        if dice.random() < 0.7:
            parts.append("toxics")
            if dice.random() < 0.5:
                parts.append(name())
    query = dice.choice(("", "", "", "?since=0", "?since=-1", "?since=" + "9" * 5000, "?since=%00", "?since=\u0661"))
    return "/" + "/".join(parts) + (quote(query, safe="?=%") if query else "")


def call(api: httpx.Client, dice: random.Random) -> int:
    headers = {
        "content-type": dice.choice(("application/json", "text/plain", "x" * 200, "application/json; charset=x"))
    }
    if dice.random() < 0.05:
        headers |= {"content-encoding": "gzip"}
    reply = api.request(dice.choice(METHODS), path(dice), content=body(dice), headers=headers)
    text = reply.text
    assert reply.status_code < 500, (reply.request.method, reply.request.url, reply.request.content[:300], text)
    assert "Traceback" not in text
    assert "\x1b" not in text
    assert "html" not in reply.headers.get("content-type", "")
    assert "access-control-allow-origin" not in reply.headers
    return reply.status_code


def raw(place: str, dice: random.Random) -> None:
    """Bytes that are hardly HTTP; whatever is answered, it is no 5xx."""
    host, _, port = place.removeprefix("http://").rpartition(":")
    junk = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 200)))
    begun = b"POST /proxies HTTP/1.1\r\nhost: localhost\r\n"
    tail = dice.choice(
        (
            junk,
            begun + junk,
            begun + b"content-length: -5\r\n\r\n{}",
            begun + b"transfer-encoding: chunked\r\n\r\n-6\r\n",
            begun + b"content-length: 10\r\n\r\n{}",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET " + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        )
    )
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(tail)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        try:
            got = connection.recv(4096)
        except ConnectionError:
            return
    assert not got.startswith(b"HTTP/1.1 5"), (tail[:200], got)
    assert b"Traceback" not in got


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with proxy_process("--upstream", "127.0.0.1:9", "--metrics") as found:
        yield found


def barrage(running: Running, count: int) -> Counter[int]:
    seen: Counter[int] = Counter()
    with httpx.Client(base_url=running.api, timeout=20, trust_env=False) as api:
        for number in range(count):
            dice = random.Random(seed() * 1_000_000 + number)
            if number % 20 == 19:
                raw(running.api, dice)
                seen[0] += 1
            else:
                seen[call(api, dice)] += 1
            if number % 200 == 199:
                for name in api.get("/proxies").json():
                    if name != "target":
                        api.delete(f"/proxies/{quote(name, safe='')}")
        assert api.get("/version").status_code == 200
        assert {*api.get("/proxies").json()} <= {"target", *map(str, NAMES), *map(str, HOSTILE)}
    return seen


def test_a_slice_of_calls_is_answered_without_a_fault(running: Running) -> None:
    assert sum(barrage(running, 80).values()) == 80


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_thousands_of_calls_are_answered_without_a_fault(running: Running) -> None:
    count = cases(600, 2000)
    seen = barrage(running, count)
    # The count is what a reader of the log wants to know.
    print(f"chaos API: {count} calls, by status {dict(sorted(seen.items()))}")  # noqa: T201
    assert sum(seen.values()) == count
