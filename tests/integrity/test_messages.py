"""Messages: once, lost, doubled, in order."""

from __future__ import annotations

import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.core.ledger import WriteKind, WriteStep
from harness.evidence.tables import MESSAGES
from reports.integrity import messages
from reports.integrity.writes import Writes, of_kind
from tests.integrity.build import CONVERSATION, TAG, Story, raw

SENT, YES, NO, SILENCE = WriteStep.SENT, WriteStep.ACKNOWLEDGED, WriteStep.REFUSED, WriteStep.UNANSWERED
ROW = str(uuid.UUID(int=99, version=4))


def look(story: Story) -> tuple[Writes, messages.StoredMessages, messages.MessageClasses]:
    writes = of_kind(WriteKind.MESSAGE, story.ledger_rows)
    found = messages.matched(writes, story.stored(MESSAGES), TAG)
    return writes, found, messages.classify(writes, found)


def say(story: Story, at: float, *steps: tuple[WriteStep, float], row: str | None = None) -> str:
    return story.write(WriteKind.MESSAGE, at, *steps, subject=CONVERSATION, row=row)[1]


def test_a_lost_reply_and_a_second_try_are_two_rows() -> None:
    story = Story()
    id_ = say(story, 0, (SENT, 1), (SILENCE, 2), (SENT, 3), (YES, 4))
    story.message(1.5, id_)
    story.message(3.5, id_)
    _, _, found = look(story)
    assert found.doubled.tolist() == [True]
    assert found.lost.tolist() == [False]


def test_acknowledged_and_gone() -> None:
    story = Story()
    say(story, 0, (SENT, 1), (YES, 2))
    assert look(story)[2].lost.tolist() == [True]


def test_a_deleted_message_is_found_by_its_row_and_an_edited_one_by_its_meta() -> None:
    story = Story()
    say(story, 0, (SENT, 1), (YES, 2), row=ROW)
    edited = say(story, 3, (SENT, 4), (YES, 5))
    story.message(1.5, None, id=raw(ROW))
    story.message(4.5, None, meta_client_id=raw(edited))
    assert look(story)[2].exactly_once.tolist() == [True, True]


def test_refused_and_stored_all_the_same() -> None:
    story = Story()
    story.message(1.5, say(story, 0, (SENT, 1), (NO, 2)))
    assert look(story)[2].refused_but_stored.tolist() == [True]


def test_swapped_messages_are_named() -> None:
    story = Story()
    first, second = say(story, 0, (SENT, 1), (YES, 2)), say(story, 0, (SENT, 3), (YES, 4))
    story.message(3.5, first)
    story.message(1.5, second)
    writes, found, _ = look(story)
    assert messages.out_of_order(writes, found) == [(0, 1)]


def test_messages_under_way_at_once_may_come_in_any_order() -> None:
    story = Story()
    first, second = say(story, 0, (SENT, 1), (YES, 4)), say(story, 0, (SENT, 2), (YES, 3))
    story.message(3.5, first)
    story.message(2.5, second)
    writes, found, _ = look(story)
    assert messages.out_of_order(writes, found) == []


@given(st.permutations(range(6)), st.lists(st.integers(1, 30), min_size=6, max_size=6))
def test_order_is_broken_exactly_where_an_acknowledged_message_stands_behind_a_later_one(
    stored_order: list[int], tenths: list[int]
) -> None:
    answer_times = [tenth / 10 for tenth in tenths]
    story = Story()
    ids = [say(story, 0, (SENT, n), (YES, n + answer_times[n])) for n in range(6)]
    for place, number in enumerate(stored_order):
        story.message(100 + place, ids[number])
    writes, found, _ = look(story)
    place_of = {number: place for place, number in enumerate(stored_order)}
    broken = {
        later
        for later in range(6)
        for earlier in range(later)
        if earlier + answer_times[earlier] < later and place_of[earlier] > place_of[later]
    }
    pairs = messages.out_of_order(writes, found)
    assert {later for _, later in pairs} == broken
    assert all(place_of[earlier] > place_of[later] for earlier, later in pairs)


def test_nothing_at_all() -> None:
    writes, found, result = look(Story())
    assert not len(writes)
    assert not messages.out_of_order(writes, found)
    assert not np.any(result.lost)
