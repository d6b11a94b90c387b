"""A poll counts from the last thing that happened to what it asks for: while somebody writes there is none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from harness.client.api.chat_shapes import Summary
from harness.client.screens.chat.parts import Conversation, Inbox
from tests.client.answered import flow
from tests.client.chat_server import CONVERSATION, OTHER, ChatServer
from tests.client.virtual import VirtualPhone, World

MESSAGES, READ, REACTIONS = "/messages?", "message_read_receipts?", "message_reactions?"
DIRECT = Summary(CONVERSATION, False, (OTHER,))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def chatting(world: World) -> tuple[VirtualPhone, Conversation]:
    phone = world.phone().signed_in()
    phone.server = ChatServer(3, mine=1)
    conversation = Conversation(phone, DIRECT, joined=True)
    assert world.run(conversation.open())
    return phone, conversation


def polls(phone: VirtualPhone, fragment: str, since: float) -> list[float]:
    return [sent.at - since for sent in phone.to(fragment, "GET") if sent.at >= since]


def recorded(fragment: str) -> list[float]:
    """Instants of the polls of the real client, from the first of three sends on; the last is what came right after."""
    sends = [line["t"] for line in flow("send", more=True) if line["event"] == "request" and line["method"] == "POST"
             and "/messages?" in line["url"]]  # fmt: skip
    gets = [line["t"] for line in flow("send", more=True) if line["event"] == "request" and line["method"] == "GET"
            and fragment in line["url"]]  # fmt: skip
    return [at - sends[0] for at in gets if at > sends[0]]


def test_while_messages_are_sent_their_poll_rests_as_recorded(world: World) -> None:
    """Three messages within seven seconds: polled 5 s after the last one, and then each 5 s."""
    assert recorded("/rest/v1/messages?") == [], "the recording's next poll lies behind its end: 13.7 s"
    phone, conversation = chatting(world)
    world.loop.sleep(3.0)
    begun = phone.now()
    for _ in range(3):
        world.run(conversation.send("hi"))
        world.loop.sleep(3.4)
    last = phone.now() - 3.4 - begun
    world.loop.sleep(9.0)
    assert polls(phone, MESSAGES, begun)[:2] == [
        pytest.approx(last + 5.0, abs=0.15),
        pytest.approx(last + 10.1, abs=0.2),
    ]
    beats = polls(phone, REACTIONS, begun)
    assert [later - earlier < 5.1 for earlier, later in itertools.pairwise(beats)] == [True] * 3, (
        "nothing happened to the reactions: their beat goes on"
    )


@pytest.mark.parametrize(
    ("table", "fragment"),
    [("message_read_receipts", READ), ("message_reactions", REACTIONS)],
)
def test_what_the_channel_brings_restarts_the_poll_of_its_table_alone(world: World, table: str, fragment: str) -> None:
    phone, conversation = chatting(world)
    begun = phone.now()
    for _ in range(4):
        world.loop.sleep(3.0)
        conversation.noted(table, "whichever")
    assert polls(phone, fragment, begun) == []
    assert len(polls(phone, MESSAGES, begun)) == 2
    world.loop.sleep(5.1)
    assert len(polls(phone, fragment, begun)) == 1


def test_the_lists_poll_restarts_with_each_message(world: World) -> None:
    phone, conversation = chatting(world)
    begun = phone.now()
    for _ in range(3):
        world.loop.sleep(40.0)
        world.run(conversation.send("hi"))
    assert polls(phone, "get_conversation_summaries_v2", begun) == []
    assert len(phone.to("get_conversation_summaries_v2")) == 1
    world.loop.sleep(61.0)
    assert len(phone.to("get_conversation_summaries_v2")) == 2
    assert Inbox.of(phone).rows


def test_what_was_written_is_fresh_when_the_app_comes_back(world: World) -> None:
    """A read that is fresh is not read again on return; writing into it makes it so."""
    phone, conversation = chatting(world)
    world.loop.sleep(4.0)
    phone.network.hide()
    world.loop.sleep(4.0)
    conversation.noted("message_read_receipts", "")
    before = phone.now()
    world.loop.sleep(14.0)
    phone.network.show()
    world.loop.sleep(0.5)
    assert polls(phone, READ, before) == []
    assert len(polls(phone, REACTIONS, before)) == 1
