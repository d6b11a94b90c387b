"""What observing costs: CPU of the target's Postgres, by turns with and without the observer, and of the generator.

    .venv/bin/python benchmarks/observer.py                            # under a minute
    .venv/bin/python benchmarks/observer.py --turns 30 --seconds 20

Hot calls go to a sandbox's database on a timetable, so that each turn does the same work. For the target: the CPU of
the observer's own backend, read from /proc, for a second's sampling and for an edge, at which statements, tables and
indexes are read; and how much more Postgres took in turns with it, with the spread of the turns. What a run costs is
the sampling and its edges, of which a nightly has one in 90 s (the tenths of its measure phase). For the generator:
the CPU of the observer's thread, which lives in the supervisor, beside no worker. Exits 1 when that is above 2 % of
Postgres' CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.observe.explain import Who, explain
from harness.observe.hot_calls import A_CONVERSATION, A_PERSON, HOT_CALLS, HotCall
from harness.observe.observer import APPLICATION, Observations, observed
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

TICK = os.sysconf("SC_CLK_TCK")
MOST_SHARE = 0.02
EDGE_EVERY_S = 90.0
EDGES = 5
RATES = {"POST functions/media-swipe-deck": 15.0}
OTHERS_PER_S = 20.0


def cpu_s(pid: int, thread: int | None = None) -> float:
    """CPU seconds of a process of one thread, or of one thread of a process."""
    return int(Path(f"/proc/{pid}/task/{thread or pid}/schedstat").read_text().split()[0]) / 1e9


def reaped_s(pid: int) -> float:
    """CPU seconds of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (13, 14)) / TICK


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def tree_s(pid: int) -> float:
    """CPU seconds of Postgres: the server and all of its backends."""
    found = cpu_s(pid) + reaped_s(pid)
    for child in children(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += cpu_s(child)
    return found


@dataclass
class Turn:
    """One stretch of load. Seconds of CPU."""

    observed: bool
    length_s: float
    calls: int
    postgres_s: float
    backend_s: float = 0.0  # of it, the observer's connection
    thread_s: float = 0.0  # of this process: the observer's thread


class Load:
    """Hot calls on a timetable, whatever the database does."""

    def __init__(self, pool: asyncpg.Pool, person: str, conversation: str | None) -> None:
        self.pool, self.person, self.conversation = pool, person, conversation

    async def run(self, length_s: float) -> int:
        begun, tasks = time.monotonic(), []
        calls = [call for call in HOT_CALLS if not call.conversation or self.conversation]
        rates = [RATES.get(call.endpoint, OTHERS_PER_S) for call in calls]
        due = sorted(
            (number / rate, place) for place, rate in enumerate(rates) for number in range(int(length_s * rate))
        )
        for at, place in due:
            await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
            tasks.append(asyncio.create_task(self._call(calls[place])))
        await asyncio.gather(*tasks)
        await asyncio.sleep(max(0.0, begun + length_s - time.monotonic()))
        return len(tasks)

    async def _call(self, call: HotCall) -> None:
        subject = self.conversation if call.conversation else self.person
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local role authenticated")
            claims = f'{{"sub": "{self.person}", "role": "authenticated"}}'
            await connection.fetchval("select set_config('request.jwt.claims', $1, true)", claims)
            await connection.fetch(call.sql, subject)


def measure(dsn: str, pid: int, load: Load, length_s: float, runner: asyncio.Runner, *, watching: bool) -> Turn:
    before = tree_s(pid)
    if not watching:
        calls = runner.run(load.run(length_s))
        return Turn(False, length_s, calls, tree_s(pid) - before)
    with observed(dsn, Gate(HERE), [], lambda: None):
        backend, thread = runner.run(backend_of(dsn)), own_thread()
        own, ours = cpu_s(backend), cpu_s(os.getpid(), thread)
        calls = runner.run(load.run(length_s))
        own, ours = cpu_s(backend) - own, cpu_s(os.getpid(), thread) - ours
    return Turn(True, length_s, calls, tree_s(pid) - before, own, ours)


def own_thread() -> int:
    (found,) = [one.native_id for one in threading.enumerate() if one.name == "observer"]
    return found or 0


def edge_s(dsn: str, runner: asyncio.Runner, sampling_s: float) -> float:
    """CPU seconds of the backend for one edge; sampling_s: what a second takes without any."""
    begun = time.time()
    with observed(dsn, Gate(HERE), [float(number) for number in range(1, EDGES + 1)], lambda: begun):
        backend = runner.run(backend_of(dsn))
        own = cpu_s(backend)
        time.sleep(EDGES + 1.0)
        return max(0.0, cpu_s(backend) - own - sampling_s * (EDGES + 1.0)) / EDGES


async def backend_of(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetchval("select pid from pg_stat_activity where application_name = $1", APPLICATION)
        return int(found)
    finally:
        await connection.close()


def told(turns: list[Turn], dsn: str, runner: asyncio.Runner) -> float:
    """Print the figures; the share of Postgres' CPU that observing takes in a nightly."""
    with_it, without = [one for one in turns if one.observed], [one for one in turns if not one.observed]
    per_s = {
        name: [one.postgres_s / one.length_s * 1000 for one in rows]
        for name, rows in (("with", with_it), ("without", without))
    }
    for name, values in per_s.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(
            f"{name:>8}: Postgres {statistics.mean(values):6.1f} ms of CPU a second, +/- {spread:.1f} from turn to turn"
        )
    length = sum(one.length_s for one in with_it)
    sampling = sum(one.backend_s for one in with_it) / length
    edge = edge_s(dsn, runner, sampling)
    nightly_ms = (sampling + edge / EDGE_EVERY_S) * 1000
    share = nightly_ms / statistics.mean(per_s["without"])
    more = statistics.mean(per_s["with"]) / statistics.mean(per_s["without"]) - 1
    print(f"Postgres with it beside without: {more:+.2%} (by turns, with their first and last edge; noise included)")
    print(f"observer's backend: {sampling * 1000:.2f} ms a second of sampling, {edge * 1000:.1f} ms an edge")
    print(f"an edge each {EDGE_EVERY_S:g} s: {nightly_ms:.2f} ms a second, {share:.2%} of Postgres' CPU at this load")
    thread = sum(one.thread_s for one in with_it)
    print(f"observer's thread, in the supervisor: {thread / length * 1000:.2f} ms a second; in the workers: none")
    return share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=4, help="without and with it, alternately (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=7.0, help="of a turn (default %(default)s)")
    options = parser.parse_args()
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as sandbox, asyncio.Runner() as runner:
        dsn, pid = sandbox.discovery["dsn"], sandbox._postgres.pid or 0
        emails = [sandbox.options.email_pattern.format(index=index) for index in range(60)]
        pool, load = runner.run(opened(dsn, emails))
        runner.run(load.run(2.0))  # plans and caches are there
        turns = [
            measure(dsn, pid, load, options.seconds, runner, watching=number % 2 == 1)
            for number in range(options.turns)
        ]
        print(f"{os.cpu_count()} cores, {options.turns} turns of {options.seconds:g} s, {turns[0].calls} calls each")
        share = told(turns, dsn, runner)
        begun, found = tree_s(pid), Observations()
        explain(found, dsn, Gate(HERE), Who(emails))
        print(f"plans of the hot calls, once after the load: {(tree_s(pid) - begun) * 1000:.0f} ms of Postgres' CPU")
        runner.run(pool.close())
    print(f"{'within' if share <= MOST_SHARE else 'ABOVE'} {MOST_SHARE:.0%} of the target's CPU")
    return 0 if share <= MOST_SHARE else 1


async def opened(dsn: str, emails: list[str]) -> tuple[asyncpg.Pool, Load]:
    pool = await asyncpg.create_pool(dsn, min_size=4, max_size=4)
    person = str(await pool.fetchval(A_PERSON, emails, []))
    return pool, Load(pool, person, await pool.fetchval(A_CONVERSATION, person))


if __name__ == "__main__":
    sys.exit(main())
