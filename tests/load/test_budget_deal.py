"""What all workers may do together never exceeds the limits, whoever is lost, stands still or comes back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.wire_limits import LEASE_S, WireLimits, WireShare
from harness.load.budget_deal import BudgetDeal, shares

LIMITS = WireLimits(requests_per_second=20.0, connections_per_second=10.0, sockets=50)


@given(st.integers(0, 500), st.dictionaries(st.integers(0, 30), st.integers(0, 1000), min_size=1, max_size=30))
def test_shares_are_whole_add_up_and_leave_nobody_out(total: int, weights: dict[int, int]) -> None:
    made = shares(total, weights)
    assert sum(made.values()) == total
    assert min(made.values()) >= (1 if total >= len(weights) else 0)
    rest, weight = total - len(weights) * (total >= len(weights)), sum(weights.values())
    for key, own in weights.items():
        exact = rest * (own / weight if weight else 1 / len(weights)) + (total >= len(weights))
        assert abs(made[key] - exact) < 1 + 1e-6


def test_one_worker_has_everything() -> None:
    assert BudgetDeal(LIMITS).grant(0, {0: 10}, 0.0) == WireShare(22, 11, 50) == LIMITS.whole


def test_by_tickets() -> None:
    deal = BudgetDeal(LIMITS)
    weights = {0: 100, 1: 100, 2: 100, 3: 300}
    assert [deal.grant(worker, weights, 0.0).requests for worker in weights] == [4, 4, 4, 10]


def test_a_lost_workers_share_is_dealt_again_when_it_cannot_use_it_any_more() -> None:
    deal = BudgetDeal(LIMITS)
    both, one = {0: 10, 1: 10}, {0: 10}
    assert deal.grant(0, both, 0.0).requests == deal.grant(1, both, 0.1).requests == 11
    assert deal.grant(0, one, 2.0).requests == 11  # the other one may still go by what it was told
    assert deal.grant(0, one, 0.1 + LEASE_S).requests == 11  # and what it did until now counts for a second
    assert deal.grant(0, one, 0.1 + LEASE_S + 1.2).requests == 22


def test_one_that_comes_back_gets_its_share_when_the_others_have_less() -> None:
    deal = BudgetDeal(LIMITS)
    both = {0: 10, 1: 10}
    assert deal.grant(0, {0: 10}, 0.0).requests == 22
    assert deal.grant(1, both, 1.0).requests == 0
    assert deal.grant(0, both, 1.5).requests == 11
    assert deal.grant(1, both, 2.0).requests == 0  # the news is on its way to worker 0
    assert deal.grant(1, both, 4.0).requests == 11


events = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0.0, 2.0), st.sets(st.integers(0, 3), max_size=3)), min_size=1, max_size=25
)


@settings(max_examples=50)
@given(events)
def test_never_more_than_the_limits_together(told: list[tuple[int, float, set[int]]]) -> None:
    """Each worker goes by its last answer as long as that holds; the answers come in any order of workers."""
    deal, now = BudgetDeal(LIMITS), 0.0
    held: dict[int, tuple[WireShare, float]] = {}
    for worker, later, lost in told:
        now += later
        there = {number: 1 + number for number in range(4) if number == worker or number not in lost}
        held[worker] = (deal.grant(worker, there, now), now)
        valid = [share for share, at in held.values() if now - at < LEASE_S]
        for kind in ("requests", "connections", "sockets"):
            assert sum(getattr(share, kind) for share in valid) <= getattr(LIMITS.whole, kind)
