"""Somebody between phones and a real sandbox changes replies: the phones' rules say what, whose, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.feed import home_feed
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.library import Diary, set_status
from harness.client.screens.browse.title import TitlePage, diary_entry
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.core.people import Secrets
from harness.core.rows import made
from reports.integrity.model import Check
from reports.integrity.reads import foreign, reads
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.client.meddler import Meddler, meddling
from tests.client.stage import Heard, drive, running

TEXT = "Ein Satz, der lang genug ist, um gekürzt zu werden: 👩‍👩‍👧 שלום"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=120)) as running_:
        yield running_


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[Meddler]:
    with meddling(sandbox.url) as serving:
        yield serving


def seen(sandbox: Sandbox, server: Meddler, body: Any, *, people: tuple[int, ...] = (1,)) -> dict[str, Check]:
    """The checks of reading, by rule, after each of these people ran the body."""
    found = sandbox.discovery
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    batches: dict[str, list[Any]] = {}
    with running(server.url, secrets, pattern=found["people"]["email_pattern"], people=20) as engine:
        for number, person in enumerate(people):
            drive(engine, body, person=person, ticket=number)
    for table, batch in made([*engine.taken, *engine.observer.take()]):
        batches.setdefault(table, []).append(batch)
    checks = reads(lambda table, columns: [batch.select(columns) for batch in batches.get(table, ())])
    return {check.id.split()[1]: check for check in checks}


async def look_around(phone: Device) -> None:
    """A page load, the feed, a title, the diary, the list, a conversation with a message."""
    assert await open_app(phone)
    home = Home(phone)
    page = await home.open()
    home.leave()
    if page is not None and page.leads:
        title = TitlePage(phone, page.leads[0].title)
        await title.open()
        title.leave()
        await set_status(phone, page.leads[0].title, page.leads[0].kind, "dropped")
        phone.page.queries.invalidate("title-diary", phone.user_id)
        await phone.page.queries.once(diary_entry(phone, page.leads[0].title))
    diary = Diary(phone)
    await diary.open()
    diary.leave()
    rows = await conversation_list(phone)
    if rows:
        conversation = Conversation(phone, rows[0], joined=True, poll_s=0.3)
        await conversation.open()
        await conversation.send(TEXT)
        await phone.pause(0.8)
        conversation.leave()


async def open_twice(phone: Device) -> None:
    """The app is opened, and its page loaded once more."""
    assert await open_app(phone)
    await phone.pause(0.3)
    phone.load_page()
    assert await open_app(phone)
    await phone.pause(0.3)


def broken(checks: dict[str, Check]) -> dict[str, str]:
    return {rule: check.sentence for rule, check in checks.items() if check.status == "broken"}


def test_a_healthy_target_breaks_no_rule(sandbox: Sandbox, server: Meddler) -> None:
    checks = seen(sandbox, server, look_around, people=(1, 2, 3))
    assert broken(checks) == {}
    asked = {rule for rule, check in checks.items() if check.looked_at}
    wanted = {"owner", "own-text", "own-message", "own-library", "message-stays", "feed-stays", "known-rows"}
    assert wanted | {"statistics", "asked-ids", "page-order", "sent-back", "deck-cards"} <= asked


def test_another_persons_feed(sandbox: Sandbox, server: Meddler) -> None:
    """The second person gets the first one's feed at every other look."""
    feeds: list[Any] = []
    looks = iter(range(10_000))

    def meddle(heard: Heard, data: Any) -> Any:
        if "get_home_feed_v2" not in heard.path:
            return data
        feeds.append((heard.body["p_user_id"], data))
        others = [rows for owner, rows in feeds if owner != heard.body["p_user_id"]]
        return others[0] if others and next(looks) % 2 else data

    server.meddle = meddle
    checks = seen(sandbox, server, open_twice, people=(1, 2))
    check = checks["feed-stays"]
    assert foreign(check), broken(checks)
    assert check.offenders[0].ids["person"] == "2"
    assert "rows of" in check.sentence
    assert next(iter(checks.values())) == check  # the gravest comes first


