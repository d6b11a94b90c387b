"""Without a network: what waits, what goes on when, what is lost with its page. The rules are checked as a machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from harness.client.api.calls import FOLLOW, OWN_STATS, PRESENCE
from harness.client.api.chat_shapes import Summary
from harness.client.cache.paused import PausedWork, Resumed, Wake
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.interruptible_sleep import SessionClosed
from harness.client.screens.app import enter
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation
from harness.client.screens.commute import come_back, go_offline
from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import Outcome
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES
from tests.client.answered import EVENTS, answer, answered, batches, endpoints, flow, kinds
from tests.client.chat_server import CONVERSATION, OTHER, ChatServer
from tests.client.virtual import VirtualPhone, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


class Browser(RuleBasedStateMachine):
    """The rules against a second reading of them: where each piece of work is, by what happened to it."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: PausedWork[int] = PausedWork()
        self.begun = 0
        self.mutations: list[int] = []  # wait
        self.reads: list[int] = []
        self.running: list[int] = []  # mutations that waited and go on
        self.gone: Counter[int] = Counter()  # how often each went on or was lost
        self.blocks: list[tuple[Wake, set[int]]] = []
        self.turns = 0
        self.expected_turns = 0

    def _new(self) -> int:
        self.begun += 1
        return self.begun

    @property
    def on(self) -> bool:
        return self.paused.online and self.paused.visible

    def _took(self, resumed: Resumed[int]) -> None:
        for work in resumed.works:
            self.gone[work] += 1
            assert self.on, "nothing goes on without a network, or off screen"
            if work in self.mutations:
                self.mutations.remove(work)
                self.running.append(work)
            else:
                assert self.reads[0] == work, "in the order in which they began to wait"
                self.reads.pop(0)
        self.turns += len(resumed.reads)

    def _turns_due(self) -> None:
        self.expected_turns += sum(not waits for _, waits in self.blocks)
        self.blocks = [(why, waits) for why, waits in self.blocks if waits]

    @rule(read=st.booleans(), again=st.booleans())
    def begins(self, read: bool, again: bool) -> None:
        work = self._new()
        if self.paused.may_begin(again=again and read):
            assert self.paused.online
            return
        (self.reads if read else self.mutations).append(work)
        (self.paused.hold_read if read else self.paused.hold_mutation)(work)

    @rule(online=st.booleans(), visible=st.booleans())
    def changes(self, online: bool, visible: bool) -> None:
        back, shown = online and not self.paused.online, visible and not self.paused.visible
        for happens, why in ((back, Wake.ONLINE), (shown, Wake.SHOWN)):
            if why is Wake.ONLINE:
                self.paused.online = online
            else:
                self.paused.visible = visible
            if not happens:
                continue
            waits = set(self.mutations) if self.paused.online else set()
            self.blocks.append((why, waits))
            self._took(self.paused.wake(why))
            self._turns_due()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_mutation_is_over(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.running))
        self.running.remove(work)
        for _, waits in self.blocks:
            waits.discard(work)
        self._took(self.paused.over(work))
        self._turns_due()

    @precondition(lambda self: self.reads)
    @rule(data=st.data())
    def a_read_is_let_go(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.reads))
        self.reads.remove(work)
        self.gone[work] += 1
        self.paused.let_go(work)

    @rule()
    def the_page_goes(self) -> None:
        lost = self.paused.close()
        assert lost == (*self.mutations, *self.reads)
        self.gone.update(lost)
        self.mutations, self.reads, self.running, self.blocks = [], [], [], []

    @invariant()
    def everything_is_in_one_place(self) -> None:
        assert len(self.paused) == len(self.mutations) + len(self.reads)
        assert all(times == 1 for times in self.gone.values())
        assert not (set(self.gone) & {*self.mutations, *self.reads})
        assert self.turns == self.expected_turns

    @invariant()
    def nothing_waits_that_could_go_on(self) -> None:
        if self.on and not self.blocks:
            assert not self.mutations


