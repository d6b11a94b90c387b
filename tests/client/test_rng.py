"""A generator for every question: no question shifts another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.client.rng import Rng


@given(st.lists(st.sampled_from(["titles", "retry", "away"]), max_size=30))
def test_throws_of_one_question_do_not_depend_on_the_others(asked: list[str]) -> None:
    alone, among = Rng("1 2 3"), Rng("1 2 3")
    expected = [alone.of("dwell_s").random() for _ in range(3)]
    found = []
    for _ in range(3):
        for question in asked:
            among.of(question).random()
            among.random()
        found.append(among.of("dwell_s").random())
    assert found == expected


@given(st.lists(st.integers(1, 50), min_size=1, max_size=10))
def test_a_pick_is_one_throw_however_many_things_there_are(sizes: list[int]) -> None:
    rng, plain = Rng("k"), Rng("k")
    for size in sizes:
        assert rng.pick("title", range(size)) == int(plain.of("title").random() * size)
    assert rng.of("title").random() == plain.of("title").random()


def test_sessions_differ() -> None:
    keys = [f"1 {person} {ticket}" for person in range(5) for ticket in range(5)]
    assert len({Rng(key).of("swipes").random() for key in keys}) == 25
