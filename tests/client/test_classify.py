"""Nothing is believed because it answered 200."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api.call import Service
from harness.client.api.classify import Reading, counted, invoked, read
from harness.core.outcome import Outcome
from harness.core.platform_limits import limit_of


def outcome(service: Service, status: int, body: object) -> Outcome:
    return read(service, status, body if isinstance(body, bytes) else orjson.dumps(body)).outcome


def events(**changes: object) -> dict[str, object]:
    return {
        "ok": True,
        "acceptedClientEventIds": ["a"],
        "rejectedClientEventIds": [],
        "retryClientEventIds": [],
        "shouldRetry": False,
        "issues": [],
        **changes,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (events(), Outcome.OK),
        (events(issues=[{"level": "warn", "code": "DECK_CONTEXT_DROPPED"}]), Outcome.OK),
        (
            events(acceptedClientEventIds=[], shouldRetry=True, issues=[{"level": "warn", "code": "RATE_LIMIT"}]),
            Outcome.RATE_LIMITED,
        ),
        (events(acceptedClientEventIds=[], issues=[{"level": "error", "code": "BAD_JSON"}]), Outcome.SOFT_FAILURE),
        (events(issues=[{"level": "error", "code": "UNEXPECTED"}]), Outcome.SOFT_FAILURE),
        (events(retryClientEventIds=["b"], shouldRetry=True), Outcome.SOFT_FAILURE),
        (events(rejectedClientEventIds=["b"], issues=[{"code": "DB_REJECTED"}]), Outcome.REJECTED),
        ({"ok": True}, Outcome.SOFT_FAILURE),
        (b"<html>gateway</html>", Outcome.SOFT_FAILURE),
        (b"", Outcome.SOFT_FAILURE),
        (b"null", Outcome.SOFT_FAILURE),
    ],
)
def test_the_event_endpoint_is_judged_by_its_body(body: object, expected: Outcome) -> None:
    assert outcome(Service.EVENTS, 200, body) is expected


@pytest.mark.parametrize(
    ("service", "status", "body", "expected"),
    [
        (Service.FUNCTION, 200, {"ok": True, "cards": []}, Outcome.OK),
        (Service.FUNCTION, 200, {"ok": False, "code": "X"}, Outcome.SOFT_FAILURE),
        (Service.FUNCTION, 200, b"null", Outcome.SOFT_FAILURE),
        (Service.FUNCTION, 429, {"ok": False, "code": "RATE_LIMIT"}, Outcome.RATE_LIMITED),
        (Service.FUNCTION, 401, {"ok": False, "code": "INVALID_SESSION"}, Outcome.AUTH),
        (Service.REST, 200, [], Outcome.OK),
        (Service.REST, 201, b"", Outcome.OK),
        (Service.REST, 204, b"", Outcome.OK),
        (Service.REST, 200, b'[{"id":', Outcome.SOFT_FAILURE),
        (Service.REST, 302, b"", Outcome.CLIENT_ERROR),
        (Service.REST, 403, {"code": "42501"}, Outcome.REJECTED),
        (Service.REST, 409, {"code": "23505"}, Outcome.CONFLICT),
        (Service.REST, 400, {"code": "P0001"}, Outcome.CLIENT_ERROR),
        (Service.REST, 504, {"code": "PGRST003"}, Outcome.QUOTA),
        (Service.REST, 500, {"code": "57014"}, Outcome.SERVER_ERROR),
        (Service.REST, 503, b"<html>", Outcome.SERVER_ERROR),
        (Service.REST, 408, b"", Outcome.TIMEOUT),
        (Service.AUTH, 400, {"code": "invalid_credentials"}, Outcome.AUTH),
        (Service.AUTH, 200, {"access_token": "t"}, Outcome.OK),
        (Service.AUTH, 400, {"code": 400, "error_code": "refresh_token_not_found"}, Outcome.AUTH),
        (Service.AUTH, 429, {"code": 429, "error_code": "over_request_rate_limit"}, Outcome.RATE_LIMITED),
        (Service.FUNCTION, 546, {"code": "WORKER_LIMIT"}, Outcome.SERVER_ERROR),
        (Service.EVENTS, 546, b"", Outcome.SERVER_ERROR),
    ],
)
def test_status_and_body_give_the_outcome(service: Service, status: int, body: object, expected: Outcome) -> None:
    assert outcome(service, status, body) is expected


@pytest.mark.parametrize(
    ("service", "status", "body", "limit"),
    [
        (Service.AUTH, 429, {"code": 429, "error_code": "over_request_rate_limit"}, "over_request_rate_limit"),
        (Service.AUTH, 429, {"code": "over_request_rate_limit"}, "over_request_rate_limit"),
        (Service.FUNCTION, 546, {"code": "WORKER_LIMIT"}, "WORKER_RESOURCE_LIMIT"),
        (Service.EVENTS, 546, b"", "WORKER_RESOURCE_LIMIT"),
        (Service.FUNCTION, 503, {"code": "BOOT_ERROR"}, "BOOT_ERROR"),
        (Service.FUNCTION, 504, {"code": "IDLE_TIMEOUT"}, "IDLE_TIMEOUT"),
        (Service.REST, 504, {"code": "PGRST003"}, "PGRST003"),
        (Service.REST, 500, {"code": "57014"}, "57014"),
        (Service.REST, 503, b"<html>", ""),
        (Service.FUNCTION, 429, {"code": "RATE_LIMIT"}, ""),
        (
            Service.EVENTS,
            200,
            events(
                acceptedClientEventIds=[],
                rejectedClientEventIds=["a"],
                issues=[{"code": "BULK_UPSERT_FAILED", "meta": {"code": "PGRST003"}}, {"code": "DB_REJECTED"}],
            ),
            "PGRST003",
        ),
        (
            Service.EVENTS,
            200,
            events(retryClientEventIds=["a"], issues=[{"code": "BULK_UPSERT_FAILED", "meta": {"code": "57014"}}]),
            "57014",
        ),
        (Service.EVENTS, 200, events(retryClientEventIds=["a"], issues=[{"code": "DB_RETRY", "meta": ["57014"]}]), ""),
        (Service.EVENTS, 200, events(issues=[{"code": "BULK_UPSERT_FAILED", "meta": {"code": "57014"}}]), ""),
        (Service.FUNCTION, 500, {"code": ["57014"]}, ""),
    ],
)
def test_a_limit_of_the_platform_is_known_by_its_code(service: Service, status: int, body: object, limit: str) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    assert limit_of(read(service, status, content).code) == limit


@given(st.sampled_from(list(Service)), st.integers(200, 599), st.binary(max_size=200))
def test_garbage_is_an_outcome_never_an_exception(service: Service, status: int, body: bytes) -> None:
    reading = read(service, status, body)
    assert reading.status == status
    if status >= 400:
        assert reading.outcome is not Outcome.OK


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ok", "code", "issues", "acceptedClientEventIds", "rejectedClientEventIds", "retryClientEventIds"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(list(Service)), st.sampled_from([200, 201, 400, 401, 403, 429, 500, 503]), json_values)
def test_any_json_is_an_outcome(service: Service, status: int, value: object) -> None:
    assert isinstance(read(service, status, orjson.dumps(value)).outcome, Outcome)


@pytest.mark.parametrize("kind", [b"application/json", b"application/json; charset=utf-8", b"application/json ;x=y"])
def test_the_app_reads_a_function_that_says_it_answers_with_json(kind: bytes) -> None:
    reading = Reading(Outcome.OK, {"a": 1}, status=200)
    assert invoked(reading, kind) is reading


@pytest.mark.parametrize("kind", [None, b"", b"text/html; charset=utf-8", b"text/plain", b"application/octet-stream"])
def test_anything_else_of_a_function_is_text_to_the_app(kind: bytes | None) -> None:
    found = invoked(Reading(Outcome.OK, {"a": 1}, status=200), kind)
    assert (found.outcome, found.code, found.data) == (Outcome.SOFT_FAILURE, "content_type", None)


def test_a_refusal_is_a_refusal_whatever_it_is_called() -> None:
    refused = Reading(Outcome.SERVER_ERROR, None, "X", 500)
    assert invoked(refused, b"text/html") is refused


@pytest.mark.parametrize("header", [b"0-24/573", b"*/0"])
def test_a_count_comes_with_its_number(header: bytes) -> None:
    reading = Reading(Outcome.OK, status=200)
    assert counted(reading, header) is reading


@pytest.mark.parametrize("header", [None, b"", b"0-24/*", b"many"])
def test_a_count_without_its_number_is_none(header: bytes | None) -> None:
    found = counted(Reading(Outcome.OK, status=200), header)
    assert (found.outcome, found.code) == (Outcome.SOFT_FAILURE, "no_count")
