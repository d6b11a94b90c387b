"""The end of a session, also one that goes wrong: the next session on that device begins as if nothing had been."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from harness.client.api.calls import USER
from harness.client.device import Device
from harness.client.network_state import NetworkChange
from harness.client.screens.browse.swipe import SwipePage
from harness.core.ledger import WriteKind
from harness.core.people import Secrets
from harness.core.rows import made
from harness.core.tables import ARRIVALS, LEDGER_WRITES
from harness.load.engine import Engine
from harness.load.session_runner import SessionBody
from harness.record.store import tidy
from harness.schedule.arrivals import Ticket
from tests.client.stage import Scripted, cards, drive, running

PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as serving:
        yield serving


def rows(engine: Engine, table: str) -> list[dict[str, Any]]:
    batches = [batch for name, batch in made(list(engine.taken)) if name == table]
    return tidy(table, pa.Table.from_batches(batches)).to_pylist() if batches else []


def submit(engine: Engine, body: SessionBody, ticket: int) -> threading.Event:
    over = threading.Event()
    engine.submit(Ticket(ticket, engine.now(), "reader", 0), body, over.set)
    return over


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_a_step_that_fails_costs_none_of_the_others(server: Scripted) -> None:
    """Here one that watches the network, when the page is hidden."""
    server.delay_s = lambda heard: 0.3
    connections: list[int] = []

    def fails(change: NetworkChange) -> None:
        if change is NetworkChange.HIDDEN:
            raise RuntimeError("on purpose")

    async def first(phone: Device) -> None:
        await phone.auth.sign_in()
        SwipePage(phone).phone.event_sender.mount()
        phone.network.watch(fails)
        phone.background.start(left_open(phone))

    async def left_open(phone: Device) -> None:
        await phone.api.request(USER)
        await phone.pause(PATIENCE_S)

    async def second(phone: Device) -> None:
        assert phone.network.visible
        assert not phone.event_sender.mounted
        connections.append(phone.api._http.open_connections)

    with running(server.url, Secrets("anon")) as engine:
        assert submit(engine, first, 0).wait(PATIENCE_S)
        assert submit(engine, second, 1).wait(PATIENCE_S), "the device is locked for good"
        assert engine.runner.open_sessions == 0
        assert engine.failures == 1
        assert "on purpose" in engine.problems[0]
    assert connections == [0]
    assert [row["end"] for row in rows(engine, ARRIVALS)] == ["failed", "finished"]


def test_an_end_that_is_cancelled_is_an_end(server: Scripted) -> None:
    """The run is over before what was under way: no second of patience is left for it."""
    server.delay_s = lambda heard: PATIENCE_S if "/user" in heard.path else 0.0
    devices: list[Device] = []

    async def body(phone: Device) -> None:
        devices.append(phone)
        await phone.auth.sign_in()
        phone.event_sender.mount()
        phone.background.start(asks(phone))
        await phone.pause(PATIENCE_S)

    async def asks(phone: Device) -> None:
        await phone.api.request(USER)

    with running(server.url, Secrets("anon")) as engine:
        over = submit(engine, body, 0)
        until(lambda: bool(server.of("/user")))
        engine.close(0.1, [])
        assert over.wait(PATIENCE_S)
        assert engine.runner.open_sessions == 0
        assert not devices[0].in_use.locked()
        assert devices[0].api._http.open_connections == 0
        assert not devices[0].event_sender.mounted
        assert engine.failures == 0
    (arrival,) = rows(engine, ARRIVALS)
    assert arrival["end"] == "closed"
    assert arrival["ended_us"] is not None


def test_somebody_who_is_signed_out_is_no_defect_of_ours(server: Scripted) -> None:
    """A listener on the realtime line may find out, as any other work beside the session may."""
    server.script = lambda heard: (400, {"error": "invalid_grant"}) if "refresh_token" in heard.path else None

    with running(server.url, Secrets("anon"), realtime=True) as engine:

        async def body(phone: Device) -> None:
            await phone.auth.sign_in()
            assert phone.auth.account is not None
            phone.auth.account.expires_at = phone.now()
            await phone.auth.refresh_if_due()
            assert phone.auth.account is None
            client = phone.page.realtime.client
            assert client is not None
            client._connection.tell(lambda: phone.user_id)
            phone.background.start(beside(phone))
            await phone.pause(0.05)

        async def beside(phone: Device) -> None:
            raise AssertionError(phone.user_id)

        drive(engine, body)


@pytest.mark.parametrize("leaves", [True, False])
def test_cards_that_come_after_the_page_was_left_are_nobodys(server: Scripted, *, leaves: bool) -> None:
    """Left by the person, or gone with the app, which has a last second for what is under way."""
    server.script = lambda heard: (200, cards(3, 3 * len(server.decks()))) if "deck" in heard.path else None
    server.delay_s = lambda heard: 0.2 if len(server.decks()) > 1 and "deck" in heard.path else 0.0
    troubles: list[Any] = []

    async def body(phone: Device) -> None:
        phone.kit.loop.set_exception_handler(lambda _, context: troubles.append(context))
        await phone.auth.sign_in()
        phone.auth.refused = never_refused  # type: ignore[method-assign]
        page = SwipePage(phone)
        assert await page.open()
        while page.card is not None:
            await page.look_and_swipe(page.card, 0.01, "like")
        assert len(server.decks()) == 2
        if leaves:
            page.leave()
            await page.next_card()
            assert page.card is not None, "they came"
            before = len(server.heard)
            await page.look_and_swipe(page.card, 0.01, "like")
            page.rate(page.card, 4)
            page.leave()
            assert len(server.heard) == before

    async def never_refused(call: Any) -> None:
        return None

    with running(server.url, Secrets("anon")) as engine:
        drive(engine, body)
    assert troubles == []
    noted = [row["detail"] for row in rows(engine, LEDGER_WRITES) if row["kind"] == WriteKind.EVENT]
    assert Counter(noted) == Counter(impression=3, like=3), "of the three cards that were shown"
