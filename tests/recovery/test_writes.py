"""Tries, retries and queues, from ledgers written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import Outcome
from reports.recovery import writes
from reports.recovery.model import Queue, Try
from reports.recovery.report import recover
from tests.recovery import build
from tests.recovery.build import Book, sent, unheard, yes

S = 1_000_000


def lives(book: Book, kind: WriteKind = WriteKind.EVENT) -> writes.Lives:
    return writes.lives(kind, book.rows())


def test_tries_of_one_window() -> None:
    book = Book()
    book.write(5, sent(5), yes(6))  # before the window
    book.write(10, sent(10), yes(11))
    book.write(11, sent(11), unheard(14), sent(15), yes(16))
    book.write(12, sent(12), unheard(15), sent(16), unheard(19), sent(20), yes(21, Outcome.CONFLICT))
    book.write(13, sent(13), sent(13.5), yes(14), yes(14.2))  # the second left while the first was in flight
    book.write(14, sent(14), yes(15), sent(16), yes(17))  # sent again although it was acknowledged
    book.write(15)  # never sent
    book.write(20, sent(21), yes(22))  # after the window
    found = writes.pressure(lives(book), 10 * S, 20 * S)
    assert found is not None
    assert (found.kind, found.writes, found.acknowledged) == ("event", 6, 5)
    assert (found.requests, found.retries, found.concurrent, found.needless) == (10, 5, 1, 2)
    assert found.per_stored == 2
    assert found.concurrent_share == 0.2
    # Both answers to the doubled write came after its second request: the ledger cannot tell whose they were.
    assert found.tries == (
        Try(attempt=1, tried=5, succeeded=2),
        Try(attempt=2, tried=4, succeeded=3),
        Try(attempt=3, tried=1, succeeded=1),
    )


def test_late_tries_share_the_last_row() -> None:
    book = Book()
    steps = [step for at in range(7) for step in (sent(at * 2), unheard(at * 2 + 1))]
    book.write(0, *steps, sent(20), yes(21))
    found = writes.pressure(lives(book), 0, S)
    assert found is not None
    assert found.tries[-1] == Try(attempt=5, tried=4, succeeded=1, more=True)
    assert writes.pressure(lives(book), S, 2 * S) is None
    assert writes.pressure(lives(book, WriteKind.MESSAGE), 0, S) is None


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from(list(WriteStep)), max_size=8), max_size=12), st.randoms(use_true_random=False))
def test_counts_agree_with_a_plain_loop(histories: list[list[WriteStep]], rng: object) -> None:
    book = Book()
    for at, steps in enumerate(histories):
        book.write(at, *[(at + place, step, Outcome.OK) for place, step in enumerate(steps)])
    found = lives(book)
    requests = [sum(step is WriteStep.SENT for step in steps) for steps in histories]
    assert list(found.wanted) == [at * S for at in range(len(histories))]
    assert len(found.of) == sum(requests)
    expected = []
    for steps in histories:
        won: list[bool] = []
        for step in steps:
            if step is WriteStep.SENT:
                won.append(False)
            elif step is WriteStep.ACKNOWLEDGED and won:
                won[-1] = True
        expected += won
    assert list(found.success) == expected
    assert list(found.number) == [n + 1 for number in requests for n in range(number)]


def test_the_queue_after_an_outage() -> None:
    book = Book()
    for at in range(10, 300):  # one event a second, acknowledged within 2 s, held back from 80 to 110
        done = at + 2 if not 78 <= at < 110 else 112 + (at - 78) * 0.5
        book.write(at, sent(done - 1), yes(done))
    book.write(100, sent(101), unheard(104))  # this one never arrives
    found = writes.queue(lives(book), 110, 310, (10, 75))
    assert found is not None
    assert found.usual == 2
    assert found.at_end == 33
    assert found.left == 1
    assert found.oldest_s == 112 - 78
    assert found.drained_after_s == 18  # 2 are usual, and of 33 one may stay: at 128 s the lost one is left
    assert writes.queue(lives(Book()), 110, 310, None) is None


def test_a_queue_that_does_not_drain() -> None:
    book = Book()
    for at in range(10, 240):
        book.write(at, *((sent(at), yes(at + 0.5)) if at < 80 else (sent(at), unheard(at + 3))))
    found = writes.queue(lives(book), 110, 250, (10, 75))
    assert found is not None
    assert (found.drained_after_s, found.oldest_s, found.left) == (None, None, 30)


def test_the_report_carries_both() -> None:
    book = Book()
    for at in range(10, 240):
        book.write(at, sent(at), unheard(at + 1), sent(at + 2), yes(at + 3))
        book.write(at, sent(at), yes(at + 1), kind=WriteKind.MESSAGE)
    found = recover(build.frames(), book.rows())
    assert found is not None
    fault = found.faults[0]
    assert [(row.kind, row.writes, row.retries) for row in fault.writes] == [("event", 30, 30), ("message", 30, 0)]
    assert fault.queue is not None
    assert (fault.queue.usual, fault.queue.drained_after_s, fault.queue.oldest_s) == (3, 0, 3)


@pytest.mark.parametrize(
    ("usual", "drained", "text"),
    [(3, 12.0, "queues drained in 12 s"), (3, None, "queues not drained, 7 events still held"), (None, None, "")],
    ids=["drained", "never", "no baseline"],
)
def test_what_is_said_of_a_queue(usual: int | None, drained: float | None, text: str) -> None:
    said = Queue(usual=usual, at_end=900, drained_after_s=drained, oldest_s=180.0, left=7).text
    assert said.startswith(text)
    assert bool(said) == bool(text)
