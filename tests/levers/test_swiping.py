"""What swipe events should have been, beside the phones' own outbox and beside small cases counted by hand."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.events.outbox import Flush, Outbox, Storage, SwipeEvent
from harness.client.events.swipe_event import EventReply
from harness.core.client_settings import ClientSettings
from harness.levers.swiping import LAST_S, Action, Moment, Sent, What, moments_of, sent

TITLE = "00000000-0000-4000-8000-000000009999"
UNTIL = 1e9


class Rehearsed:
    """A phone's own outbox, through the same moments. Its requests are answered `under_way_s` later, all accepted."""

    def __init__(self, settings: ClientSettings, under_way_s: float) -> None:
        self._settings, self._under_way_s = settings, under_way_s
        self._storage = Storage()
        self._box = self._page()
        self._answers: list[tuple[float, int, Outbox, Flush]] = []
        self._order = itertools.count()
        self._ids: set[str] = set()
        self._numbers = itertools.count(1)
        self.requests = 0

    def _page(self) -> Outbox:
        settings = self._settings
        return Outbox(self._storage, random.Random(1), batch=settings.batch_size, wait_s=settings.batch_wait_s)

    def go_through(self, moments: Sequence[Moment]) -> Sent:
        for moment in moments:
            self._until(moment.at)
            self._do(moment)
        self._until(UNTIL)
        return Sent(self.requests, len(self._ids))

    def _do(self, moment: Moment) -> None:
        at, box = moment.at, self._box
        match moment.what:
            case What.OPENS:
                self._fly(box.mount(at), at)
            case What.RECORDS:
                for _ in range(moment.events):
                    self._fly(box.emit(self._event(), at), at)
            case What.HIDES:
                self._fly(box.hidden(at), at)
            case What.LEAVES:
                box.unmount(at)
            case What.LOOKED:
                self._fly(box.emit_late(self._event(), at), at)
            case What.CLOSES:
                self._fly(box.hidden(at), at)
                self._until(at + LAST_S, timers=False)
                box.unmount(at + LAST_S)
                self._box = self._page()
            case What.DIES:
                self._box = self._page()
        if self._box is not box:
            self._answers = []

    def _event(self) -> SwipeEvent:
        id_ = f"00000000-0000-4000-8000-{next(self._numbers):012d}"
        return SwipeEvent("like", id_, id_, TITLE)

    def _fly(self, flushes: list[Flush], at: float) -> None:
        for flush in flushes:
            self.requests += 1
            self._ids |= {event.client_event_id for event in flush.events}
            heapq.heappush(self._answers, (at + self._under_way_s, next(self._order), self._box, flush))

    def _until(self, at: float, *, timers: bool = True) -> None:
        """Answers and timers in their order, what comes at that very instant included."""
        while True:
            answer = self._answers[0][0] if self._answers else UNTIL * 2
            due = self._box.next_deadline() if timers else None
            if min(answer, UNTIL * 2 if due is None else due) > at:
                return
            if due is None or answer <= due:
                when, _, box, flush = heapq.heappop(self._answers)
                accepted = frozenset(event.client_event_id for event in flush.events)
                self._fly(box.answered(flush, EventReply(accepted), when), when)
            else:
                self._fly(self._box.tick(due), due)


@st.composite
def lives(draw: st.DrawFn) -> list[Moment]:
    """Sessions of one person, at odd instants, so that no two things of the phone's fall together."""
    moments: list[Moment] = []
    at = 0.0
    gap = st.sampled_from((0.0537, 0.3119, 0.7331, 1.2173, 1.5411, 4.0213))
    for _ in range(draw(st.integers(1, 4))):
        at += 10.0317
        for _ in range(draw(st.integers(1, 3))):
            at += draw(gap)
            moments.append(Moment(at, What.OPENS))
            for _ in range(draw(st.integers(0, 20))):
                at += draw(gap)
                what = What.HIDES if draw(st.integers(0, 9)) == 0 else What.RECORDS
                moments.append(Moment(at, what, draw(st.integers(1, 4)) if what is What.RECORDS else 0))
            at += draw(st.sampled_from((0.0, 0.4117, 3.0191)))
            moments.append(Moment(at, What.LEAVES))
            if draw(st.booleans()):
                moments.append(Moment(at, What.LOOKED, 1))
                at += 1.1371  # nobody is back on the swipe page before it has left
        at += draw(gap)
        moments.append(Moment(at, What.OPENS))
        at += draw(gap)
        moments.append(Moment(at, What.RECORDS, draw(st.integers(1, 60))))
        at += draw(gap)
        moments.append(Moment(at, draw(st.sampled_from((What.CLOSES, What.CLOSES, What.DIES)))))
    return moments