def test_somebody_elses_cached_reply(sandbox: Sandbox, server: Meddler) -> None:
    """A cache that knows the path up to its query, and not who asks."""
    cache: dict[str, Any] = {}

    def meddle(heard: Heard, data: Any) -> Any:
        return cache.setdefault(heard.endpoint, data) if heard.method == "GET" else data

    server.meddle = meddle
    checks = seen(sandbox, server, look_around, people=(1, 2))
    assert foreign(checks["owner"])
    assert {"own_profile", "own_stats"} & {offender.ids["call"] for offender in checks["owner"].offenders}
    assert {offender.ids["person"] for offender in checks["owner"].offenders} == {"2"}


@pytest.mark.slow
def test_a_feed_that_becomes_empty(sandbox: Sandbox, server: Meddler) -> None:
    times = iter(range(10_000))

    def meddle(heard: Heard, data: Any) -> Any:
        return [] if "get_home_feed_v2" in heard.path and next(times) else data

    server.meddle = meddle
    checks = seen(sandbox, server, open_twice)
    assert "the feed is empty" in checks["feed-stays"].sentence


def test_a_feed_that_was_never_there(sandbox: Sandbox, server: Meddler) -> None:
    server.meddle = lambda heard, data: [] if "get_home_feed_v2" in heard.path else data

    sentence = seen(sandbox, server, open_twice)["known-rows"].sentence
    assert "the feed is empty, but the diary counts" in sentence


def test_texts_that_are_cut_on_their_way_back(sandbox: Sandbox, server: Meddler) -> None:
    def meddle(heard: Heard, data: Any) -> Any:
        if heard.method == "GET" and heard.endpoint == "/rest/v1/messages":
            return [row | {"text": (row["text"] or "")[:5]} for row in data]
        return data

    server.meddle = meddle
    check = seen(sandbox, server, look_around)["own-text"]
    assert check.status == "broken"
    assert f"came back with 5 code points, {len(TEXT)} were written" in check.sentence


@pytest.mark.slow
def test_a_conversation_that_is_shown_empty(sandbox: Sandbox, server: Meddler) -> None:
    polls = iter(range(10_000))

    def meddle(heard: Heard, data: Any) -> Any:
        if heard.method == "GET" and heard.endpoint == "/rest/v1/messages" and next(polls) > 1:
            return []
        return data

    server.meddle = meddle
    checks = seen(sandbox, server, look_around)
    assert {"own-message", "message-stays"} <= set(broken(checks))


@pytest.mark.slow
def test_a_library_that_forgets(sandbox: Sandbox, server: Meddler) -> None:
    server.meddle = lambda heard, data: [] if heard.endpoint == "/rest/v1/library_entries" else data
    check = seen(sandbox, server, look_around)["own-library"]
    assert "was put dropped, and is shown as in no list" in check.sentence


@pytest.mark.slow
def test_statistics_that_do_not_add_up(sandbox: Sandbox, server: Meddler) -> None:
    def meddle(heard: Heard, data: Any) -> Any:
        return [row | {"total_rated": 99} for row in data] if "get_diary_stats" in heard.path else data

    server.meddle = meddle
    assert seen(sandbox, server, look_around)["statistics"].status == "broken"


@pytest.mark.slow
def test_another_title_than_was_asked_for(sandbox: Sandbox, server: Meddler) -> None:
    first: dict[str, Any] = {}

    def meddle(heard: Heard, data: Any) -> Any:
        return first.setdefault("titles", data) if heard.endpoint == "/rest/v1/media_items" else data

    async def two_titles(phone: Device) -> None:
        assert await open_app(phone)
        page = await home_feed(phone)
        assert page is not None
        for title in list(dict.fromkeys(lead.title for lead in page.leads))[:2]:
            screen = TitlePage(phone, title)
            await screen.open()
            screen.leave()

    server.meddle = meddle
    check = seen(sandbox, server, two_titles)["asked-ids"]
    assert "asked for id" in check.sentence


@pytest.mark.slow
def test_the_record_holds_examples_and_all_counts(sandbox: Sandbox, server: Meddler) -> None:
    def meddle(heard: Heard, data: Any) -> Any:
        return [row | {"id": "elsewhere"} for row in data] if heard.endpoint == "/rest/v1/profiles" else data

    server.meddle = meddle
    check = seen(sandbox, server, open_twice)["owner"]
    assert check.count == sum("elsewhere" in offender.ids["found"] for offender in check.offenders) >= 2
    assert check.looked_at > check.count
