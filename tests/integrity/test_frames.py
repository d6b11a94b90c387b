"""What is asked of every write of a run costs no step of Python's for each: a run of a day has millions."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable

import numpy as np
import pandas as pd

from harness.core.ledger import WriteKind, WriteStep
from reports.integrity import follows_dated, frames
from reports.integrity.library import GONE, THERE
from tests.integrity.build import Story
from tests.integrity.test_events import ZERO_US


def steps_of(work: Callable[[], object]) -> int:
    """How many functions it calls."""
    called = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return called


def follows(number: int) -> Story:
    story = Story()
    story.ledger.intend(WriteKind.PERSON, 1, 0.0, subject=str(uuid.UUID(int=1, version=4)))
    for place in range(number):
        subject = str(uuid.UUID(int=place + 2, version=4))
        entry = story.ledger.intend(WriteKind.FOLLOW, 1, place, subject=subject, key=ZERO_US + place * 1_000_000)
        story.ledger.step(entry, WriteStep.SENT, place)
        story.ledger.step(entry, WriteStep.ACKNOWLEDGED, place + 0.5)
    story.ledger_rows("", [])
    return story


def test_writes_are_gathered_together() -> None:
    def steps(number: int) -> int:
        rows = follows(number).ledger_rows
        return steps_of(lambda: frames.writes(rows, [WriteKind.FOLLOW]))

    assert steps(2_000) < 2 * steps(100)


def test_dates_of_follows_are_compared_without_a_table_for_each() -> None:
    def steps(number: int) -> int:
        writes = frames.writes(follows(number).ledger_rows, [WriteKind.FOLLOW])
        writes = writes.rename(columns={"user_id": "follower_id", "subject": "followed_id"})
        writes["status"] = np.where(writes["kind"] == WriteKind.FOLLOW, THERE, GONE)
        stored = writes[follows_dated.KEY].assign(created_at=pd.to_datetime(writes["key"], unit="us", utc=True))
        odd, judged = follows_dated.misdated(writes, stored, ZERO_US)
        assert (len(odd), judged) == (0, number)
        return steps_of(lambda: follows_dated.misdated(writes, stored, ZERO_US))

    assert steps(2_000) < steps(100) + 1_900 * 20
