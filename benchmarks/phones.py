"""What an open phone costs in memory, idle and in use, and what one leaves that was put away.

    python benchmarks/phones.py [--phones 1000 5000 12500 20000] [--record FILE] [--short]

Engines as a worker has them, without Locust around them, in processes of their own on one core; replays of a sandbox
with Realtime on the other. Every phone opens the app, with its socket, and stays on the landing page (idle), or swipes
a card every three seconds (in use). Then all are put away, and as many other people open the app: what the process has
grown by then is what the first ones keep while they are in no session.

Memory is resident memory beyond that of the engine after its first session, divided by phones. CPU is that of the
engine's process: milliseconds to open the app, and share of a core a thousand idle phones for five seconds.

A phone takes up to two descriptors while it rests, so large numbers are shared by several processes, as a run would do
it. Phones that open at once need several times what they need open, and a process never gives all of that back: on a
machine that is busy with other things have fewer of them --starts a second.

Exit code 1 when a bar is missed: 40 KB an open phone, 5 KB a person in no session.

--short is for CI: 300 phones, idle. Without --record a recording is made first (some 90 s).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.engine import serving
from replay.process import TARGET_CORE, replaying
from replay.record import PROFILE, record
from session import WORKER_CORE, resident_mb, scaled

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.swipe import SwipePage
from harness.schedule.arrivals import Ticket

SIZES, SHORT = (1_000, 5_000, 12_500, 20_000), (300,)
IN_USE_AT_MOST = 5_000
"""Phones that swipe at once: 5,000 ask for 3,000 requests/s, more than a shared core can be trusted with."""
STARTS_PER_S = 50.0
"""More than a worker has in the plan's peak."""
DESCRIPTORS_EACH, DESCRIPTORS_BESIDE = 2, 500
BURST_EACH = 5
"""Descriptors beyond that of a phone that is just opening, for some seconds."""
SETTLED_S, IDLE_S, CARD_S = 8.0, 5.0, 3.0
PATIENCE_S = 600.0
BARS_KB = {"idle": 40.0, "in use": 40.0, "put away": 5.0}


@dataclass(frozen=True)
class Figures:
    """Of one size. KB are per phone or person; None: not measured."""

    phones: int
    processes: int
    idle_kb: float
    in_use_kb: float | None
    put_away_kb: float
    start_ms: float
    idle_core: float  # of a core, for a thousand phones
    failures: int

    @property
    def missed(self) -> list[str]:
        """Bars that it misses."""
        told = {"idle": self.idle_kb, "in use": self.in_use_kb, "put away": self.put_away_kb}
        return [name for name, kb in told.items() if kb is not None and kb > BARS_KB[name]]


# ---- one engine, in a process of its own ---------------------------------------------------------------------------


