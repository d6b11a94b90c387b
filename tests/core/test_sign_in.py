"""Who is signed in when a run begins, and how many may ask for tokens: the limiter's own rules are never exceeded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.core.sign_in import PaceKeeper, SignInPace, has_stored_session, told


@given(
    share=st.floats(0, 1),
    per_5_minutes=st.integers(0, 1_000),
    burst=st.integers(0, 100),
    workers=st.integers(1, 8),
    waits=st.lists(st.floats(0, 30), max_size=200),
)
def test_all_workers_together_stay_within_the_limiters_bucket(
    share: float, per_5_minutes: int, burst: int, workers: int, waits: list[float]
) -> None:
    pace = SignInPace.of(share, per_5_minutes, burst, workers)
    keepers = [PaceKeeper(pace) for _ in range(workers)]
    tokens, last, now = float(burst), 1.0, 1.0
    for wait in (0.0, *waits):
        now += wait
        tokens = min(float(burst), tokens + (now - last) * per_5_minutes / 300)
        last = now
        taken = sum(keeper.take(now) for keeper in keepers)
        tokens -= taken
        assert tokens >= -1e-6, "the target's limiter would have refused one"


def test_the_share_is_of_people_and_the_same_everywhere() -> None:
    people = [has_stored_session(0.9, 7, person) for person in range(20_000)]
    assert 0.88 < sum(people) / len(people) < 0.92
    assert people == [has_stored_session(0.9, 7, person) for person in range(20_000)]
    assert people != [has_stored_session(0.9, 8, person) for person in range(20_000)]
    assert all(has_stored_session(1.0, 1, person) for person in range(1_000))
    assert not any(has_stored_session(0.0, 1, person) for person in range(1_000))


def test_the_record_says_which() -> None:
    said = told({"stored": 1_170, "password": 24, "paced": 6, "minted_refresh": 2, "refreshed": 1}, "ES256, kid k")
    assert "1,170 people had a stored session (minted, ES256, kid k)" in said
    assert "24 asked for tokens with their password" in said
    assert "6 more would have" in said
    assert "of 3 refreshes 2 were minted" in said
    said = told({"password": 1_024, "refreshed": 3}, "")
    assert said.startswith("sign-ins: nobody's tokens were minted; 1,024 times somebody asked for them")
