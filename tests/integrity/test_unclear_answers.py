"""A request without a clear answer may be carried out later than the one that came after it, also when a second try was
acknowledged in between: what it left is nobody's loss."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import Outcome
from reports.integrity import changes, frames, last_seen, library
from tests.integrity.build import Story, raw
from tests.integrity.test_dates_of_phones import ANN, at, key

FILM = str(uuid.UUID(int=43, version=4))
MESSAGE = str(uuid.UUID(int=44, version=4))
UNCLEAR = [WriteStep.UNANSWERED, WriteStep.UNSETTLED, None]


def write(story: Story, kind: WriteKind, sent: float, *unclear: WriteStep | None, **facts: Any) -> None:
    """Tries that ended so, a second each, and one that was acknowledged."""
    entry = story.ledger.intend(kind, 1, sent, **facts)
    for number, step in enumerate((*unclear, WriteStep.ACKNOWLEDGED)):
        story.ledger.step(entry, WriteStep.SENT, sent + number)
        if step is not None:
            story.ledger.step(entry, step, sent + number + 0.9, Outcome.OK)


def written(story: Story, *kinds: WriteKind) -> pd.DataFrame:
    story.ledger.intend(WriteKind.PERSON, 1, 0.0, subject=ANN)
    return frames.writes(story.ledger_rows, kinds)


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_a_title_that_an_old_try_put_back_is_no_loss(unclear: WriteStep | None) -> None:
    def judged(*first: WriteStep | None) -> tuple[int, int]:
        story = Story()
        write(story, WriteKind.LIBRARY, 3.0, *first, subject=FILM)
        write(story, WriteKind.UNLIBRARY, 9.0, subject=FILM)
        tries = written(story, WriteKind.LIBRARY, WriteKind.UNLIBRARY).rename(columns={"subject": "title_id"})
        tries["status"] = np.where(tries["kind"] == WriteKind.LIBRARY, "watched", library.GONE)
        stored = pd.DataFrame({"user_id": [raw(ANN)], "title_id": [raw(FILM)], "status": ["watched"]})
        wrong, looked_at = library.differing(tries, stored)
        return len(wrong), looked_at

    assert judged(unclear) == (0, 0)
    assert judged() == (1, 1)


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_a_time_that_an_old_try_wrote_again_is_no_loss(unclear: WriteStep | None) -> None:
    def odd(*first: WriteStep | None) -> int:
        story = Story()
        write(story, WriteKind.SEEN, 3.0, *first, subject=ANN, key=key(3.0))
        write(story, WriteKind.SEEN, 63.0, subject=ANN, key=key(63.0))
        tries = written(story, WriteKind.SEEN).rename(columns={"subject": "account"})
        stored = pd.DataFrame({"id": [raw(ANN)], "last_seen_at": pd.to_datetime([at(3.0)], utc=True)})
        return len(last_seen.outdated(tries, stored)[0])

    assert odd(unclear) == 0
    assert odd() == 1


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_an_edit_that_was_sent_twice_may_be_the_last_one(unclear: WriteStep | None) -> None:
    def may(*first: WriteStep | None) -> int:
        story = Story()
        write(story, WriteKind.EDIT, 3.0, *first, object_=MESSAGE)
        write(story, WriteKind.EDIT, 9.0, object_=MESSAGE)
        (tries,) = changes.gathered(story.ledger_rows).values()
        return len(changes.allowed(tries))

    assert may(unclear) == 2
    assert may() == 1