class Crowd:
    """Phones of one engine, which open the app, stay, and are put away on a word."""

    def __init__(self, url: str, people: int, starts_per_s: float) -> None:
        self._starts_per_s = starts_per_s
        profile = scaled(PROFILE, 1.0, 3600.0, people, people).model_copy(update={"realtime": True})
        self.engine, _ = serving(url, profile, "phones")
        self.here = self.gone = 0
        self._tickets = 0
        self._away: asyncio.Event

    def open(self, first: int, number: int, stay: Callable[[Device, asyncio.Event], Awaitable[None]]) -> None:
        """People from `first` on open the app and do that; returns once all of them are at it."""
        self.here = self.gone = 0
        self._away = asyncio.Event()

        async def body(phone: Device) -> None:
            opened = await open_app(phone)
            self.here += 1
            if opened:
                await stay(phone, self._away)

        begun = self.engine.now() + 0.2
        for place in range(number):
            self._tickets += 1
            at = begun + place / self._starts_per_s
            self.engine.submit(Ticket(self._tickets, at, "reader", first + place), body, self._over)
        self._wait(lambda: self.here >= number)
        self._drain(SETTLED_S)

    def put_away(self) -> None:
        """All of them close the app."""
        self.engine.loop.call_soon_threadsafe(self._away.set)
        self._wait(lambda: self.gone >= self.here)
        self._drain(SETTLED_S)

    def _over(self) -> None:
        self.gone += 1

    def _wait(self, done: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > ends:
                raise SystemExit(f"only {self.here} phones were there after {PATIENCE_S:g} s")
            self._drain(0.1)

    def _drain(self, seconds: float) -> None:
        """What a worker's other thread does: take what the engine noted."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.engine.attempts.clear()
            self.engine.taken.clear()
            time.sleep(0.05)

    def settled_mb(self) -> float:
        """Resident memory without what waits for the collector."""
        collected = threading.Event()
        self.engine.loop.call_soon_threadsafe(gc.collect)
        self.engine.loop.call_soon_threadsafe(collected.set)
        collected.wait(30)
        return resident_mb(os.getpid())


async def rests(phone: Device, away: asyncio.Event) -> None:
    """On the landing page."""
    await away.wait()


async def swipes(phone: Device, away: asyncio.Event) -> None:
    """Card after card."""
    page = SwipePage(phone)
    await page.open()
    while not away.is_set():
        card = await page.next_card()
        if card is None:
            await away.wait()
            return
        await page.look_and_swipe(card, CARD_S, "skip")


def crowd(url: str, phones: int, starts_per_s: float, *, in_use: bool) -> dict[str, Any]:
    """The figures of one process: MB, seconds, counts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    one = Crowd(url, 2 * phones + 1, starts_per_s)
    one.open(2 * phones, 1, swipes)
    one.put_away()
    before_mb, before_s = one.settled_mb(), time.process_time()
    one.open(0, phones, rests)
    told: dict[str, Any] = {"start_s": time.process_time() - before_s, "idle_mb": one.settled_mb() - before_mb}
    begun_s, begun = time.process_time(), time.monotonic()
    time.sleep(IDLE_S)
    told["idle_core"] = (time.process_time() - begun_s) / (time.monotonic() - begun)
    one.put_away()
    one.open(phones, phones, rests)
    told["put_away_mb"] = one.settled_mb() - before_mb - told["idle_mb"]
    one.put_away()
    if in_use:
        rested_mb = one.settled_mb()
        one.open(0, phones, swipes)
        # All people have had a session by now: what the first half keeps is in both figures.
        told["in_use_mb"] = told["idle_mb"] + max(0.0, one.settled_mb() - rested_mb)
    told["failures"] = one.engine.failures
    return told


# ---- all of them ---------------------------------------------------------------------------------------------------


def measured(recording: Path, phones: int, starts_per_s: float) -> Figures:
    """As many processes as descriptors demand, at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = hard - DESCRIPTORS_BESIDE - BURST_EACH * starts_per_s * SETTLED_S
    processes = math.ceil(phones * DESCRIPTORS_EACH / room)
    each, in_use = math.ceil(phones / processes), phones <= IN_USE_AT_MOST
    with contextlib.ExitStack() as stack:
        running = []
        for _ in range(processes):
            url = stack.enter_context(replaying(recording, 2 * each + 1, {}))
            command = [sys.executable, __file__, "--child", str(each), "--url", url, "--starts", str(starts_per_s)]
            command += ["--in-use"] if in_use else []
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            os.sched_setaffinity(process.pid, {WORKER_CORE})
            running.append(process)
        told = [json.loads(process.communicate()[0] or b"null") for process in running]
    if not all(told):
        raise SystemExit(f"a process with {each} phones failed")
    whole = {name: sum(one[name] for one in told) for name in told[0]}
    number = each * processes

    def kb(name: str) -> float:
        return float(whole[name]) * 1000 / number

    return Figures(
        number,
        processes,
        kb("idle_mb"),
        kb("in_use_mb") if in_use else None,
        kb("put_away_mb"),
        float(whole["start_s"]) * 1000 / number,
        float(whole["idle_core"]) * 1000 / number,
        int(whole["failures"]),
    )


def show(row: Figures) -> None:
    """A line of the table."""
    in_use = "not measured" if row.in_use_kb is None else f"{row.in_use_kb:9.1f} KB"
    print(
        f"{row.phones:7,} {row.processes:9} {row.idle_kb:6.1f} KB {in_use:>12} {row.put_away_kb:8.1f} KB "
        f"{row.start_ms:8.1f} ms {row.idle_core:9.1%}   {'missed: ' + ', '.join(row.missed) if row.missed else 'ok'}"
        f"{f'   {row.failures} failures of our own' if row.failures else ''}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, nargs="+", default=SIZES)
    parser.add_argument("--short", action="store_true", help=f"for CI: {SHORT[0]} phones")
    parser.add_argument("--record", type=Path, help="a recording that exists; made when missing")
    parser.add_argument("--starts", type=float, default=STARTS_PER_S, help="phones that open a second")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--in-use", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(crowd(options.url, options.child, options.starts, in_use=options.in_use)), flush=True)
        os._exit(0)  # thousands of open phones need no farewell
    os.sched_setaffinity(0, {TARGET_CORE})
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        recording = options.record or Path(folder) / "recording.gz"
        if not recording.exists():
            record(recording)
        print(" phones processes      idle       in use    put away     opening  1,000 idle")
        for phones in SHORT if options.short else options.phones:
            row = measured(recording, phones, options.starts)
            show(row)
            missed = missed or bool(row.missed) or row.failures > 0
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
