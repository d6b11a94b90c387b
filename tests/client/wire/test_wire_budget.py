"""The limits at the wire, measured by a server: requests, connections and sockets, and whose the waiting is."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Any

import pytest

from harness.client.http.client import NEVER_LEFT, HttpClient, WireError
from harness.client.http.wire_budget import REQUESTS, WireBudget
from harness.core.outcome import Outcome
from harness.core.wire_limits import WireLimits, WireShare
from tests.client.wire.peer import OK, Peer, answering, eventually, get, serving, wire_to

NOTHING = WireShare(0, 0, 0)


class Kept:
    """A budget and what it held back."""

    def __init__(self, requests: float = 1000.0, connections: float = 1000.0, sockets: int = 1000) -> None:
        self.held: list[tuple[str, float]] = []
        limits = WireLimits(requests_per_second=requests, connections_per_second=connections, sockets=sockets)
        loop = asyncio.get_running_loop()
        self.whole = limits.whole
        self.budget = WireBudget(limits, self.whole, loop, lambda name, at, s: self.held.append((name, s)))


def most_in_a_second(instants: list[float]) -> int:
    return max(sum(at <= then < at + 1.0 for then in instants) for at in instants)


def test_a_burst_of_many_phones_leaves_at_the_limit(run: Any) -> None:
    """Limit 60: 80 requests of ten phones at once take a second and more, and no second has over 66."""

    async def most() -> int:
        seen: list[float] = []

        async def script(peer: Peer) -> None:
            while await peer.request():
                seen.append(monotonic())
                await peer.write(OK)

        async with serving(script) as server:
            kept = Kept(requests=60)
            phones = [wire_to(server.port, budget=kept.budget) for _ in range(10)]
            replies = await asyncio.gather(*(get(phone, timeout_s=30) for phone in phones for _ in range(8)))
            assert len(seen) == 80
            assert max(reply.held_s for reply in replies) > 1.0
            assert sum(name == REQUESTS for name, _ in kept.held) > 40
        return most_in_a_second(seen)

    # A machine that stands still for a moment moves arrivals, which is not what is asked; without limits all are one.
    assert any(run(most()) <= 66 for _ in range(3))


def test_patience_with_the_target_does_not_run_while_the_limits_hold_a_request_back(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            kept.budget.grant(NOTHING, math.inf)
            phone = wire_to(server.port, budget=kept.budget)
            many = [asyncio.ensure_future(get(phone, timeout_s=0.5)) for _ in range(8)]  # two wait for a connection
            await asyncio.sleep(0.6)
            kept.budget.grant(kept.whole, math.inf)
            replies = await asyncio.gather(*many)
            assert all(reply.held_s > 0.5 and reply.server_s < 0.5 for reply in replies)

    run(work())


def test_what_is_within_the_limits_is_not_held_back(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            phone = wire_to(server.port, budget=kept.budget)
            replies = await asyncio.gather(*(get(phone) for _ in range(20)))
            assert kept.held == []
            assert [reply.held_s for reply in replies] == [0.0] * 20
            assert kept.budget.open_sockets == server.connections == 6
            phone.close()
            await eventually(lambda: kept.budget.open_sockets == 0)

    run(work())


def test_where_there_is_no_room_kept_connections_serve(run: Any) -> None:
    opened: list[float] = []

    async def script(peer: Peer) -> None:
        opened.append(monotonic())
        while await peer.request():
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            kept = Kept(connections=40, sockets=17)
            phones = [wire_to(server.port, budget=kept.budget) for _ in range(5)]
            await asyncio.gather(*(get(phone) for phone in phones for _ in range(4)))
            # Four each where all can be had; here the last phone makes do with one.
            assert [phone.open_connections for phone in phones] == [4, 4, 4, 4, 1]
            assert len(opened) == 17

    run(work())


def test_sockets_that_are_open_at_once(run: Any) -> None:
    """Room for three, and four phones that keep one each: the fourth waits until one is closed."""

    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept(sockets=3)
            phones = [wire_to(server.port, budget=kept.budget, idle_close_s=0.05) for _ in range(4)]
            for phone in phones[:3]:
                await asyncio.gather(*(get(phone) for _ in range(5)))  # no room for more than one connection in the end
            assert server.open <= 3
            waiting = asyncio.ensure_future(get(phones[3], timeout_s=0.05))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            phones[0].close()
            assert (await waiting).held_s > 0.05
            assert server.open <= 3

    run(work())


def test_a_connection_that_cannot_be_opened_takes_no_room(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            port = server.port
        kept = Kept(sockets=1)
        for _ in range(3):
            with pytest.raises(WireError):
                await get(wire_to(port, budget=kept.budget))
        assert kept.budget.open_sockets == 0

    run(work())


def test_what_waits_when_the_phone_is_closed_was_never_sent(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            kept.budget.grant(NOTHING, math.inf)
            phone = wire_to(server.port, budget=kept.budget)
            waiting = asyncio.ensure_future(get(phone))
            await asyncio.sleep(0.02)
            phone.close()
            with pytest.raises(WireError) as caught:
                await waiting
            assert caught.value.outcome is Outcome.GAVE_UP
            assert caught.value.held_s == pytest.approx(caught.value.elapsed_s, abs=0.01)
            assert (server.connections, kept.budget.open_sockets) == (0, 0)

    run(work())


@pytest.mark.parametrize("warm", [False, True], ids=["for a connection", "for the request"])
def test_what_is_cancelled_while_it_waits_says_so_and_gives_back_what_it_had(run: Any, warm: bool) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            phone: HttpClient = wire_to(server.port, budget=kept.budget)
            if warm:
                await get(phone)
            kept.budget.grant(NOTHING, math.inf)
            waiting = asyncio.ensure_future(get(phone))
            await asyncio.sleep(0.02)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await waiting
            del caught
            kept.budget.grant(kept.whole, math.inf)
            assert (await get(phone)).body == b"ok"
            assert server.connections == kept.budget.open_sockets == 1

    run(work())


def test_a_cancelled_send_that_never_left_is_marked(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            kept.budget.grant(NOTHING, math.inf)
            phone = wire_to(server.port, budget=kept.budget)
            marks: list[tuple[object, ...]] = []

            async def asks() -> None:
                try:
                    await get(phone)
                except asyncio.CancelledError as cancelled:
                    marks.append(cancelled.args)
                    raise

            asking = asyncio.ensure_future(asks())
            await asyncio.sleep(0.02)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert marks == [(NEVER_LEFT,)]

    run(work())


def test_a_share_runs_out_and_is_renewed(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            kept = Kept()
            kept.budget.grant(kept.whole, monotonic() - 0.001)
            phone = wire_to(server.port, budget=kept.budget)
            waiting = asyncio.ensure_future(get(phone))
            await asyncio.sleep(0.05)
            assert (server.connections, waiting.done()) == (0, False)
            kept.budget.grant(kept.whole, monotonic() + 60)
            assert (await waiting).body == b"ok"

    run(work())


def test_a_connection_that_ends_while_its_request_waits_is_replaced(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(OK)
        await asyncio.sleep(0.03)  # and then the server closes it

    async def work() -> None:
        async with serving(script) as server:
            kept = Kept()
            phone = wire_to(server.port, budget=kept.budget)
            await get(phone)
            kept.budget.grant(WireShare(0, kept.whole.connections, kept.whole.sockets), math.inf)
            waiting = asyncio.ensure_future(get(phone, method="POST", body=b"{}"))
            await eventually(lambda: server.open == 0)
            await asyncio.sleep(0.02)
            kept.budget.grant(kept.whole, math.inf)
            assert (await waiting).status == 200
            assert server.connections == 2

    run(work())
