"""What it costs a phone to write down what its session did and sent, and to decide with a die for every question.

    python benchmarks/session_log.py

CPU time, best of seven rounds: it does not grow with what else the machine does. And what the dice of a phone in
session take in memory.
"""

from __future__ import annotations

import sys
import time
import timeit
import tracemalloc
from collections.abc import Callable

from harness.client.rng import Rng
from harness.client.session_log import SessionLog, SessionLogs
from harness.core.actions import UserAction
from harness.core.rows import made

CALLS, REQUESTS, ACTIONS, QUESTIONS = 40, 200, 150, 10
"""One session of a swiper in profile nightly, rounded up."""


def best_us(work: Callable[[], object], number: int) -> float:
    """Microseconds of CPU for one call of `work`."""
    return min(timeit.repeat(work, number=number, repeat=7, timer=time.process_time)) / number * 1e6


def session() -> None:
    """Everything that one session writes down, and its rows."""
    log, logs = SessionLog(1, 0.0), SessionLogs(0)
    for number in range(REQUESTS):
        log.sent(f"call {number % CALLS}", 0.1, 900, 1200, 1)
    for number in range(ACTIONS):
        log.did(UserAction.LOOK, float(number), "title", seconds=2.0)
    logs.end(log)
    made(logs.take())


def rng() -> None:
    """A session's dice, each thrown once."""
    made = Rng("1 2 3")
    for number in range(QUESTIONS):
        made.of(f"question {number}").random()


def dice_kb(phones: int = 200, draws: int = 8) -> float:
    """KB of one session's dice, each thrown some times."""
    tracemalloc.start()
    kept = [Rng(f"1 2 {number}") for number in range(phones)]
    for session_rng in kept:
        for number in range(QUESTIONS):
            for _ in range(draws):
                session_rng.of(f"question {number}").random()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / phones / 1024


def main() -> int:
    log = SessionLog(1, 0.0)
    figures = {
        "one request noted": best_us(lambda: log.sent("user", 0.1, 900, 1200, 1), 50_000),
        "one action noted": best_us(lambda: log.did(UserAction.LOOK, 1.0, "title", seconds=2.0), 20_000),
        f"a session, {REQUESTS} requests and {ACTIONS} actions, rows included": best_us(session, 200),
        f"a session's dice, {QUESTIONS} questions": best_us(rng, 500),
    }
    for name, microseconds in figures.items():
        sys.stdout.write(f"{name:60} {microseconds:9.2f} us\n")
    sys.stdout.write(f"{'a session, its dice in memory':60} {dice_kb():9.2f} KB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