@given(
    lives(),
    st.sampled_from((1, 3, 10, 25, 50)),
    st.sampled_from((1.0, 300.0)),
    st.sampled_from((0.0, 0.0611, 0.2917, 1.7177)),
)
def test_requests_and_events_are_those_of_the_outbox(
    moments: list[Moment], batch: int, wait_s: float, under_way_s: float
) -> None:
    settings = ClientSettings(batch_size=batch, batch_wait_s=wait_s)
    assert sent(moments, settings, under_way_s) == Rehearsed(settings, under_way_s).go_through(moments)


def swiped(count: int, *, cards: int = 72, begins: float = 0.0, every_s: float = 2.0) -> list[Action]:
    """Open, cards, then a gesture after each look."""
    actions = [(begins, "open", "swipe", 1, 0.0), (begins + 0.4, "cards", "", cards, 0.0)]
    return actions + [(begins + 0.4 + every_s * (n + 1), "gesture", "like", 1, 0.0) for n in range(count)]


def after(actions: list[Action], action: str, subject: str = "", *, seconds: float = 0.0) -> list[Action]:
    return [*actions, (actions[-1][0] + seconds, action, subject, 1, 0.0)]


SHIPPED = ClientSettings()
ONE = ClientSettings(batch_size=1)
TEN = ClientSettings(batch_size=10, batch_wait_s=300)
MANY = ClientSettings(batch_size=25, batch_wait_s=300)
MOST = ClientSettings(batch_size=50, batch_wait_s=300)


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        (SHIPPED, 11),  # the first card alone, then each gesture with the next card
        (ONE, 21),
        (TEN, 3),
        (MANY, 1),
    ],
)
def test_ten_swipes_at_human_pace(settings: ClientSettings, requests: int) -> None:
    moments = moments_of(after(swiped(10), "closed", seconds=0.5))
    assert sent(moments, settings, 0.05) == Sent(requests, 21)


def test_another_app_on_screen_is_a_request_of_its_own() -> None:
    actions = after(swiped(3), "away")
    actions = after(actions, "back", seconds=5.0)
    actions = after(after(actions, "gesture", "like", seconds=2.0), "closed")
    assert sent(moments_of(actions), MANY) == Sent(2, 9)
    assert sent(moments_of(actions), SHIPPED) == Sent(5, 9)


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        (SHIPPED, 5),  # an impression, a gesture, what was stored, an impression, a gesture
        (MANY, 2),  # what was stored, and what is left at the end
        (ONE, 9),  # seven events, and two of them are under way as the page is left: once more, together
    ],
)
def test_what_was_under_way_as_a_page_is_left_goes_out_once_more(settings: ClientSettings, requests: int) -> None:
    first = after(swiped(2), "leave", "swipe")
    again = after(swiped(1, begins=10.0), "closed", seconds=0.5)
    assert sent(moments_of([*first, *again]), settings, 0.05).requests == requests
    assert sent(moments_of([*first, *again]), settings, 0.05).events == 8


def test_what_was_stored_goes_out_25_a_request_whatever_the_batch() -> None:
    def come_and_gone(events: int) -> list[Moment]:
        return [Moment(0.0, What.OPENS), Moment(1.0, What.RECORDS, events), Moment(1.0, What.LEAVES)]

    assert sent(come_and_gone(26), MOST) == Sent(0, 0), "nothing leaves before the page opens again"
    assert sent([*come_and_gone(25), Moment(9.0, What.OPENS)], MOST) == Sent(1, 25)
    assert sent([*come_and_gone(26), Moment(9.0, What.OPENS)], MOST) == Sent(2, 26)


def test_a_phone_stores_200_and_a_visit_too_short_for_them_sends_them_again() -> None:
    moments = []
    for visit in range(5):
        at = 10.0 * visit
        moments += [Moment(at, What.OPENS), Moment(at + 1.0137, What.RECORDS, 49), Moment(at + 1.0137, What.LEAVES)]
    moments.append(Moment(100.0, What.OPENS))
    found = sent(moments, MOST, 3.0)
    assert found == Sent(4 + 8, 200 + 25), "25 were sent before their page was left, and lost their place later"
    assert Rehearsed(MOST, 3.0).go_through(moments) == found


def test_a_phone_that_dies_loses_what_it_held() -> None:
    moments = moments_of(after(swiped(3), "killed", seconds=0.1))
    assert sent(moments, MANY) == Sent(0, 0)
    assert sent(moments, SHIPPED) == Sent(3, 5)


def test_a_card_is_an_event_only_where_there_is_one() -> None:
    actions = [
        *swiped(2, cards=2),
        (9.0, "cards", "", 0, 0.0),
        (10.0, "cards", "", 0, 0.0),
        (11.0, "cards", "", 3, 0.0),
    ]
    assert sent(moments_of(actions), SHIPPED) == Sent(4, 5), "the second gesture has no card below it"


def test_a_look_of_more_than_1200_ms_ends_as_the_page_is_left() -> None:
    assert sent(moments_of(after(swiped(1), "leave", "swipe", seconds=1.1)), SHIPPED) == Sent(2, 3)
    assert sent(moments_of(after(swiped(1), "leave", "swipe", seconds=1.5)), SHIPPED) == Sent(3, 4)
