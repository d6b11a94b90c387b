"""What a phone with the app open holds in Python objects: a count, not a timing, of `benchmarks/phones.py` in short.

tracemalloc sees what the interpreter allocates, so the figure is the same on a busy machine, and leaves out buffers of
uvloop and of the kernel. The growth from some phones to more of them is divided by how many more they are: what all of
them share is there by then.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc

from harness.client.device import Device
from harness.client.screens.app import open_app
from short.engine import Waves, waves
from short.judging import Turn
from short.turns import cores, pin, replay

FIRST, MORE = 20, 40
SETTLED_S = 2.5
UNIT = 1000.0


def looked() -> dict[str, list[Turn]]:
    """Phones with sockets on the landing page."""
    first, last = cores()
    here, away = 0, threading.Event()

    async def rests(phone: Device) -> None:
        nonlocal here
        if not await open_app(phone):
            raise RuntimeError("the app did not open")
        here += 1
        while not away.is_set():
            await phone.pause(1.0)

    with replay(FIRST + MORE, first) as url, waves(url, FIRST + MORE, realtime=True) as engine:
        pin(last)
        engine.begin(range(FIRST), rests)
        engine.wait_for(lambda: here == FIRST)
        tracemalloc.start()
        engine.settle(SETTLED_S)
        before = held(engine)
        engine.begin(range(FIRST, FIRST + MORE), rests)
        engine.wait_for(lambda: here == FIRST + MORE)
        engine.settle(SETTLED_S)
        grown = held(engine) - before
        tracemalloc.stop()
        away.set()
        engine.settle(1.5)
    return {"open phone": [Turn(grown / MORE, UNIT)]}


def held(engine: Waves) -> int:
    """Bytes that are in use once the garbage is gone."""
    collected = threading.Event()
    engine.engine.loop.call_soon_threadsafe(gc.collect)
    engine.engine.loop.call_soon_threadsafe(collected.set)
    collected.wait(30)
    return tracemalloc.get_traced_memory()[0]
