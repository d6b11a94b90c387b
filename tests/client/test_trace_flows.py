"""A phone makes the requests that the real client was recorded making, flow by flow, against a real sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from harness.client.device import Device
from harness.client.http.client import HttpClient
from harness.client.screens.app import enter, open_app, open_signed_out
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation, Inbox
from harness.core.actions import UserAction
from harness.core.people import Secrets
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.client.stage import drive, running
from tests.client.trace_flows import Difference, Known, Shape, compare, recorded, shape_of
from tests.sandbox.signed_in import sql

pytestmark = pytest.mark.slow  # one walk through the whole app for all flows: a minute

PERSON = 5
SWIPES = 8

EXPERIMENTS = Known("experiment-assign", "a browser's preflight refuses it, so the real one never arrives")
EVENTS = Known("media-swipe-event", "when the last screen's events leave depends on where the recording was cut")
LISTS = Known("/rest/v1/list_items?", "the recording's target knew no lists, or had none")
STORED = Known("select=list_id,title_id,position,created_at", "the recording's target had no lists")
TMDB = Known("external_ids", "as many as TMDb finds titles")
PRESENCE = Known("PATCH /rest/v1/profiles", "each minute at most: depends on what the recording's page had done before")
HINTS = Known("assistant-suggestion-action", "whether the assistant has a suggestion here is the target's doing")
POLLS = Known("/rest/v1/message", "how many polls fall into the flow is chance")

KNOWN: Mapping[str, tuple[Known, ...]] = {
    "sign-in": (
        Known("/rest/v1/lists", "the recording's target had no such table, so it was asked twice"),
        Known("/rest/v1/media_items", "the recording's target had no trending view: the most popular had to do"),
        Known("/rest/v1/list_items", "the recording's target had no lists"),
        Known("profiles_public select=id,username,display_name,avatar_url&", "likewise"),
        Known("profiles_public id=in&select=id,username,display_name,avatar_url", "owners of lists, likewise"),
        Known("assistant-suggestion-action", "whether home's hint comes before the landing page opens is chance"),
    ),
    "reload-signed-in": (
        Known("/rest/v1/lists", "the recording's target had no such table, so it was asked twice"),
        Known("/rest/v1/list_items", "likewise"),
        Known("profiles_public id=in&select=id,username,display_name,avatar_url", "owners of lists, likewise"),
    ),
    "b-swipe-open": (EXPERIMENTS, HINTS),
    "b-search": (
        EVENTS,
        HINTS,
        TMDB,
        Known("context:{},limit:3,surface:search", "older than a minute there"),
        Known("catalog-sync-batch", "only where TMDb knows more"),
    ),
    "b-chips": (TMDB, Known("catalog-sync-batch", "only where TMDb knows more"), Known("kind,tmdb_id", "likewise")),
    "b-messages": (HINTS,),
    "b-conversation": (POLLS, HINTS, Known("conversation_summaries", "polled each minute of the page's life")),
    "b-leave": (POLLS, HINTS),
    "b-home": (
        STORED,
        Known("GET /rest/v1/media_items id=in", "covers of lists; the recording's target had no lists"),
        Known("surface:home", "the recording's page had lived for more than a minute"),
    ),
    "b-shown": (PRESENCE,),
    "send": (Known("GET /rest/v1/message", "how many polls fall into the flow is chance"),),
}


REFUSED = {
    (
        "POST /rest/v1/media_items on_conflict=kind,tmdb_id&select=id "
        "{kind:_,omdb_imdb_id:_,tmdb_id:_,tmdb_release_date:_,tmdb_title:_}",
        403,
    ),
    (
        "GET /rest/v1/media_item_trending_72h limit=60&order=trend_score.desc&select=media_item_id,trend_score",
        403,
    ),
}
"""What is refused of a healthy target too: only the app's administrators may write the catalogue, and nobody was
granted the view of what is trending."""


EXCUSED_ENDPOINTS = {"POST /functions/v1/catalog-sync-batch", "POST /rest/v1/media_items"}
"""Only where TMDb knows titles that the catalogue does not."""
EXCUSED_SHAPES = ("catalog-sync-batch", "kind,tmdb_id", "/external_ids", "order=tmdb_popularity", "media-swipe-event")


class Recorder:
    """Writes down, at the wire, what a phone sends, flow by flow."""

    def __init__(self) -> None:
        self.flows: dict[str, list[Shape]] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._flow: list[Shape] = []

    def flow(self, name: str) -> None:
        self._flow = self.flows[name] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = HttpClient.send

        async def sent(
            client: HttpClient, method: str, path: str, headers: bytes, body: bytes | None, **more: Any
        ) -> Any:
            shape = shape_of(method, path, None if body is None else orjson.loads(body))
            if method != "OPTIONS":
                self._flow.append(shape)
            reply = await send(client, method, path, headers, body, **more)
            if reply.status >= 400:
                self.statuses[str(shape), reply.status] += 1
            return reply

        monkeypatch.setattr(HttpClient, "send", sent)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=80, catalogue=400)) as serving:
        yield serving


@pytest.fixture(scope="module")
def flows(sandbox: Sandbox) -> Iterator[Mapping[str, list[Shape]]]:
    """One person's evening, as the recordings have it, and what their phone sent."""
    recorder, found = Recorder(), sandbox.discovery
    people = found["people"]
    secrets = Secrets(found["anon_key"], people["password"])
    title = sql(sandbox, "select coalesce(tmdb_title, tmdb_name) from public.media_items order by tmdb_popularity desc")
    word = max(title[0][0].split(), key=len).lower()
    with pytest.MonkeyPatch.context() as monkeypatch:
        recorder.install(monkeypatch)
        with running(sandbox.url, secrets, pattern=people["email_pattern"], people=80) as engine:
            drive(engine, lambda phone: _evening(phone, recorder, word), person=PERSON, patience_s=200.0)
    yield recorder.flows
    assert {asked for asked in recorder.statuses if "experiment" not in asked[0]} <= REFUSED


