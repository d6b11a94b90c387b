"""What is written down while a session goes, and what becomes of it: `session_log.py` and `record.py` in short."""

from __future__ import annotations

import random
from array import array

import numpy as np
import pyarrow as pa
from record import OPERATIONS
from session_log import ACTIONS, CALLS, QUESTIONS, REQUESTS, rng, session

from harness.config.load import load_profile
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import windows_of
from harness.core.tables import View
from harness.record.recorder import Recorder
from short.judging import Turn
from short.turns import by_turns, cpu

TURNS, TIMES = 15, 160
RATE = 5_000


def looked() -> dict[str, list[Turn]]:
    """Log, dice, recorder."""
    return {
        "session log": by_turns(cpu(session, TIMES), cpu(plain_session, 2 * TIMES), TURNS),
        "dice": by_turns(cpu(rng, 3 * TIMES), cpu(plain_dice, 6 * TIMES), TURNS),
        "recorder": recorder(),
    }


def plain_session() -> None:
    """As many notes, of as many fields, in a dict and a list, and columns of them."""
    calls: dict[str, list[float]] = {}
    for number in range(REQUESTS):
        noted = calls.setdefault(f"call {number % CALLS}", [0, 0.0, 0])
        noted[0] += 1
        noted[1] += 0.1
        noted[2] += 900
    actions = [(number, "look", "title", 1, 2.0) for number in range(ACTIONS)]
    for column in zip(*actions, strict=True):
        pa.array(column)


def plain_dice() -> None:
    """As many dice, made and thrown."""
    for number in range(QUESTIONS):
        random.Random(number).random()


def recorder() -> list[Turn]:
    """A second's samples."""
    windows = windows_of(load_profile("smoke"))
    ours, source = Recorder(windows), np.random.default_rng(1)
    values = source.lognormal(-2.5, 0.5, RATE).tolist()
    instants, calls = source.random(RATE).tolist(), source.integers(0, len(OPERATIONS), RATE).tolist()

    def sampled() -> None:
        for at, value, call in zip(instants, values, calls, strict=True):
            ours.sample(View.SERVER, OPERATIONS[call], Outcome.OK, at, value)
        made(ours.take())

    def plain() -> None:
        kept, worth, which = array("d"), array("d"), array("i")
        for at, value, call in zip(instants, values, calls, strict=True):
            kept.append(at)
            worth.append(value)
            which.append(call)
        np.unique(np.array(which) * 10_000.0 + np.rint(np.array(worth) * 1000), return_counts=True)

    return by_turns(cpu(sampled, 15), cpu(plain, 30), TURNS)