def test_paused_work_goes_on_once_in_order_and_only_when_it_may() -> None:
    run_state_machine_as_test(Browser, settings=settings(max_examples=200, stateful_step_count=30, deadline=None))


# ---- a phone ----------------------------------------------------------------------------------------------------


def steps(world: World, step: WriteStep) -> int:
    """How often the ledger has it."""
    return sum(
        batch.column("step").to_pylist().count(step)
        for rows in world.kit.ledger.take()
        if rows.table == LEDGER_STEPS
        for batch in [rows.batch()]
    )


def swiped_offline(world: World, count: int) -> tuple[VirtualPhone, SwipePage]:
    phone = answered(world)
    world.run(enter(phone, landing=False))
    page = SwipePage(phone)
    world.run(page.open())
    world.loop.sleep(5.0)
    go_offline(phone)
    for _ in range(count):
        assert page.card is not None
        world.run(page.look_and_swipe(page.card, 2.0, "like"))
    return phone, page


def test_the_first_second_after_a_tunnel_is_that_of_the_recording(world: World) -> None:
    """Eight swipes without a network: 32 reads of cards at once, then one batch of sixteen events a second later."""
    recorded = [line for line in flow("b-online") if line["event"] == "request" and line["method"] == "GET"]
    cards = {"media_items", "library_entries", "ratings"}
    wanted = Counter(name for line in recorded if (name := line["url"].split("?")[0].rpartition("/")[2]) in cards)
    phone, _ = swiped_offline(world, 8)
    world.loop.sleep(0.5)
    before, fails = len(phone.sent), phone.event_sender.storage.fail_count
    assert phone.event_sender.storage.queue == (), "held back, not stored"
    assert fails == 0, "and nothing has failed"
    back_at = phone.now()
    come_back(phone)
    world.loop.sleep(0.3)
    first = [sent for sent in phone.sent[before:] if sent.method == "GET"]
    made = Counter(name for sent in first if (name := sent.path.split("?")[0].rpartition("/")[2]) in cards)
    assert made == wanted == Counter(media_items=16, library_entries=8, ratings=8)
    assert all(sent.at - back_at < 0.25 for sent in first)
    world.loop.sleep(1.0)
    [sent] = phone.to(EVENTS)[-1:]
    [batch] = batches(flow("b-online"))
    assert sent.at - back_at == pytest.approx(1.0, abs=0.02)
    assert kinds(sent) == [
        event["eventType"].replace("dislike", "like") for item in batch["body"]["items"] for event in item["events"]
    ]
    assert len([one for one in phone.to(EVENTS) if one.at > back_at]) == 1


def test_a_note_that_waits_lands_on_the_card_that_is_on_top_by_then(world: World) -> None:
    """As shipped: its mutation asks for the card when it begins, and each drawing tells it the one on top."""
    phone, page = swiped_offline(world, 0)
    noted_on = page.card
    assert noted_on is not None
    page.rate(noted_on, 4.0)
    for _ in range(2):
        assert page.card is not None
        world.run(page.look_and_swipe(page.card, 2.0, "like"))
    top = page.card
    come_back(phone)
    world.loop.sleep(1.5)
    items = phone.to(EVENTS)[-1].json["items"]
    [rated] = [item for item in items if item["events"][0]["eventType"] == "rating"]
    assert top is not None
    assert rated["mediaItemId"] == top.title != noted_on.title
    assert len(items) == 5


def test_a_batch_under_way_fails_once_and_leaves_as_soon_as_there_is_a_network(world: World) -> None:
    phone, page = swiped_offline(world, 0)
    come_back(phone)
    assert page.card is not None
    world.run(page.look_and_swipe(page.card, 2.0, "like"))
    world.loop.sleep(1.02)
    [flying] = phone.open
    assert EVENTS in flying.path
    go_offline(phone)
    world.loop.sleep(5.0)
    assert phone.event_sender.storage.fail_count == 1
    back_at = phone.now()
    come_back(phone)
    world.loop.settle()
    assert phone.to(EVENTS)[-1].event_ids == flying.event_ids
    assert phone.to(EVENTS)[-1].at == back_at


