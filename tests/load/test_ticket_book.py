"""A lost worker's tickets go to the others, each once, and a person's stay together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from harness.core.profile import ArrivalStage
from harness.core.tables import ARRIVALS, SCHEMAS
from harness.load.ticket_book import TicketBook
from harness.schedule.arrivals import plan

PLAN = plan((ArrivalStage(seconds=30, rate=4),), {"swiper": 0.6, "reader": 0.4}, 17, 5)


def begun(*tickets: int) -> pa.RecordBatch:
    row = {"worker": 0, "persona": "swiper", "person": 0, "planned_us": 0, "late_cause": "", "end": ""}
    return pa.RecordBatch.from_pylist([row | {"ticket": ticket} for ticket in tickets], schema=SCHEMAS[ARRIVALS])


def test_the_book_deals_as_the_plan_does() -> None:
    book = TicketBook(PLAN, 3)
    for worker in range(3):
        assert book.left_of(worker).tolist() == PLAN.share(worker, 3).tolist()
    assert sum(book.shares(3)) == len(PLAN)


@given(st.sets(st.integers(0, len(PLAN) - 1)), st.integers(2, 5), st.permutations(range(5)))
def test_every_ticket_has_exactly_one_server_however_many_are_lost(
    seen: set[int], workers: int, order: list[int]
) -> None:
    book = TicketBook(PLAN, workers)
    book.saw(begun(*sorted(seen)))
    living = [worker for worker in order if worker < workers]
    served: dict[int, set[int]] = {worker: set(book.left_of(worker).tolist()) for worker in living}
    while len(living) > 1:
        lost = living.pop()
        left = served.pop(lost)
        shares = book.hand_over(lost, living)
        assert set().union(*(set(share.tolist()) for share in shares.values()), set()) == left
        for heir, share in shares.items():
            assert not served[heir] & set(share.tolist())
            served[heir] |= set(share.tolist())
        assert book.left_of(lost).tolist() == []
    (last,) = served.values()
    assert last == set(range(len(PLAN))) - seen


def test_a_person_is_never_split() -> None:
    book = TicketBook(PLAN, 3)
    shares = book.hand_over(0, [1, 2])
    people = [set(PLAN.person[share].tolist()) for share in shares.values()]
    assert len(people) == 2
    assert not people[0] & people[1]


def test_nobody_left_means_nothing_is_handed_over() -> None:
    book = TicketBook(PLAN, 2)
    assert book.hand_over(0, []) == {}
    assert len(book.left_of(0)) == book.shares(2)[0]


def test_what_nobody_began_is_recorded_as_lost_with_its_worker() -> None:
    book = TicketBook(PLAN, 2)
    book.saw(begun(*range(50)))
    rows = book.never_begun([1])
    assert rows.schema == SCHEMAS[ARRIVALS]
    assert rows["ticket"].to_pylist() == [ticket for ticket in PLAN.share(1, 2).tolist() if ticket >= 50]
    assert set(rows["late_cause"].to_pylist()) == {"worker_lost"}
    assert set(rows["end"].to_pylist()) == {"never_started"}
    assert rows["planned_us"].to_pylist() == PLAN.planned_us[np.array(rows["ticket"].to_pylist())].tolist()
    assert book.never_begun([]).num_rows == 0


def test_heirs_get_even_shares() -> None:
    """Nine workers, one lost: the people of one worker are 9 apart, which is 1 modulo 8 heirs, or 3 modulo 6."""
    wide = plan((ArrivalStage(seconds=100, rate=20),), {"swiper": 1.0}, 400, 5)
    for workers in (4, 6, 7, 9, 16):
        book = TicketBook(wide, workers)
        for lost in range(workers - 2):
            heirs = list(range(lost + 1, workers))
            sizes = [len(share) for share in book.hand_over(lost, heirs).values()]
            assert len(sizes) == len(heirs)
            # A person has five tickets or so, and stays together.
            assert max(sizes) - min(sizes) <= 12, (workers, lost, sizes)
