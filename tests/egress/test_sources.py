"""Phones that send from several addresses of their machine, each from its own."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.http.client import HttpClient, Origin
from harness.core.errors import UsageError
from harness.egress.gate import Gate
from harness.egress.sources import SOURCES_ENV, of_phone, sources_in, towards
from tests.client.wire.peer import OK, Peer, get, serving
from tests.loops import run_on

LOOPS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_phones_send_from_the_addresses_in_turn_and_each_keeps_its_own(kind: str) -> None:
    seen: Counter[str] = Counter()

    async def script(peer: Peer) -> None:
        seen[peer.writer.get_extra_info("peername")[0]] += 1
        while await peer.request():
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            gate, loop = Gate(sources=LOOPS), asyncio.get_running_loop()
            for phone in range(9):
                for _ in range(2):
                    own = gate.of_phone(phone)
                    wire = HttpClient(Origin("http", "127.0.0.1", server.port), loop=loop, gate=own)
                    before = seen.copy()
                    assert (await get(wire)).body == b"ok"
                    assert list(seen - before) == [LOOPS[phone % 3]]
                    wire.close()

    run_on(kind, work())
    assert seen == dict.fromkeys(LOOPS, 6)


def test_a_source_that_leads_nowhere_fails_as_a_connection_does() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()

    async def work() -> None:
        async with serving(script) as server:
            with pytest.raises(OSError, match=r"assign requested address|not valid"):
                await Gate(sources=("192.0.2.1",)).connect(asyncio.Protocol, "127.0.0.1", server.port)

    run_on("uvloop", work())


def test_the_environment_names_them() -> None:
    assert sources_in({}) == ()
    assert sources_in({SOURCES_ENV: " 127.0.0.2, 127.0.0.3 ,"}) == ("127.0.0.2", "127.0.0.3")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("eth0", "'eth0' is no IP address"),
        ("192.0.2.1", "192.0.2.1 cannot be sent from"),
        ("127.0.0.2,127.0.0.2", "twice"),
        (",".join(["127.0.0.2"] * 257), "257 addresses, 256 are the most"),
    ],
)
def test_what_cannot_be_sent_from_is_refused_before_the_run(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        sources_in({SOURCES_ENV: text})


@given(st.integers(0, 10_000), st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=9, unique=True))
def test_a_phone_has_one_of_each_family(number: int, sources: list[str]) -> None:
    own = of_phone((*sources, "::1"), number)
    assert towards(own, "203.0.113.7") == sources[number % len(sources)]
    assert towards(own, "2001:db8::7") == "::1"
    assert towards(of_phone(sources, number), "2001:db8::7") == "", "the system chooses"
