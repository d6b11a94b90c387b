"""The order of the pieces: by turns, nobody left out, and what was done is not done again."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.levers.piece import Piece
from harness.levers.state import Asked, LeversState
from harness.levers.table import GROUPS, LEVERS, Lever, chosen
from harness.levers.turns import BLOCK, Turn, minutes, turns, warmed

SOME = st.lists(st.sampled_from(LEVERS), unique_by=lambda lever: lever.name, min_size=1)


def piece(turn: Turn) -> Piece:
    group, lever, round_ = turn.key
    return Piece(
        group=group, lever=lever, round=round_, seed=turn.seed, run="r", took_s=20, sessions=10, closed=0, swipes=5,
        messages=5, totals={}, endpoints={}, tables={}, p95={}, people={}, expected={},
    )  # fmt: skip


@given(SOME, st.integers(min_value=2, max_value=4))
def test_each_lever_has_a_piece_a_round_beside_a_baseline_of_its_seed(levers: list[Lever], rounds: int) -> None:
    found = turns(levers, rounds, 7)
    counts = Counter(turn.key for turn in found)
    for lever in levers:
        for number in range(rounds):
            assert counts[(lever.group.name, lever.name, number)] == 1
            assert counts[(lever.group.name, "", number)] >= 1
    assert {(turn.round, turn.seed) for turn in found} == {(number, 7 + number) for number in range(rounds)}


@given(SOME)
def test_no_lever_is_far_from_a_baseline(levers: list[Lever]) -> None:
    found = turns(levers, 2, 1)
    for group in GROUPS:
        mine = [turn for turn in found if turn.group == group and turn.round == 0]
        since = 0
        for turn in mine:
            since = 0 if turn.lever is None else since + 1
            assert since <= BLOCK
        if len(mine) > 4:
            assert mine[0].lever is None
            assert mine[-1].lever is None


def test_one_lever_goes_forth_and_back() -> None:
    names = [turn.lever.name if turn.lever else "" for turn in turns(chosen(["batch-25"]), 4, 1)]
    assert names == ["", "batch-25", "batch-25", "", "", "batch-25", "batch-25", ""]


def test_what_needs_another_sandbox_comes_last_and_together() -> None:
    stations = [turn.station for turn in turns(LEVERS, 2, 1)]
    seen = list(dict.fromkeys(stations))
    assert seen[0].strip() == ""
    for one in seen:
        first = stations.index(one)
        assert stations[first : first + stations.count(one)] == [one] * stations.count(one)


@given(SOME, st.integers(min_value=0, max_value=80))
def test_an_interrupted_comparison_goes_on_where_it_stopped(levers: list[Lever], done: int) -> None:
    todo = turns(levers, 2, 1)
    asked = Asked(profile="levers", target="sandbox", seed=1, load_s=10)
    state = LeversState(asked=asked, rounds=2, levers=tuple(one.name for one in levers))
    for turn in todo[:done]:
        state = state.with_(piece(turn))
    left = state.left(todo)
    assert Counter(turn.key for turn in left) == Counter(turn.key for turn in todo[done:])


@given(SOME)
def test_each_seed_of_a_sandbox_is_warmed_before_anything_counts(levers: list[Lever]) -> None:
    todo = turns(levers, 2, 1)
    found = warmed(todo)
    assert [turn for turn in found if turn.counts] == todo
    known: set[tuple[tuple[str, ...], int, str]] = set()
    for turn in found:
        place = (turn.bench, turn.seed, turn.station)
        assert turn.counts == (place in known) or not turn.counts
        known.add(place)
    assert all(turn.lever is None for turn in found if not turn.counts)


def test_all_levers_in_the_short_form_fit_into_half_an_hour() -> None:
    """Of a session's twelve seconds after ten of beginning; measured pieces on two quiet cores take less."""
    short = [lever for lever in LEVERS if not lever.switches]
    assert minutes(turns(short, 2, 1), 18, own_sandbox=True, piece_s=26) < 30


def test_a_lever_of_the_sandbox_stands_beside_a_baseline_of_the_same_age() -> None:
    found = turns(chosen(["hardened", "batch-25"]), 2, 1)
    beside = [turn for turn in found if turn.group == "beside"]
    assert {turn.bench for turn in beside} == {(), ("hardened=on",)}
    assert len({turn.station for turn in beside}) == 1
    assert {turn.station for turn in found if turn.group == "shipped"}.isdisjoint({turn.station for turn in beside})
