"""A request of a session over a bare one, and the read rules over a visit to the replies' values.

`benchmarks/session.py` and `benchmarks/read_checks.py` in short.

Everybody opens the app, scrolls the feed, opens a title, swipes, searches and writes, without a person's pauses: the
requests are those of real sessions, and there are more of them in a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import orjson
import uvloop
from read_checks import KeptChecks, Step, replayed
from replay.peers import Asked, asked
from replay.recording import Recording

from harness.client import api_client
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.chat.parts import Conversation, conversation_list
from short.bare import BareConnection, dealt, opened
from short.engine import Waves, waves
from short.judging import Turn
from short.turns import RECORDING, by_turns, cores, cpu, pin, replay

PEOPLE, CONNECTIONS = 10, 10
WAVES, CHECK_TURNS = 5, 11
TIMES = 4
"""The recorded requests in a turn of the reference, so that it is about as long as a wave."""
CARD_S, KEY_S = 0.02, 0.02


async def session(phone: Device) -> None:
    """A bit of everything, in a hurry."""
    if not await open_app(phone):
        raise RuntimeError("the app did not open")
    home = Home(phone)
    page = await home.open()
    page = await home.more() or page
    home.leave()
    if page is not None and page.leads:
        title = TitlePage(phone, page.leads[0].title)
        await title.open()
        title.leave()
    swipes = SwipePage(phone)
    await swipes.open()
    for _ in range(10):
        if (card := await swipes.next_card()) is None:
            break
        await swipes.look_and_swipe(card, CARD_S, "skip")
    swipes.leave()
    search = Search(phone)
    search.open()
    await search.type("the night", [KEY_S] * 8)
    search.leave()
    rows = await conversation_list(phone)
    if rows:
        conversation = Conversation(phone, rows[0], joined=True, poll_s=0.5)
        await conversation.open()
        for _ in range(2):
            await conversation.send("Something to say about a film.")
        conversation.leave()


def looked() -> dict[str, list[Turn]]:
    """Both ratios: the first wave, which warms up, has its replies kept for the rules."""
    first, last = cores()
    with (
        replay(PEOPLE, first) as url,
        waves(url, PEOPLE) as engine,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        pin(last)
        checks = vars(api_client)["ReadChecks"]
        vars(api_client)["ReadChecks"] = KeptChecks
        engine.wave(range(PEOPLE), session)
        vars(api_client)["ReadChecks"] = checks
        return {"session": requests(engine, runner, url), "read checks": rules(list(KeptChecks.steps))}


def requests(engine: Waves, runner: asyncio.Runner, url: str) -> list[Turn]:
    """CPU seconds of a request, of both."""
    asks = asked(Recording.load(RECORDING))
    connections = runner.run(opened(urlsplit(url).port or 0, CONNECTIONS))
    told = [(encoded(one, url), one.method) for one in asks]

    def ours() -> float:
        begun = time.process_time()
        number = engine.wave(range(PEOPLE), session)
        return (time.process_time() - begun) / number

    def reference() -> float:
        begun = time.process_time()
        runner.run(bare(connections, told * TIMES))
        return (time.process_time() - begun) / len(told) / TIMES

    found = by_turns(ours, reference, WAVES)
    for connection in connections:
        connection.close()
    return found


def encoded(one: Asked, url: str) -> bytes:
    """A recorded request as it goes out."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in {"host": urlsplit(url).netloc, **one.headers}.items())
    length = "content-length: 0\r\n" if one.method == "POST" else ""
    return f"{one.method} {one.target} HTTP/1.1\r\n{headers}{length}\r\n".encode()


async def bare(connections: Sequence[BareConnection], told: Sequence[tuple[bytes, str]]) -> None:
    """All of them, on as many connections; each reply parsed and visited.

    Parsing alone would be most of it, and memory's other users slow that down more than they do a session.
    """

    async def one(connection: BareConnection, mine: Sequence[tuple[bytes, str]]) -> None:
        for request, method in mine:
            body = await connection.send(request)
            if body and method != "OPTIONS":
                visited(orjson.loads(body))

    hands = dealt(told, len(connections))
    await asyncio.gather(*(one(*pair) for pair in zip(connections, hands, strict=True)))


def rules(steps: list[Step]) -> list[Turn]:
    """CPU seconds of all of them, of both."""
    if not steps:
        raise RuntimeError("no reply was checked")
    replies = [reply.data for reply, _ in steps]
    return by_turns(cpu(lambda: replayed(steps)), cpu(lambda: visited(replies)), CHECK_TURNS)


def visited(value: object) -> int:
    """How many values there are in it. Not parsing is the reference, which memory's other users slow down far more."""
    if isinstance(value, dict):
        return sum(visited(one) for one in value.values())
    if isinstance(value, list):
        return sum(visited(one) for one in value)
    return 1
