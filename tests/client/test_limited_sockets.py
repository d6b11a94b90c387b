"""A WebSocket is a connection and a request: it waits for the target's limits, and the waiting is nobody's latency."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from harness.client.http.wire_budget import WireBudget
from harness.core.outcome import Outcome
from harness.core.wire_limits import WireLimits, WireShare
from tests.client.realtime_server import realtime_server, until
from tests.client.test_realtime_socket import phone

LIMITS = WireLimits(requests_per_second=100, connections_per_second=100, sockets=2)
WHOLE = LIMITS.whole


def budget(share: WireShare = WHOLE) -> WireBudget:
    return WireBudget(LIMITS, share, asyncio.get_running_loop(), lambda name, at, seconds: None)


def test_a_socket_waits_to_be_opened_and_then_to_be_upgraded(run: Any) -> None:
    async def main() -> None:
        kept = budget(WireShare(0, 0, 0))
        async with realtime_server() as server, phone(server.origin, budget=kept) as one:
            channel = one.channel().subscribe()
            await asyncio.sleep(0.3)
            assert (kept.open_sockets, one.attempts) == (0, [])
            kept.grant(WireShare(0, WHOLE.connections, WHOLE.sockets), math.inf)
            await until(lambda: kept.open_sockets == 1)
            await asyncio.sleep(0.3)
            assert (one.attempts, server.peers) == ([], [])  # connected, and the upgrade has not been sent
            kept.grant(WHOLE, math.inf)
            await until(lambda: channel.postgres_at is not None)
            (connect,) = [attempt for attempt in one.attempts if attempt[0] == "realtime_connect"]
            assert connect[1] is Outcome.OK
            assert connect[2] < 0.5, "what it waited for the limits is not the server's time"
        await until(lambda: kept.open_sockets == 0)

    run(main())


def test_a_client_that_is_closed_while_its_socket_waits_opens_none(run: Any) -> None:
    async def main() -> None:
        kept = budget(WireShare(0, 0, 0))
        async with realtime_server() as server:
            async with phone(server.origin, budget=kept) as one:
                one.channel().subscribe()
                await asyncio.sleep(0.02)
            kept.grant(WHOLE, math.inf)
            await asyncio.sleep(0.05)
            assert (kept.open_sockets, server.peers) == (0, [])

    run(main())


def test_sockets_count_among_those_that_may_be_open(run: Any) -> None:
    async def main() -> None:
        kept = budget()
        async with (
            realtime_server() as server,
            phone(server.origin, budget=kept) as first,
            phone(server.origin, budget=kept) as second,
            phone(server.origin, budget=kept) as third,
        ):
            await first.joined()
            await second.joined()
            channel = third.channel().subscribe()
            await asyncio.sleep(0.05)
            assert (len(server.peers), kept.open_sockets) == (2, 2)
            first.client.close()
            await until(lambda: channel.postgres_at is not None)
            assert kept.open_sockets == 2

    run(main())