@pytest.mark.parametrize("how", ["leaves", "closes", "is killed"])
def test_leaving_the_page_without_a_network_loses_what_was_held_back(world: World, how: str) -> None:
    phone, page = swiped_offline(world, 3)
    sent = len(phone.to(EVENTS))
    if how == "leaves":
        page.leave()
    elif how == "closes":
        world.run(phone.end())
    else:
        phone.network.kill()
    world.loop.settle()
    assert steps(world, WriteStep.FORGOTTEN) == 6
    assert phone.event_sender.storage.queue == ()
    phone.network.regain(phone.now())
    world.loop.sleep(60.0)
    phone.event_sender.mount()
    world.loop.sleep(60.0)
    assert len(phone.to(EVENTS)) == sent


def test_whoever_has_the_network_back_before_leaving_loses_nothing(world: World) -> None:
    phone, page = swiped_offline(world, 3)
    come_back(phone)
    page.leave()
    world.loop.settle()
    assert len(phone.event_sender.storage.queue) == 6
    assert steps(world, WriteStep.FORGOTTEN) == 0


def test_on_another_app_nothing_goes_on_before_the_person_is_back(world: World) -> None:
    phone, _ = swiped_offline(world, 3)
    phone.network.hide()
    before = len(phone.sent)
    come_back(phone)
    world.loop.sleep(30.0)
    assert [sent for sent in phone.sent[before:] if sent.method == "GET"] == []
    assert phone.event_sender.storage.queue == ()
    phone.network.show()
    world.loop.sleep(1.5)
    assert endpoints(phone.sent[before:])["GET /rest/v1/ratings"] == 3
    assert len(kinds(phone.to(EVENTS)[-1])) == 6


def test_reads_wait_for_the_mutations_that_waited(world: World) -> None:
    phone = answered(world)
    phone.server = None
    go_offline(phone)
    follow = world.loop.create_task(phone.api.request(FOLLOW, body={}))
    read = world.loop.create_task(phone.api.request(OWN_STATS, phone.user_id))
    plain = world.loop.create_task(phone.api.request(PRESENCE, phone.user_id, body={}))
    world.loop.sleep(10.0)
    assert phone.sent == []
    assert plain.result().outcome is Outcome.NETWORK, "what is no mutation fails at once"
    come_back(phone)
    world.loop.sleep(1.0)
    assert [sent.path for sent in phone.sent] == [FOLLOW.path]
    answer(phone.sent[0])
    world.loop.settle()
    assert len(phone.sent) == 2
    answer(phone.sent[1])
    world.loop.settle()
    assert follow.result().outcome.good
    assert read.result().outcome.good


def test_a_mutation_under_way_fails_for_good_and_a_read_under_way_is_tried_again_once_there_is_a_network(
    world: World,
) -> None:
    phone = answered(world)
    phone.server = None
    follow = world.loop.create_task(phone.api.request(FOLLOW, body={}))
    read = world.loop.create_task(phone.api.request(OWN_STATS, phone.user_id))
    world.loop.settle()
    go_offline(phone)
    world.loop.sleep(30.0)
    assert follow.result().outcome is Outcome.NETWORK
    assert not read.done()
    come_back(phone)
    world.loop.settle()
    assert len(phone.sent) == 3
    answer(phone.sent[2])
    world.loop.settle()
    assert read.result().outcome.good


def test_a_message_waits_for_the_network_with_its_block_check_and_is_sent_once(world: World) -> None:
    phone = world.phone().signed_in()
    phone.server = ChatServer()
    conversation = Conversation(phone, Summary(CONVERSATION, False, (OTHER,)), joined=True)
    assert world.run(conversation.open())
    go_offline(phone)
    sending = world.loop.create_task(conversation.send("hi"))
    world.loop.sleep(60.0)
    before = len(phone.sent)
    assert not sending.done()
    come_back(phone)
    world.loop.sleep(1.0)
    assert sending.result().outcome is Outcome.OK
    written = [sent.path.partition("?")[0] for sent in phone.sent[before:] if sent.method == "POST"]
    assert written.count("/rest/v1/messages") == 1
    assert phone.sent[before].path.startswith("/rest/v1/blocked_users"), "the mutation first, then the reads"


