"""What phones say on their socket, frame by frame, against the recording of the real client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from harness.client.api.chat_shapes import Summary, summaries
from harness.client.http.origin import Origin
from harness.client.network_state import NetworkState
from harness.client.realtime.client import JS_2_90, RealtimeClient
from harness.client.realtime.conversation_channel import MARK, ConversationChannel
from harness.client.realtime.host import RealtimeHost
from harness.client.realtime.phoenix.connection import Handle, PhoenixConnection
from harness.client.realtime.session import RealtimeSession
from harness.client.screens.chat.keyboard import typing_signal
from harness.core.client_settings import SHIPPED
from tests.client.answered import flow
from tests.client.realtime_stage import Stage

ME, TOKEN = "id-0001", "<jwt>"
Frame = tuple[str, str, str | None, Any]


class StagedClient(RealtimeClient):
    """The real client on a stage's clock and sockets."""

    def __init__(self, stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
        self._stage = stage
        super().__init__(
            loop=loop,
            wheel=stage.wheel,
            origin=Origin.parse("http://127.0.0.1:9"),
            apikey="key",
            token=lambda: TOKEN,
            observer=stage,
            generation=JS_2_90,
        )

    def open(self, connection: PhoenixConnection) -> Handle:  # type: ignore[override]
        return self._stage.open(connection)


class Page:
    """One page's Realtime of a person who is signed in."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stage = Stage(JS_2_90, token=TOKEN)
        account = SimpleNamespace(user_id=ME, access_token=TOKEN)
        self.host = cast(
            "RealtimeHost",
            SimpleNamespace(
                auth=SimpleNamespace(account=account, user_id=ME),
                clock=SimpleNamespace(now=lambda: self.stage.now),
                network=NetworkState(),
                kit=SimpleNamespace(sockets=None, settings=SHIPPED),
                notes=SimpleNamespace(saw=lambda *_, **__: None, ticket=1),
                person=SimpleNamespace(number=1),
            ),
        )
        self.client = StagedClient(self.stage, loop)
        self.realtime = RealtimeSession(self.host)
        self.realtime._client = self.client

    def said(self) -> list[Frame]:
        """What was said so far, tokens and instants aside."""
        return [
            frame(said.topic, said.event, said.ref, said.payload) for peer in self.stage.peers for said in peer.said
        ]


def frame(topic: str, event: str, ref: str | None, payload: Any) -> Frame:
    """With instants taken out, and the order of the keys as text."""
    text = orjson.dumps(payload).decode()
    inner = payload.get("payload")
    if isinstance(inner, dict) and "last_seen" in inner:
        text = text.replace(str(inner["last_seen"]), "0")
    return topic, event, ref, text


def recorded(name: str, *events: str, more: bool = False, topic: str = "") -> list[Frame]:
    """What the real client said in a flow."""
    sent = [orjson.loads(line["frame"]) for line in flow(name, more=more) if line["event"] == "ws-sent"]
    return [
        frame(said["topic"], said["event"], said["ref"], said["payload"])
        for said in sent
        if said["event"] in events and topic in said["topic"]
    ]


def without_refs(frames: list[Frame]) -> list[tuple[str, str, Any]]:
    return [(topic, event, text) for topic, event, _, text in frames]


@pytest.fixture
def page() -> Iterator[Page]:
    loop = asyncio.new_event_loop()
    made = Page(loop)
    yield made
    assert not made.stage.problems
    loop.close()


def test_a_page_load_joins_presence_three_times_and_leaves_it_four_times(page: Page) -> None:
    page.realtime.enter_presence()
    page.stage.run(0.05)
    page.realtime.user_told()
    page.stage.run(0.05)
    wanted = recorded("reload-signed-in", "phx_join", "phx_leave", "presence", more=True)
    assert [event for _, event, _, _ in wanted].count("phx_leave") == 4
    assert page.said() == wanted


def test_a_sign_in_joins_once(page: Page) -> None:
    page.realtime.enter_presence()
    page.stage.run(0.05)
    assert page.said() == recorded("sign-in", "phx_join", "phx_leave", "presence", more=True)[:2]


def test_coming_back_to_the_app_tracks_leaves_twice_and_joins(page: Page) -> None:
    page.realtime.enter_presence()
    page.stage.run(0.05)
    before = len(page.said())
    page.host.network.hide()
    page.realtime.hidden()
    page.stage.run(0.05)
    wanted = recorded("b-hidden", "presence")[:1]
    assert without_refs(page.said()[before:]) == without_refs(wanted)
    before = len(page.said())
    page.host.network.show()
    page.realtime.shown()
    page.stage.run(0.05)
    wanted = recorded("b-shown", "phx_join", "phx_leave", "presence")
    assert len(wanted) == 5
    assert without_refs(page.said()[before:]) == without_refs(wanted)


def test_a_conversations_channels_are_joined_and_left_as_recorded(page: Page) -> None:
    page.realtime.enter_presence()
    page.stage.run(0.05)
    before = len(page.said())
    joins = recorded("b-conversation", "phx_join")
    conversation = joins[0][0].removeprefix("realtime:conversation-db-")
    channel = ConversationChannel(page.host, page.client, Summary(conversation, False, ("id-0002",)))
    channel.join()
    page.stage.run(0.05)
    assert without_refs(page.said()[before:]) == without_refs(joins)
    before = len(page.said())
    channel.leave()
    page.stage.run(0.05)
    left = recorded("b-leave", "phx_leave", topic="conversation")
    assert without_refs(page.said()[before:]) == without_refs(left)


def test_typing_says_what_the_real_client_says(page: Page) -> None:
    """But for the mark, which is ours: one signal could not be told from the next without it."""
    wanted = recorded("send", "broadcast", more=True, topic="typing")
    conversation = wanted[0][0].rpartition(":")[2]
    page.realtime.enter_presence()
    channel = ConversationChannel(page.host, page.client, Summary(conversation, False, ("id-0002",)))
    channel.join()
    page.stage.run(0.1)
    before = len(page.said())
    listed = {"id": ME, "displayName": "Timothy Roman", "username": "tim", "isSelf": True, "avatarUrl": None}
    [row] = summaries([{"conversation_id": conversation, "participants": [listed]}], ME) or []
    for typing in (True, False):
        channel.say(typing_signal(ME, row.own_name, typing=typing) | {MARK: "1"})
    found = [frame(topic, event, ref, _unmarked(text)) for topic, event, ref, text in page.said()[before:]]
    assert without_refs(found) == without_refs(wanted[:2])


def _unmarked(text: str) -> Any:
    payload = orjson.loads(text)
    assert payload["payload"].pop(MARK) == "1"
    return payload


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"displayName": "Ann", "username": "ann"}, "Ann"),
        ({"displayName": None, "username": "ann"}, "ann"),
        ({}, "Unknown user"),
    ],
)
def test_ones_own_name_is_that_of_the_list(person: dict[str, Any], name: str) -> None:
    rows = summaries([{"conversation_id": "c", "participants": [{"id": ME, "isSelf": True} | person]}], ME)
    assert rows is not None
    assert rows[0].own_name == name


def test_whoever_is_not_in_the_list_is_you() -> None:
    rows = summaries([{"conversation_id": "c", "participants": [{"id": "b", "displayName": "B"}]}], ME)
    assert rows is not None
    assert rows[0].own_name == "You"
