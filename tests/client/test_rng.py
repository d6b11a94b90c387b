"""A generator for every question: no question shifts another."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from harness.client.rng import AHEAD, LightRandom, Rng


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


DRAWS: dict[str, Callable[[random.Random], object]] = {
    "random": lambda source: source.random(),
    "choices": lambda source: source.choices("abc", (1, 2, 3), k=2),
    "randint": lambda source: source.randint(1, 10),
    "randbytes": lambda source: source.randbytes(5),
    "getrandbits": lambda source: source.getrandbits(128),
    "sample": lambda source: source.sample(range(50), k=3),
    "uniform": lambda source: source.uniform(1, 2),
    "gauss": lambda source: source.gauss(0, 1),
    "shuffle": lambda source: source.shuffle([1, 2, 3]),
}


@given(st.text(max_size=5), st.lists(st.sampled_from(sorted(DRAWS)) | st.just("random"), max_size=3 * AHEAD))
def test_a_light_generator_draws_what_pythons_own_draws(key: str, asked: list[str]) -> None:
    light, whole = LightRandom(key), random.Random(key)
    assert [DRAWS[name](light) for name in asked] == [DRAWS[name](whole) for name in asked]


def test_values_of_known_seeds_stay() -> None:
    """Recorded runs are repeated by their seeds."""
    rng = Rng("5 12 3")
    assert rng.of("dwell_s").random() == random.Random("5 12 3 dwell_s").random()
    assert rng.randint(1, 10) == random.Random("5 12 3").randint(1, 10)


def test_a_session_of_ten_questions_is_light() -> None:
    def drawn(make: Callable[[str], random.Random]) -> int:
        tracemalloc.start()
        kept = [make(f"1 2 3 question {number}") for number in range(100)]
        for source in kept:
            for _ in range(10):
                source.random()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert drawn(LightRandom) < drawn(random.Random) / 4
