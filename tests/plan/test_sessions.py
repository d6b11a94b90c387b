"""How the client's rules become numbers of a session."""

from __future__ import annotations

import pytest

from harness.plan import PlanInputs, Range
from harness.plan.calls import CALLS, Driver
from harness.plan.rows import WRITES
from harness.plan.sessions import amounts, mean_amounts, posts_per_swipe, refills


@pytest.mark.parametrize(("swipes", "expected"), [(20, 0), (60, 0), (61, 1), (113, 1), (115, 2), (200, 3)])
def test_refills_come_under_twelve_cards(swipes: float, expected: float) -> None:
    assert refills(PlanInputs(swipes_per_session=Range(swipes, swipes))) == pytest.approx(expected)


def test_the_manuals_swipes_need_no_refill() -> None:
    assert refills(PlanInputs()) == 0
    assert 0 < refills(PlanInputs(swipes_per_session=Range(25, 100))) < 1


@pytest.mark.parametrize(("seconds", "posts"), [(11.3, 1), (2, 1), (1, 1 / 2), (0.5, 1 / 3), (0.3, 1 / 4)])
def test_swipes_within_a_second_share_a_request(seconds: float, posts: float) -> None:
    assert posts_per_swipe(seconds) == pytest.approx(posts)


@pytest.mark.parametrize("minutes", [1, 8, 60])
def test_a_swipe_is_two_events_however_long_the_look(minutes: float) -> None:
    """Observed: the shipped client records a look only when its page is left."""
    made = amounts("swiper", PlanInputs(session_minutes=minutes))
    assert made[Driver.EVENT_ROW] == 2 * made[Driver.SWIPE]


def test_the_commuter_sends_fewer_requests_for_as_many_events() -> None:
    inputs = PlanInputs()
    online, offline = amounts("swiper", inputs), amounts("commuter", inputs)
    assert offline[Driver.EVENT_ROW] == online[Driver.EVENT_ROW]
    # half of 42.5 swipes one by one, the events of the other half in chunks of 25
    assert offline[Driver.EVENT_POST] == pytest.approx(21.25 + 42.5 / 25)


def test_a_newcomer_signs_up_instead_of_refreshing_and_swipes_half() -> None:
    units = amounts("newcomer", PlanInputs())
    assert (units[Driver.SIGN_UP], units[Driver.FRESH_LOAD], units[Driver.REFRESH]) == (1, 1, 0)
    assert units[Driver.SWIPE] == pytest.approx(21.25)


def test_messages_of_a_session_add_up_to_those_of_the_day() -> None:
    inputs = PlanInputs(messaging_share=0.25)
    assert inputs.messages == pytest.approx(500_000 * 0.25 * 17.5)
    assert amounts("chatter", inputs)[Driver.MESSAGE] * 750_000 * 0.20 == pytest.approx(inputs.messages)
    assert mean_amounts(inputs)[Driver.MESSAGE] * 750_000 == pytest.approx(inputs.messages)


def test_every_message_is_receipted_by_every_other_member_once_at_least() -> None:
    inputs = PlanInputs(group_share=0, live_share=0.4)
    units = amounts("chatter", inputs)
    assert units[Driver.LIVE_COPY] + units[Driver.FIRST_COPY] == pytest.approx(units[Driver.MESSAGE])


def test_every_rule_has_its_section_and_every_driver_a_rule() -> None:
    assert all(call.section and call.times > 0 for call in CALLS)
    assert all(write.section and write.rows >= write.kept >= 0 for write in WRITES)
    used = {call.per for call in CALLS} | {write.cause for write in WRITES}
    assert set(Driver) <= used
    assert {write.table.row_bytes > 0 for write in WRITES if write.kept} == {True}
