"""Whose requests they are: every attempt counts to the session that caused it, whenever it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest

from harness.client.api.classify import Reading
from harness.client.api.rows_written import rows_written
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.swipe import SwipePage
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.rows import made
from harness.core.tables import ACTIONS, TRAFFIC
from harness.load.engine import Engine
from harness.record.store import tidy
from tests.client.stage import Scripted, drive, running

SECRETS = Secrets("anon", "password")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as serving:
        yield serving


def recorded(engine: Engine, table: str) -> list[dict[str, object]]:
    found = [batch for name, batch in made(list(engine.taken)) if name == table]
    return list(tidy(table, pa.Table.from_batches(found)).to_pylist()) if found else []


def test_what_a_closed_app_still_had_under_way_is_its_own_sessions_and_not_the_next_ones(server: Scripted) -> None:
    """Decks of the page load are still unanswered when both sessions close: they are given up, and counted."""
    server.delay_s = lambda heard: 1.6 if heard.endpoint.endswith("media-swipe-deck") else 0.0

    async def glance(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.3)

    with running(server.url, SECRETS) as engine:
        for ticket in (5, 6):
            drive(engine, glance, ticket=ticket)
        time.sleep(1.0)  # until the server has noticed that nobody listens any more
    sent: dict[object, Counter[str]] = {5: Counter(), 6: Counter()}
    for row in recorded(engine, TRAFFIC):
        sent[row["ticket"]][str(row["call"])] += int(str(row["requests"]))
    assert [of["background_deck"] for of in sent.values()] == [4, 4]
    assert [of["sign_in"] for of in sent.values()] == [1, 0]
    assert sum(of.total() for of in sent.values()) == len(engine.attempts)


def test_bytes_rows_waiting_and_failures_are_counted_with_them(server: Scripted) -> None:
    server.script = lambda heard: (500, {}) if heard.endpoint == "/rest/v1/user_stats" else None

    async def swipe(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        page = SwipePage(phone)
        assert await page.open()
        for _ in range(3):
            card = await page.next_card()
            assert card is not None
            await page.look_and_swipe(card, 0.01, "like")
        await phone.pause(2.5)  # the failing read is tried to its end

    with running(server.url, SECRETS) as engine:
        drive(engine, swipe, ticket=1)
    rows = {str(row["call"]): row for row in recorded(engine, TRAFFIC)}
    deck = rows["swipe_deck"]
    assert (deck["requests"], deck["failed"], deck["rows"]) == (1, 0, 2 * 72 + 2)
    assert int(str(deck["bytes_in"])) > 72 * 36
    assert int(str(deck["bytes_out"])) > 300
    assert (rows["own_stats"]["requests"], rows["own_stats"]["failed"]) == (6, 6)
    # Six events or seven in one batch, a label for each of three gestures, the limiter's own row.
    assert rows["swipe_events"]["rows"] in (6 + 3 + 1, 7 + 3 + 1, 6 + 1, 7 + 1)
    actions = [str(row["action"]) for row in recorded(engine, ACTIONS)]
    assert Counter(actions)["look"] == Counter(actions)["gesture"] == 3
    assert actions.index("page_load") < actions.index("open") < actions.index("closed")


@pytest.mark.parametrize(
    ("call", "outcome", "data", "rows"),
    [
        ("message_send", Outcome.OK, {}, 2),
        ("message_send", Outcome.SERVER_ERROR, {}, 0),
        ("swipe_deck", Outcome.OK, {"cards": [{}] * 10}, 22),
        ("swipe_deck", Outcome.RATE_LIMITED, None, 0),
        ("title_event", Outcome.OK, {"acceptedClientEventIds": ["a"]}, 2),
        ("swipe_events", Outcome.RATE_LIMITED, {}, 1),
        ("home_feed", Outcome.OK, [], 0),
        ("swipe_deck", Outcome.OK, "garbage", 1),
    ],
)
def test_rows_are_what_the_reply_acknowledged(call: str, outcome: Outcome, data: object, rows: int) -> None:
    assert rows_written(call, Reading(outcome, data)) == rows
