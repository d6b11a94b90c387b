"""How often a planned session's browser asks: by hand where a pencil will do, as properties elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.core.app_client import AppClient
from harness.plan import PlanInputs, preflights
from harness.plan.calls import CALLS, CallKind, Driver, Endpoint, PlannedCall
from harness.plan.sessions import amounts
from harness.plan.traffic import persona_requests, sent
from harness.run.plan_limits import peak_of

INPUTS = PlanInputs(session_minutes=10)  # 600 s
READ = Endpoint("GET things", CallKind.REST)
WRITE = Endpoint("POST things", CallKind.REST)
EDGE = Endpoint("POST functions/thing", CallKind.EDGE)
PICTURE = Endpoint("GET storage/pictures", CallKind.STORAGE, simple=True)


def planned(endpoint: Endpoint, per: Driver, times: float = 1, **more: object) -> PlannedCall:
    return PlannedCall(endpoint, per, times, "test", **more)  # type: ignore[arg-type]


def asked(monkeypatch: pytest.MonkeyPatch, units: dict[Driver, float], *calls: PlannedCall) -> float:
    """Questions of a session that makes these calls alone."""
    monkeypatch.setattr(preflights, "CALLS", calls)
    monkeypatch.setattr(preflights, "_FIRST_ROWS", dict.fromkeys(Driver, 0))
    preflights._asked.cache_clear()
    return preflights.preflights(units, INPUTS)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    preflights._asked.cache_clear()


@pytest.mark.parametrize(
    ("call", "units", "expected"),
    [
        (planned(READ, Driver.SWIPE, 2), 20, 40),  # a card's own URLs
        (planned(READ, Driver.MINUTE), 9, 1),  # the same URL each minute
        (planned(WRITE, Driver.SWIPE), 20, 1),  # what is written stands in the body
        (planned(READ, Driver.LOAD), 1, 1),
        (planned(READ, Driver.TITLE), 0.5, 0.5),  # every other session opens a title
        (planned(EDGE, Driver.SWIPE), 60, 60),  # every 10 s
        (planned(EDGE, Driver.SWIPE), 200, 100),  # every 3 s, and 5 s old is too old: every other one asks
        (planned(EDGE, Driver.MINUTE, 1 / 2), 9, 4.5),
        (planned(EDGE, Driver.QUERY, 20), 5, 5),  # one after the other
        (planned(EDGE, Driver.TITLE, 2, spread=True), 3, 6),  # opened and closed
        (planned(PICTURE, Driver.LOAD, 5), 1, 0),
        (planned(EDGE, Driver.LOAD, nested=True), 1, 0),
        (planned(READ, Driver.POLL, new_with=(Driver.MESSAGE,)), 100, 1),  # nobody writes
    ],
)
def test_by_hand(monkeypatch: pytest.MonkeyPatch, call: PlannedCall, units: float, expected: float) -> None:
    assert asked(monkeypatch, {call.per: units}, call) == pytest.approx(expected)


def test_functions_of_one_page_load_leave_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """As recorded: five decks, five questions. One swipe page later they are old."""
    five = [planned(EDGE, Driver.LOAD)] * 5
    assert asked(monkeypatch, {Driver.LOAD: 1, Driver.SWIPE_PAGE: 1}, *five, planned(EDGE, Driver.SWIPE_PAGE)) == 6


def test_one_url_of_two_calls_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    both = planned(WRITE, Driver.LOAD), planned(WRITE, Driver.MINUTE)
    assert asked(monkeypatch, {Driver.LOAD: 1, Driver.MINUTE: 9}, *both) == 1


def test_a_poll_asks_when_its_url_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    units = {Driver.POLL: 100.0, Driver.OPEN: 3.0, Driver.MESSAGE: 10.0}
    assert asked(monkeypatch, units, planned(READ, Driver.POLL)) == 3
    assert asked(monkeypatch, units, planned(READ, Driver.POLL, new_with=(Driver.OPEN, Driver.MESSAGE))) == 13


@given(st.dictionaries(st.sampled_from(Driver), st.floats(0, 1e6), max_size=6))
def test_never_more_questions_than_requests(units: dict[Driver, float]) -> None:
    made = sent(units, INPUTS)
    questions = made.pop(preflights.PREFLIGHT).requests
    assert 0 <= questions <= sum(of.requests for of in made.values()) * (1 + 1e-9)
    assert (questions > 0) == any(of.requests for endpoint, of in made.items() if not endpoint.simple)


def test_who_is_no_browser_asks_nothing() -> None:
    native = PlanInputs(browser=False)
    for persona, requests in persona_requests(native).items():
        questions = preflights.preflights(amounts(persona, PlanInputs()), PlanInputs())
        assert persona_requests(PlanInputs())[persona] == pytest.approx(requests + questions)
        assert preflights.preflights(amounts(persona, native), native) == 0


def test_a_call_that_is_added_to_the_table_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to say so: the plan follows the calls."""
    units = amounts("swiper", INPUTS)
    before = preflights.preflights(units, INPUTS)
    more = (*CALLS, planned(READ, Driver.SWIPE))
    monkeypatch.setattr(preflights, "CALLS", more)
    preflights._asked.cache_clear()
    assert preflights.preflights(units, INPUTS) == pytest.approx(before + units[Driver.SWIPE])


def test_a_run_of_native_apps_has_a_lower_peak() -> None:
    smoke = load_profile("smoke")
    native = smoke.model_copy(update={"client": AppClient.NATIVE})
    assert 1.4 < peak_of(smoke, 1).requests_per_second / peak_of(native, 1).requests_per_second < 2.0
