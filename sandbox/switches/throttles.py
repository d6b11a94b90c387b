"""Switches that give the sandbox one resource that runs out first, at a known rate: what a capacity search has to find
and to name. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.switches.switch import count


@dataclass(frozen=True)
class ThrottleSwitches:
    """The value of every throttle; all off is a sandbox that carries what its machine does."""

    throttle_cpu_ms: int = count(
        "every function and REST request works for so many ms of one core's time, one after the other: 1000 / ms of "
        "them a second are served",
        "manual 4",
    )
    throttle_transaction_ms: int = count(
        "every transaction of REST and functions keeps its database connection at work for so many ms more; with "
        "rest_pool_size",
        "contract 12.1, T01",
    )
    throttle_lock_ms: int = count(
        "every transaction of REST and functions holds one lock, the same for all, for so many ms",
        "manual 9.1",
    )
    throttle_realtime_per_second: int = count(
        "Realtime's limits on messages and on presence messages a second, whatever the plan says: broadcasts and "
        "presence beyond them close channels, database changes are dropped without a word",
        "realtime contract 1.6",
    )
