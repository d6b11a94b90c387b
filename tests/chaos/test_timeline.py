"""Who a timeline hits depends on seed, entry, person and sequence alone; and what a profile may say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.lost_reply import LostReplyFault
from chaos.faults.offline import OfflineFault
from chaos.timeline import ScheduledFault, Timeline, contradictions
from harness.config.load import load_profile
from harness.core.errors import UsageError
from harness.core.profile import Profile

LOST, DARK = LostReplyFault.parse({}), OfflineFault.parse({})
HALF = ScheduledFault("half", LOST, 10.0, 20.0, share=0.3)


def within(hits: int, of: int, share: float) -> bool:
    """Binomial: within four standard deviations."""
    return abs(hits - of * share) <= 4 * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_share_is_hit(share: float) -> None:
    entry = ScheduledFault("x", LOST, 0.0, 1.0, share=share)
    hits = sum(entry.hits(7, person, turn, 0.5) for person in range(200) for turn in range(50))
    assert within(hits, 10_000, share)


def test_the_same_ones_with_one_two_and_four_workers() -> None:
    """A worker serves the people whose number is its own modulo the workers, in an order of its own."""
    sets = []
    for workers in (1, 2, 4):
        found = set()
        for worker in reversed(range(workers)):
            for turn in range(40):
                for person in range(worker, 100, workers):
                    if HALF.hits(3, person, turn, 15.0):
                        found.add((person, turn))
        sets.append(found)
    assert sets[0] == sets[1] == sets[2]
    assert within(len(sets[0]), 4_000, 0.3)


def test_another_seed_and_another_entry_hit_others() -> None:
    def hit(entry: ScheduledFault, seed: int) -> set[int]:
        return {turn for turn in range(200) if entry.hits(seed, 1, turn, 15.0)}

    other = ScheduledFault("other", LOST, 10.0, 20.0, share=0.3)
    assert len({frozenset(hit(HALF, 1)), frozenset(hit(HALF, 2)), frozenset(hit(other, 1))}) == 3


def test_nobody_is_hit_outside_its_time() -> None:
    sure = ScheduledFault("sure", LOST, 10.0, 20.0)
    assert [sure.hits(1, 1, 0, at) for at in (9.999, 10.0, 19.999, 20.0)] == [False, True, True, False]


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_ramp_only_adds(one: float, other: float) -> None:
    entry = ScheduledFault("ramp", LOST, 0.0, 10.5, ramp_s=8.0, share=0.8)
    early, late = sorted((one, other))
    assert all(entry.hits(1, 5, turn, late) for turn in range(60) if entry.hits(1, 5, turn, early))
    assert entry.share_at(4.0) == pytest.approx(0.4)
    assert entry.share_at(9.0) == 0.8


def test_cohorts_are_the_same_people_everywhere_and_need_not_meet() -> None:
    def people(name: str, low: float, high: float) -> set[int]:
        entry = ScheduledFault(name, DARK, 0.0, 1.0, cohort=(low, high))
        return {person for person in range(1_000) if entry.in_cohort(9, person)}

    small, large, rest = people("a", 0, 0.3), people("b", 0, 0.6), people("c", 0.6, 1.0)
    assert small < large
    assert not large & rest
    assert large | rest == set(range(1_000))
    assert within(len(large), 1_000, 0.6)


def test_phones_join_one_after_another_while_the_ramp_lasts() -> None:
    entry = ScheduledFault("slow", DARK, 10.0, 30.0, ramp_s=10.0)
    joins = [entry.joins_s(1, person) for person in range(500)]
    assert min(joins) >= 10
    assert max(joins) < 20
    assert 14 < sum(joins) / 500 < 16


def test_moments_come_in_order() -> None:
    first = ScheduledFault("first", DARK, 5.0, 10.0)
    second = ScheduledFault("second", LOST, 10.0, 20.0, ramp_s=2.0)
    moments = Timeline((second, first), 1).moments()
    assert [(moment.at_s, moment.event, moment.entry.name) for moment in moments] == [
        (5.0, "start", "first"),
        (10.0, "end", "first"),
        (10.0, "start", "second"),
        (12.0, "change", "second"),
        (20.0, "end", "second"),
    ]


def test_a_phone_has_one_network() -> None:
    one = ScheduledFault("one", DARK, 0.0, 10.0, cohort=(0.0, 0.5))
    assert contradictions([one, ScheduledFault("two", DARK, 5.0, 15.0)])
    assert not contradictions([one, ScheduledFault("two", DARK, 10.0, 15.0)])
    assert not contradictions([one, ScheduledFault("two", DARK, 5.0, 15.0, cohort=(0.5, 1.0))])


# ---- in a profile ---------------------------------------------------------------------------------------------


def profile(folder: Path, chaos: str) -> Profile:
    path = folder / "try.toml"
    path.write_text(f'name = "try"\nextends = "smoke"\n{chaos}', encoding="utf-8")
    return load_profile(path)


def test_an_entry_may_count_from_a_phase_and_survives_the_order_file(tmp_path: Path) -> None:
    loaded = profile(tmp_path, '[[chaos]]\nfault = "lost_reply"\nat = "measure + 5"\nfor = 10\nshare = 0.1\n')
    (entry,) = loaded.timeline(4).entries
    assert (entry.name, entry.start_s, entry.end_s, entry.share) == ("lost_reply", 15.0, 25.0, 0.1)
    assert Profile.model_validate_json(loaded.model_dump_json()) == loaded


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('fault = "lost_replyy"\nat = 1\nfor = 1', "did you mean lost_reply?"),
        ('fault = "offline"\nat = 1\nfor = 1\nparameters = { back_withing = 1 }', "did you mean back_within?"),
        ('fault = "latency"\nat = 1\nfor = 1\nparameters = { latency = -1 }', "must be 0 or more"),
        ('fault = "lost_reply"\nat = "measured + 5"\nfor = 1', "is no instant"),
        ('fault = "lost_reply"\nat = 70\nfor = 1', "begin earlier"),
        ('fault = "lost_reply"\nat = 50\nfor = 11', "at most 10"),
        ('fault = "lost_reply"\nat = 1\nfor = 1\nramp = 2', "longer than for"),
        ('fault = "lost_reply"\nat = 1\nfo = 1', "did you mean for?"),
        ('fault = "lost_reply"\nat = 1\nfor = 1\nwhere = { personas = ["redaer"] }', "did you mean reader?"),
        ('fault = "lost_reply"\nat = 1\nfor = 1\nwhere = { calls = ["swipe_event"] }', "did you mean swipe_events?"),
        ('fault = "offline"\nat = 1\nfor = 1\nshare = 0.5', "give where.cohort"),
        ('fault = "ws_drop"\nat = 1\nfor = 1\nwhere = { cohort = 0.5 }', "knows neither calls nor people"),
        ('fault = "herd"\nat = 1\nfor = 9\n[[chaos]]\nfault = "offline"\nat = 2\nfor = 3', "both decide the network"),
        ('fault = "herd"\nat = 1\nfor = 2\n[[chaos]]\nfault = "herd"\nat = 9\nfor = 3', "give each its own name"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile(tmp_path, f"[[chaos]]\n{entry}\n")
    assert words in str(caught.value)
