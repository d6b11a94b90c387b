"""What a chunk costs in the chaos proxy's own code, without sockets: CPU microseconds to hold it, and to let it go.

    python benchmarks/proxy_stages.py [--rounds 15]

1,000 connections get a chunk each, one right after the other, so the caches are warm: a lower bound, for between system
calls the same code takes longer. PYTHONPATH=CHECKOUT takes the code of another checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
from pathlib import Path
from typing import Any, cast

import uvloop

sys.path.append(str(Path(__file__).parents[1]))

import chaos.faults  # noqa: F401 - loads them
from chaos.fault import Layer, find
from chaos.proxy.clock import LoopClock
from chaos.proxy.pipe import Pipe
from chaos.proxy.toxic import Direction, Toxic

CONNECTIONS = 1000
CHUNK = bytes(200)
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("latency", {"latency": 5, "jitter": 2}),
    ("latency", {"latency": 5}),
    ("packet_loss", {"loss": 0.01, "rtt": 5}),
)


class Ends:
    """Whatever a pipe's neighbours are: takes everything, does nothing."""

    def __init__(self, key: str = "") -> None:
        self.key = key

    def feed(self, data: bytes) -> None: ...

    def eof(self) -> None: ...

    def route(self) -> None: ...

    def pause(self, why: object) -> None: ...

    resume = pause


def pipe(number: int, kind: str, parameters: dict[str, Any], clock: LoopClock) -> Pipe:
    fault = find(kind, Layer.STREAM).parse(parameters)
    made = Pipe(
        cast("Any", Ends(f"connection {number}")), Direction.UPSTREAM, cast("Any", Ends()), Ends(), clock, seed=1
    )
    made.update_faults([Toxic(f"{kind}_upstream", kind, "upstream", 1.0, fault, Direction.UPSTREAM)])
    return made


async def measure(rounds: int) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    print(f"{'fault':<44}{'hold us':>9}{'let go us':>11}")
    for kind, parameters in FAULTS:
        pipes = [pipe(number, kind, parameters, clock) for number in range(CONNECTIONS)]
        held, let_go = [], []
        for _ in range(rounds):
            gc.collect()
            gc.disable()
            began = time.thread_time()
            for each in pipes:
                each.feed(CHUNK)
            fed = time.thread_time()
            await asyncio.sleep(0.3)  # longer than all delays but a retransmission's
            held.append((fed - began) / CONNECTIONS * 1e6)
            let_go.append((time.thread_time() - fed) / CONNECTIONS * 1e6)
            gc.enable()
        print(f"{f'{kind} {parameters}':<44}{statistics.median(held):>9.2f}{statistics.median(let_go):>11.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="the median of the rounds is shown")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(options.rounds))


if __name__ == "__main__":
    main()
