"""A request through the chaos proxy over one through a plain relay: `benchmarks/proxy.py` in short.

All proxies stand on one core and are asked by turns over connections that stay open; each turn is so many requests, and
its cost what the kernel counted for that proxy's process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import uvloop
from proxy import REQUEST, chaos_proxy, own_process

from short.bare import BareConnection, opened
from short.judging import Turn
from short.turns import by_turns, cores, cpu_of, pin

CONNECTIONS, EACH, TURNS = 64, 30, 15


async def asking(connections: list[BareConnection]) -> None:
    """One request after the other on each."""

    async def one(connection: BareConnection) -> None:
        for _ in range(EACH):
            await connection.send(REQUEST)

    await asyncio.gather(*(one(connection) for connection in connections))


def looked() -> dict[str, list[Turn]]:
    """Without a fault. With latency both ways looks lie 17 to 36 % apart: how often the proxy sleeps is chance."""
    first, last = cores()
    pin(first)
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))

        def cost_of(port: int, pid: int) -> Callable[[], float]:
            connections = runner.run(opened(port, CONNECTIONS))

            def cost() -> float:
                begun = cpu_of(pid)
                runner.run(asking(connections))
                return cpu_of(pid) - begun

            return cost

        upstream, _ = stack.enter_context(own_process("target", first))
        plain = cost_of(*stack.enter_context(own_process("relay", last, "--upstream", str(upstream))))
        _, port, pid = stack.enter_context(chaos_proxy(upstream, last))
        ours = cost_of(port, pid)
        return {"chaos proxy, no fault": by_turns(ours, plain, TURNS)}
