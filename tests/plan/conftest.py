"""A tiny plan whose every figure can be had with a pencil."""

from __future__ import annotations

import pytest

from harness.plan import PlanInputs, Prices, Range, load_prices


@pytest.fixture(scope="session")
def prices() -> Prices:
    return load_prices()


@pytest.fixture(scope="session")
def tiny() -> PlanInputs:
    """1,200 people, one session of ten minutes each, all day alike; everybody swipes 20 cards and nothing else."""
    return PlanInputs(
        dau=1_200,
        sessions_per_day=1,
        session_minutes=10,
        curve=(1 / 24,) * 24,
        mix={"swiper": 1.0},
        swipes_per_session=Range(20, 20),
        titles_per_session=0,
        library_writes_per_session=0,
        conversations_listed=2,
    )
