"""Times that a phone sent and nobody but the app shows: of follows, and of when somebody was there."""

from __future__ import annotations

import uuid
from typing import Any

import pandas as pd
import pytest

from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import Outcome
from reports.integrity import follows_dated, frames, last_seen
from reports.integrity.library import GONE, THERE
from tests.integrity.build import ZERO, Story, raw
from tests.integrity.test_events import ZERO_US

SENT, YES, SILENCE = WriteStep.SENT, WriteStep.ACKNOWLEDGED, WriteStep.UNANSWERED
ANN, BOB = str(uuid.UUID(int=41, version=4)), str(uuid.UUID(int=42, version=4))


def at(seconds: float) -> Any:
    return pd.Timestamp(ZERO) + pd.Timedelta(seconds=seconds)


def key(seconds: float) -> int:
    return ZERO_US + round(seconds * 1e6)


def write(
    story: Story, kind: WriteKind, sent: float, step: WriteStep = YES, outcome: Outcome = Outcome.OK, by: float = 0.0
) -> None:
    """A second long; the phone's clock is `by` seconds ahead of the run's."""
    subject = ANN if kind is WriteKind.SEEN else BOB
    entry = story.ledger.intend(kind, 1, sent, subject=subject, key=key(sent + by))
    story.ledger.step(entry, SENT, sent)
    story.ledger.step(entry, step, sent + 1, outcome)


def follow_dates(story: Story, *stored: float, ahead: float = 0.0) -> tuple[list[str], int]:
    story.ledger.intend(WriteKind.PERSON, 1, 0.0, subject=ANN)
    writes = frames.writes(story.ledger_rows, [WriteKind.FOLLOW, WriteKind.UNFOLLOW])
    writes = writes.rename(columns={"user_id": "follower_id", "subject": "followed_id"})
    writes = writes.assign(status=[THERE if kind == WriteKind.FOLLOW else GONE for kind in writes["kind"]])
    rows = [(raw(ANN), raw(BOB), at(seconds)) for seconds in stored]
    there = pd.DataFrame(rows, columns=["follower_id", "followed_id", "created_at"])
    there["created_at"] = there["created_at"].astype("datetime64[us, UTC]")
    odd, judged = follows_dated.misdated(writes, there, ZERO_US + round(ahead * 1e6))
    return odd["why"].tolist(), judged


@pytest.mark.parametrize(
    ("stored", "ahead", "words"),
    [
        (3.0, 0.0, []),
        (3.0, 90.0, []),  # the database's clock is another one, and did not date it
        (93.5, 90.0, []),  # it did
        (3.0 - 18_000, 0.0, ["dated 5.0 h before it was made"]),
        (3.0 - 18_000, -90.0, ["dated 5.0 h before it was made"]),
        (63.0, 0.0, ["dated 60.0 s after it was made"]),
    ],
)
def test_a_follow_is_dated_as_it_was_made(stored: float, ahead: float, words: list[str]) -> None:
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0)
    assert follow_dates(story, stored, ahead=ahead) == (words, 1)


def test_a_phone_whose_clock_is_wrong_dates_it_wrongly_and_so_it_stands() -> None:
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0, by=-3_600.0)
    assert follow_dates(story, 3.0 - 3_600) == ([], 1)


def test_who_was_followed_before_was_not_followed_now() -> None:
    """The same seed once more, on the same people."""
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0, outcome=Outcome.CONFLICT)
    assert follow_dates(story, -86_400.0) == ([], 0)
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0)
    write(story, WriteKind.FOLLOW, 6.0, outcome=Outcome.CONFLICT)
    assert follow_dates(story, 3.0) == ([], 1)
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0, outcome=Outcome.CONFLICT)
    write(story, WriteKind.UNFOLLOW, 6.0)
    write(story, WriteKind.FOLLOW, 9.0)
    assert follow_dates(story, 9.0) == ([], 1)
    assert follow_dates(story, -86_400.0) == (["dated 24.0 h before it was made"], 1)


def test_of_a_follow_without_a_clear_answer_nothing_is_said() -> None:
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0, SILENCE)
    write(story, WriteKind.FOLLOW, 6.0)
    assert follow_dates(story, -86_400.0) == ([], 0)
    assert follow_dates(Story()) == ([], 0)
    story = Story()
    write(story, WriteKind.FOLLOW, 3.0)
    assert follow_dates(story) == ([], 0), "that it is gone says another rule"


def seen(story: Story, stored: float | None) -> tuple[list[str], int]:
    writes = frames.writes(story.ledger_rows, [WriteKind.SEEN]).rename(columns={"subject": "account"})
    there = pd.DataFrame({"id": [raw(ANN)], "last_seen_at": [pd.NaT if stored is None else at(stored)]})
    there["last_seen_at"] = pd.to_datetime(there["last_seen_at"], utc=True)
    odd, judged = last_seen.outdated(writes, there)
    return odd["why"].tolist(), judged


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (63.0, []),
        (900.0, []),  # another phone of hers, later
        (3.0, ["seen last 60.0 s before they wrote it"]),
        (63.0 - 18_000, ["seen last 5.0 h before they wrote it"]),
        (None, ["said when they were there, and no time is stored"]),
    ],
)
def test_nobody_was_seen_last_before_they_said_so(stored: float | None, words: list[str]) -> None:
    story = Story()
    write(story, WriteKind.SEEN, 3.0)
    write(story, WriteKind.SEEN, 63.0)
    assert seen(story, stored) == (words, 1)


def test_what_may_have_been_written_last_may_stand_there() -> None:
    story = Story()
    write(story, WriteKind.SEEN, 3.0)
    write(story, WriteKind.SEEN, 3.5)  # from another tab, while the first was under way
    assert seen(story, 3.0) == ([], 1)
    story = Story()
    write(story, WriteKind.SEEN, 3.0, SILENCE)  # it may arrive at any time
    write(story, WriteKind.SEEN, 63.0)
    assert seen(story, 3.0) == ([], 1)
    assert seen(story, 2.0)[0]
    story = Story()
    write(story, WriteKind.SEEN, 3.0, SILENCE)
    assert seen(story, 1.0) == ([], 0)
    story = Story()
    write(story, WriteKind.SEEN, 63.0)
    write(story, WriteKind.SEEN, 130.0, by=-600.0)  # its clock was set back
    assert seen(story, -470.0) == ([], 1)
