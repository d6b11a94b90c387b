"""Which questions of a run are asked again, and as whom: a few of each call, by few people. (pure)

Somebody has to be signed in for each of them, and a target limits that, so people are taken who asked much.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

PEOPLE_AT_MOST = 24
OF_A_CALL = 8
"""Questions of one call, at most."""
COLUMNS = ("person", "account", "call", "arguments", "body", "keys")


class Asked(NamedTuple):
    """One question. arguments, body: `harness.core.read_log.KeptReply`."""

    account: bytes
    call: str
    arguments: str
    body: str


def chosen(kept: Iterable[pa.RecordBatch]) -> dict[int, list[Asked]]:
    """By the number of the person. kept: `COLUMNS` of the replies that were kept in numbers."""
    theirs: dict[int, dict[Asked, bool]] = defaultdict(dict)  # with whether it had rows
    for batch in kept:
        for person, account, call, arguments, body, keys in zip(
            *(batch[name].to_pylist() for name in COLUMNS), strict=True
        ):
            question = Asked(account, call, arguments, body)
            theirs[person][question] = theirs[person].get(question, False) or bool(keys)
    needed: Counter[tuple[str, bool]] = Counter()
    for questions in theirs.values():
        for question, rows in questions.items():
            needed[question.call, rows] = min(needed[question.call, rows] + 1, OF_A_CALL)
    found: dict[int, list[Asked]] = {}
    while theirs and len(found) < PEOPLE_AT_MOST:
        gains = {person: _gain(questions, needed) for person, questions in theirs.items()}
        best = max(gains, key=gains.__getitem__)
        if not gains[best]:
            break
        found[best] = []
        for question, rows in theirs.pop(best).items():
            if needed[question.call, rows]:
                needed[question.call, rows] -= 1
                found[best].append(question)
    return found


def _gain(questions: dict[Asked, bool], needed: Counter[tuple[str, bool]]) -> float:
    """What is asked seldom counts more: there are few who could be asked as."""
    there = Counter((question.call, rows) for question, rows in questions.items())
    return sum(min(number, needed[what]) / (1 + needed[what]) for what, number in there.items())
