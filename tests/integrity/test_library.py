"""Titles that watchlist events and the table's own writes moved, in an order that nobody knows."""

from __future__ import annotations

import pandas as pd
import pytest

from reports.integrity import library

ME, FILM = b"m" * 16, b"f" * 16


def rows(*written: tuple[str, bool]) -> pd.DataFrame:
    made = [
        {"user_id": ME, "title_id": FILM, "status": status, "acknowledged": yes, "sent_us": place, "done_us": place}
        for place, (status, yes) in enumerate(written)
    ]
    return pd.DataFrame(made, columns=["user_id", "title_id", "status", "acknowledged", "sent_us", "done_us"])


def moves(*signs: int) -> pd.DataFrame:
    return pd.DataFrame([{"user_id": ME, "title_id": FILM, "number": sign} for sign in signs])


def stored(*statuses: str) -> pd.DataFrame:
    made = [{"user_id": ME, "title_id": FILM, "status": status} for status in statuses]
    return pd.DataFrame(made, columns=["user_id", "title_id", "status"])


WANTED, WATCHED, GONE = library.WANTED, "watched", library.GONE


@pytest.mark.parametrize(
    ("written", "signs", "stands", "wrong", "judged"),
    [
        ([(WANTED, True)], [1], [WANTED], 0, 1),
        ([(WANTED, True)], [1], [], 1, 1),
        ([(WANTED, True)], [1, 1], [WATCHED], 1, 1),
        ([(WANTED, True), (WATCHED, True)], [1], [WANTED], 0, 1),  # the event may come last
        ([(WATCHED, True)], [1], [WANTED], 0, 1),
        ([(WANTED, True), (WATCHED, False)], [1], [WATCHED], 0, 1),
        ([(GONE, True)], [-1], [], 0, 1),
        ([(GONE, True)], [-1], [WANTED], 1, 1),
        # nobody knows: unanswered, on and off, from before directions were noted
        ([(WANTED, False)], [1], [], 0, 0),
        ([(WANTED, True), (GONE, True)], [1], [], 0, 0),
        ([(WANTED, True)], [1, -1], [], 0, 0),
        ([(GONE, True)], [1], [], 0, 0),
        ([(WANTED, True)], [0], [], 0, 0),
    ],
)
def test_judged_where_all_want_the_same(
    written: list[tuple[str, bool]], signs: list[int], stands: list[str], wrong: int, judged: int
) -> None:
    found, count = library.disagreeing(rows(*written), moves(*signs), stored(*stands))
    assert (len(found), count) == (wrong, judged)


def test_without_any_such_title_there_is_nothing_to_judge() -> None:
    events = moves(1).assign(title_id=[b"o" * 16])
    found, count = library.disagreeing(rows((WANTED, True)), events, stored())
    assert (len(found), count) == (0, 0)