def test_a_message_that_waits_when_the_app_is_closed_was_never_sent(world: World) -> None:
    phone = world.phone().signed_in()
    phone.server = ChatServer()
    conversation = Conversation(phone, Summary(CONVERSATION, False, (OTHER,)), joined=True)
    assert world.run(conversation.open())
    go_offline(phone)
    phone.background.start(_just(conversation.send("hi")))
    world.loop.sleep(5.0)
    world.run(phone.end())
    kinds_written = [
        kind
        for rows in world.kit.ledger.take()
        if rows.table == LEDGER_WRITES
        for kind in rows.batch().column("kind").to_pylist()
    ]
    assert WriteKind.DELIVERED in kinds_written
    assert WriteKind.MESSAGE not in kinds_written
    assert phone.network_mode.waiting == 0


async def _just(work: Coroutine[Any, Any, Any]) -> None:
    await work


def test_a_second_try_waits_until_the_app_is_on_screen(world: World) -> None:
    phone = answered(world)
    phone.server = None
    read = world.loop.create_task(phone.api.request(OWN_STATS, phone.user_id))
    world.loop.settle()
    phone.network.hide()
    for _ in range(3):  # the transport's own tries do not care
        phone.open[0].answer({}, 503)
        world.loop.sleep(0.5)
    world.loop.sleep(10.0)
    assert len(phone.sent) == 3
    phone.network.show()
    world.loop.settle()
    assert len(phone.sent) == 4
    answer(phone.sent[3])
    world.loop.settle()
    assert read.result().outcome.good


@pytest.mark.parametrize(("back", "tries"), [(False, 1), (True, 2)])
def test_a_read_that_nobody_shows_any_more_has_no_second_try(world: World, back: bool, tries: int) -> None:
    phone = answered(world)
    asked: list[float] = []

    async def fetch() -> Fetched[int]:
        asked.append(phone.now())
        return Fetched(Outcome.SERVER_ERROR)

    query = CachedQuery(("k",), fetch, again_after_s=1.0)
    phone.page.queries.mount(query)
    world.loop.sleep(0.5)
    phone.page.queries.unmount(query)
    if back:
        phone.page.queries.mount(query)
    world.loop.sleep(5.0)
    assert len(asked) == tries


def test_a_session_that_ends_without_a_network_leaves_the_next_one_nothing_to_wait_for(world: World) -> None:
    phone, _ = swiped_offline(world, 3)
    older = phone.page.queries
    world.run(phone.end())
    assert phone.network_mode.waiting == 0
    phone.begin(1, phone.now())
    page = SwipePage(phone)
    opening = world.loop.create_task(page.open())
    world.loop.sleep(2.0)
    assert opening.done(), "the reads of the first session hold nothing up"
    assert opening.result() is True
    assert phone.page.queries is not older


def test_a_run_that_ends_wakes_whoever_waits_for_a_network(world: World) -> None:
    phone = answered(world)
    go_offline(phone)
    waiting = [
        world.loop.create_task(phone.api.request(FOLLOW, body={})),
        world.loop.create_task(phone.api.request(OWN_STATS, phone.user_id)),
    ]
    world.loop.sleep(5.0)
    world.kit.pulse.close()
    world.loop.settle()
    for task in waiting:
        with pytest.raises(SessionClosed):
            task.result()
    assert phone.network_mode.waiting == 0


def test_a_page_that_is_loaded_anew_settles_what_waited_in_the_old_one(world: World) -> None:
    phone = answered(world)
    go_offline(phone)
    waiting: Any = world.loop.create_task(phone.api.request(OWN_STATS, phone.user_id))
    world.loop.settle()
    phone.load_page()
    world.loop.settle()
    with pytest.raises(SessionClosed):
        waiting.result()
