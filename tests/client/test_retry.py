"""Contract 0.2, 1.1, 10.4: who tries again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api import retry


def cost(method: str, status: int | None, *, query: bool) -> tuple[int, float]:
    """Requests made and seconds waited when every answer is `status`: the layers walked as a caller walks them."""
    requests, waited = 0, 0.0
    for between in (0.0, *(retry.query_delays() if query else ())):
        waited += between
        requests += 1
        for delay in retry.transport_delays(method):
            if not retry.transport_retries(method, status):
                break
            waited += delay
            requests += 1
    return requests, waited


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 546, None])
def test_a_queried_get_costs_six_requests_at_worst(status: int | None) -> None:
    requests, waited = cost("GET", status, query=True)
    assert requests == 6
    assert waited == pytest.approx(0.2 + 0.4 + 1.0 + 0.2 + 0.4)


@pytest.mark.parametrize("status", [408, 429, 503, None])
def test_a_queried_rpc_costs_two_requests_at_worst(status: int | None) -> None:
    assert cost("POST", status, query=True) == (2, 1.0)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_write_is_made_once(method: str) -> None:
    assert cost(method, 503, query=False) == (1, 0.0)
    assert retry.transport_delays(method) == ()


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 406, 409, 422])
def test_final_answers_are_not_tried_again_by_the_transport(status: int) -> None:
    assert not retry.transport_retries("GET", status)
    assert not retry.transport_retries("HEAD", status)


def test_head_is_tried_like_get() -> None:
    assert retry.transport_delays("HEAD") == retry.transport_delays("GET") == (0.2, 0.4)
    assert retry.transport_retries("HEAD", None)


def test_the_landing_deck_waits_less() -> None:
    assert retry.query_delays(landing_deck=True) == (0.75,)


@pytest.mark.parametrize("status", [None, 502, 503, 504])
def test_a_refresh_is_tried_until_thirty_seconds(status: int | None) -> None:
    elapsed = 0.0
    delays: list[float] = []
    while (delay := retry.refresh_delay(len(delays) + 1, status, elapsed)) is not None:
        delays.append(delay)
        elapsed += delay
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8])
    assert not retry.refresh_loses_session(status)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refused_refresh_signs_out_at_once(status: int) -> None:
    assert retry.refresh_delay(1, status, 0.0) is None
    assert retry.refresh_loses_session(status)


@pytest.mark.parametrize(
    ("status", "data", "expected"),
    [(0, None, None), (200, None, None), (200, {"access_token": "a"}, 200), (429, None, 429), (503, {}, 503)],
)
def test_a_good_refresh_without_json_is_no_answer(status: int, data: object, expected: int | None) -> None:
    assert retry.refresh_answer(status, data) == expected


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "expires_in"])
def test_a_reply_without_a_part_of_a_session_names_none(missing: str) -> None:
    whole: dict[str, object] = {"access_token": "a", "refresh_token": "r", "expires_in": 3600}
    assert not retry.names_no_session(whole)
    assert retry.names_no_session({name: value for name, value in whole.items() if name != missing})
    assert retry.names_no_session(whole | {missing: 0})
    assert retry.names_no_session([whole])


def test_a_good_refresh_keeps_the_session() -> None:
    assert not retry.refresh_loses_session(200)


def test_refresh_failures_count_from_one() -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        retry.refresh_delay(0, None, 0.0)


@given(failures=st.integers(1, 12), elapsed=st.floats(0, 60), status=st.sampled_from([None, 502, 503, 504]))
def test_a_refresh_never_waits_beyond_its_budget(failures: int, elapsed: float, status: int | None) -> None:
    delay = retry.refresh_delay(failures, status, elapsed)
    assert delay is None or elapsed + delay < 30.0
    assert (delay is None) == (elapsed + 0.2 * 2 ** (failures - 1) >= 30.0)
