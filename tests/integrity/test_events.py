"""Every event ends in the class in which a person reading ledger and rows side by side would put it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.events.event_key import STATUS
from harness.core.ledger import WriteKind, WriteStep
from harness.evidence.tables import EVENTS
from reports.integrity import events
from tests.integrity.build import TAG, ZERO, Story

ZERO_US = round(ZERO.timestamp() * 1e6)
DAY = 86_400.0
SENT, YES, NO, OPEN, SILENCE = (
    WriteStep.SENT,
    WriteStep.ACKNOWLEDGED,
    WriteStep.REFUSED,
    WriteStep.UNSETTLED,
    WriteStep.UNANSWERED,
)


def classes(story: Story) -> tuple[events.EventClasses, list[int]]:
    writes = events.gathered(story.ledger_rows)
    found = events.matched(writes, story.stored(EVENTS), TAG)
    return events.classify(writes, found, ZERO_US), [int(place) & 0xFFFFFFFF for place in writes.place]


def of(story: Story, name: str) -> list[int]:
    """Sequences of the events in a class."""
    found, sequences = classes(story)
    return [sequences[row] for row in np.flatnonzero(getattr(found, name))]


def test_acknowledged_and_stored() -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    story.event(1.5, id_, 5)
    assert of(story, "exactly_once") == [1]


def test_acknowledged_and_nowhere_is_lost() -> None:
    story = Story()
    story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    assert of(story, "lost") == [1]


def test_the_same_key_on_the_same_day_is_one_row_for_two_events() -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    story.write(WriteKind.EVENT, 3, (SENT, 4), (YES, 5), key=5)
    story.event(1.5, id_, 5)
    assert (of(story, "exactly_once"), of(story, "merged"), of(story, "lost")) == ([1], [2], [])


def test_a_row_of_another_day_does_not_stand_for_todays_event() -> None:
    """A dedupe that ignores the day swallows what people do again tomorrow."""
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    story.write(WriteKind.EVENT, DAY, (SENT, DAY), (YES, DAY + 1), key=5)
    story.event(1.5, id_, 5)
    assert of(story, "lost") == [2]


@pytest.mark.parametrize("last_word", [None, OPEN, SILENCE])
@pytest.mark.parametrize("stored", [True, False])
def test_without_a_clear_answer_nothing_is_ever_called_a_loss(last_word: WriteStep | None, stored: bool) -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), *([(last_word, 2.0)] if last_word else []), key=5)
    if stored:
        story.event(1.5, id_, 5)
    assert of(story, "recovered") == ([1] if stored else [])
    assert of(story, "absent") == ([] if stored else [1])
    assert of(story, "lost") == of(story, "refused_but_stored") == []


def test_rejected_and_stored_all_the_same() -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (NO, 2), key=5)
    story.event(1.5, id_, 5)
    assert of(story, "refused_but_stored") == [1]


def test_a_refusal_after_silence_proves_nothing() -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (SILENCE, 2), (SENT, 3), (NO, 4), key=5)
    story.event(1.5, id_, 5)
    assert (of(story, "refused_but_stored"), of(story, "recovered")) == ([], [1])


def test_two_rows_on_one_day_are_doubled_and_on_two_days_a_midnight_replay() -> None:
    story = Story()
    _, twice = story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    _, across = story.write(WriteKind.EVENT, 0, (SENT, 1), (SENT, DAY), (YES, DAY + 1), key=6)
    for at, id_, key in ((1.2, twice, 5), (1.4, twice, 5), (1.6, across, 6), (DAY, across, 6)):
        story.event(at, id_, key)
    assert (of(story, "doubled"), of(story, "midnight")) == ([1], [2])


def test_one_key_twice_on_a_day_under_two_ids_is_doubled() -> None:
    story = Story()
    for at in (1.0, 2.0):
        _, id_ = story.write(WriteKind.EVENT, at, (SENT, at), (YES, at + 0.5), key=5)
        story.event(at, id_, 5)
    assert len(of(story, "doubled")) == 1


def test_status_operations_are_never_stored() -> None:
    story = Story()
    story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5, detail=STATUS)
    assert (of(story, "not_stored_by_design"), of(story, "lost")) == ([1], [])


def test_a_row_of_this_run_that_nobody_made_and_rows_of_others() -> None:
    story = Story()
    story.event(1.0, story.id(), 9)
    story.event(1.0, "00000000-0000-4000-8000-000000000001", 9)
    found, _ = classes(story)
    assert len(found.unknown) == 1


_words = st.lists(st.sampled_from([YES, NO, OPEN, SILENCE, None]), max_size=3)
_fates = st.lists(st.tuples(_words, st.integers(0, 3), st.lists(st.sampled_from([0, 1]), max_size=3)), max_size=12)


@given(_fates)
def test_like_a_person_with_two_lists(fates: list[tuple[list[WriteStep | None], int, list[int]]]) -> None:
    """Against the definitions, one event at a time: words it got, its key, the days on which its rows lie."""
    story, events_ = Story(), []
    for words, key, days in fates:
        steps: list[tuple[WriteStep, float]] = []
        for number, word in enumerate(words):
            steps += [(SENT, number)] + ([(word, number + 0.5)] if word is not None else [])
        _, id_ = story.write(WriteKind.EVENT, 0, *steps, key=key)
        for day in days:
            story.event(day * DAY + 1, id_, key)
        events_.append((words, key, days))
    found, _ = classes(story)
    all_rows = [(key, day) for _, key, days in events_ for day in days]
    for row, (words, key, days) in enumerate(events_):
        yes = YES in words
        expected: dict[str, Any] = {
            "exactly_once": yes and len(days) == 1,
            "merged": yes and not days and (key, 0) in all_rows,
            "lost": yes and not days and (key, 0) not in all_rows,
            "recovered": not yes and bool(days),
            "absent": not yes and not days,
            "refused_but_stored": bool(days) and bool(words) and set(words) == {NO},
        }
        assert {name: bool(getattr(found, name)[row]) for name in expected} == expected
        assert bool(found.midnight[row] or found.doubled[row]) >= (len(days) > 1)
