"""Swipes that the app forgot because it was left without a network: said with their number, and nobody's lost data."""

from __future__ import annotations

from harness.core.ledger import WriteKind, WriteStep
from harness.evidence.tables import EVENTS
from reports.integrity.check import Book, _events
from tests.integrity.build import TAG, ZERO, Story

FORGOTTEN, SENT, YES, DROPPED = WriteStep.FORGOTTEN, WriteStep.SENT, WriteStep.ACKNOWLEDGED, WriteStep.DROPPED


def test_what_was_never_promised_is_told_apart_from_what_the_target_lost_and_what_the_phone_dropped() -> None:
    story = Story()
    for key in range(6):
        story.write(WriteKind.EVENT, 1, (FORGOTTEN, 9), key=key)
    story.write(WriteKind.EVENT, 1, (DROPPED, 9), key=6)
    story.write(WriteKind.EVENT, 1, (SENT, 2), (YES, 3), key=7)
    _, kept = story.write(WriteKind.EVENT, 1, (SENT, 2), (YES, 3), key=8)
    story.event(2.5, kept, 8)
    zero_us = round(ZERO.timestamp() * 1e6)
    found = {check.id: check for check in _events(Book(story.ledger_rows, TAG), story.stored(EVENTS), zero_us)}
    assert (found["left offline"].status, found["left offline"].count) == ("noted", 6)
    assert (found["I05"].status, found["I05"].count) == ("noted", 1)
    assert (found["I03"].status, found["I03"].count) == ("broken", 1)


def test_a_run_without_any_holds() -> None:
    story = Story()
    _, kept = story.write(WriteKind.EVENT, 1, (SENT, 2), (YES, 3), key=8)
    story.event(2.5, kept, 8)
    zero_us = round(ZERO.timestamp() * 1e6)
    found = {check.id: check for check in _events(Book(story.ledger_rows, TAG), story.stored(EVENTS), zero_us)}
    assert found["left offline"].status == "held"