async def _evening(phone: Device, recorder: Recorder, word: str) -> None:
    recorder.flow("before")
    await open_signed_out(phone)
    recorder.flow("sign-in")
    assert (await phone.auth.sign_in()).good
    phone.notes.did(UserAction.ENTER)
    await enter(phone, landing=True)
    await phone.pause(1.5)
    recorder.flow("reload-signed-in")
    assert await open_app(phone)
    await phone.pause(1.5)
    recorder.flow("b-load")
    assert await open_app(phone)
    await phone.pause(1.5)
    recorder.flow("b-swipe-open")
    page = SwipePage(phone)
    assert await page.open()
    await phone.pause(1.5)
    recorder.flow("b-swipe")
    for _ in range(SWIPES):
        card = await page.next_card()
        assert card is not None
        await page.look_and_swipe(card, 1.25, "dislike")
    await phone.pause(1.2)
    recorder.flow("b-search")
    page.leave()
    search = Search(phone)
    search.open()
    await phone.pause(1.2)
    await search.type(word, [0.05] * (len(word) - 1))
    await phone.pause(0.7)
    recorder.flow("b-chips")
    await search.choose("movie")
    await phone.pause(1.0)
    recorder.flow("b-messages")
    search.leave()
    inbox = Inbox.of(phone)
    inbox.show()
    assert (await inbox.ready()).good
    await phone.pause(0.5)
    recorder.flow("b-conversation")
    direct = [row for row in inbox.rows if not row.is_group]
    conversation = Conversation(phone, max(direct, key=lambda row: row.unread))
    assert await conversation.open()
    await phone.pause(2.0)
    recorder.flow("send")
    for text in ("one", "two", "three"):
        await conversation.send(text)
        await phone.pause(3.4)
    recorder.flow("b-leave")
    conversation.leave()
    inbox.show()
    assert (await inbox.ready()).good
    await phone.pause(0.3)
    recorder.flow("b-home")
    home = Home(phone)
    assert await home.open() is not None
    await phone.pause(1.0)
    phone.network.hide()
    await phone.pause(15.5)
    recorder.flow("b-shown")
    phone.network.show()
    await phone.pause(1.0)
    recorder.flow("after")
    home.leave()


FLOWS = (
    *("sign-in", "reload-signed-in", "b-load", "b-swipe-open", "b-swipe", "b-search", "b-chips", "b-messages"),
    *("b-conversation", "send", "b-leave", "b-home", "b-shown"),
)


def _difference(flows: Mapping[str, list[Shape]], flow: str) -> Difference:
    return compare(recorded()[flow], flows[flow], KNOWN.get(flow, ()))


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_sends_what_the_real_client_was_recorded_sending(flows: Mapping[str, list[Shape]], flow: str) -> None:
    difference = _difference(flows, flow)
    assert (difference.missing, difference.extra) == (Counter(), Counter()), f"\n{difference}"


def test_the_phone_asks_all_endpoints_all_shapes_and_nearly_every_request(flows: Mapping[str, list[Shape]]) -> None:
    """The measure of the whole: of what was recorded in flows that are driven here, by endpoint, shape and weight."""
    real = {flow: recorded()[flow] for flow in FLOWS}
    made = {shape for shapes in flows.values() for shape in shapes}
    asked = {shape for shapes in real.values() for shape in shapes}
    assert {shape.endpoint for shape in asked} - {shape.endpoint for shape in made} <= EXCUSED_ENDPOINTS
    missing = {str(shape) for shape in asked - made}
    assert all(any(part in text for part in EXCUSED_SHAPES) for text in missing), missing
    differences = [_difference(flows, flow) for flow in FLOWS]
    assert sum(one.matched for one in differences) >= 0.95 * sum(one.asked for one in differences)
