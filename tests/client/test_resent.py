"""A kept connection that dies without a byte of an answer: the wire sends again, and all is written down (P21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from harness.client.api.calls import USER
from harness.client.device import Device
from harness.client.screens.browse.library import rate, set_status
from harness.core.ledger import WriteKind, WriteStep
from harness.core.outcome import OUTCOME_CODE, Outcome
from harness.core.people import Secrets
from harness.core.rows import made
from harness.core.tables import LATENCY, LEDGER_STEPS, TRAFFIC, View
from harness.load.engine import Engine
from tests.client.stage import OTHER, TITLE, Driven, Heard, Scripted, drive, running

STALL_S = 0.3


def once(chosen: Callable[[Heard], bool]) -> Callable[[Heard], bool]:
    """The first request of these dies, no later one does."""
    left = [1]

    def dies(heard: Heard) -> bool:
        if not chosen(heard) or not left[0]:
            return False
        left[0] -= 1
        return True

    return dies


def rows(engine: Engine, table: str) -> list[dict[str, Any]]:
    """Of one table of the record, in the order in which they were written down."""
    batches: list[pa.RecordBatch] = [batch for name, batch in made(list(engine.taken)) if name == table]
    return [row for batch in batches for row in batch.to_pylist()]


def drive_with(server: Scripted, body: Callable[[Device], Any]) -> Driven:
    """One session whose phone has a connection that is kept before `body` begins."""

    async def session(phone: Device) -> None:
        await phone.auth.sign_in()
        await body(phone)

    with running(server.url, Secrets("anon")) as engine:
        return drive(engine, session)


@pytest.fixture
def server() -> Any:
    with Scripted().serving() as scripted:
        yield scripted


def test_both_attempts_are_recorded_each_with_its_own_time(server: Scripted) -> None:
    def write(heard: Heard) -> bool:
        return heard.method == "POST" and "library_entries" in heard.path

    server.dies = once(write)
    server.delay_s = lambda heard: STALL_S if write(heard) and len(server.of("library_entries")) == 1 else 0.0

    async def body(phone: Device) -> None:
        assert await set_status(phone, TITLE, "movie", "watched") is Outcome.OK

    done = drive_with(server, body)
    assert len(server.heard) == len(done.engine.attempts)
    tried = [(one.outcome, one.code, one.milliseconds > STALL_S * 900) for one in done.engine.attempts]
    assert tried[-2:] == [(Outcome.NETWORK, "closed early", True), (Outcome.OK, "", False)]

    samples = [row for row in rows(done.engine, LATENCY) if row["operation"] == "library_write"]
    server_view = {row["outcome"]: row["bucket_us"] for row in samples if row["view"] == View.SERVER}
    assert server_view.keys() == {Outcome.NETWORK, Outcome.OK}
    assert server_view[Outcome.NETWORK] > STALL_S * 9e5
    assert server_view[Outcome.OK] < server_view[Outcome.NETWORK]
    (traffic,) = [row for row in rows(done.engine, TRAFFIC) if row["call"] == "library_write"]
    assert (traffic["requests"], traffic["failed"]) == (2, 1)


def test_the_ledger_knows_that_a_write_left_twice(server: Scripted) -> None:
    """So that rules which count rows against requests allow for both."""
    server.dies = once(lambda heard: heard.method == "POST" and "ratings" in heard.path)

    async def body(phone: Device) -> None:
        await rate(phone, TITLE, "movie", 8)
        await set_status(phone, OTHER, "movie", "watched")

    steps = rows(drive_with(server, body).engine, LEDGER_STEPS)
    rating = [row["step"] for row in steps if row["kind"] == WriteKind.RATING]
    assert rating == [WriteStep.SENT, WriteStep.SENT, WriteStep.ACKNOWLEDGED]
    library = [row["step"] for row in steps if row["kind"] == WriteKind.LIBRARY]
    assert library == [WriteStep.SENT, WriteStep.ACKNOWLEDGED]


def test_a_write_that_was_there_already_is_acknowledged(server: Scripted) -> None:
    """The target carried out the first and refuses the second: 409, as the app would see it."""
    first = once(lambda heard: heard.method == "POST" and "ratings" in heard.path)
    server.dies = first
    server.script = lambda heard: (
        (409, {"code": "23505"}) if heard.method == "POST" and "ratings" in heard.path else None
    )

    async def body(phone: Device) -> None:
        assert await rate(phone, TITLE, "movie", 8) is Outcome.CONFLICT

    steps = [row for row in rows(drive_with(server, body).engine, LEDGER_STEPS) if row["kind"] == WriteKind.RATING]
    assert [row["step"] for row in steps] == [WriteStep.SENT, WriteStep.SENT, WriteStep.ACKNOWLEDGED]
    assert steps[-1]["outcome"] == OUTCOME_CODE[Outcome.CONFLICT]


def test_a_read_carries_no_write(server: Scripted) -> None:
    server.dies = once(lambda heard: heard.method == "GET" and "diary" not in heard.path)

    async def body(phone: Device) -> None:
        await set_status(phone, TITLE, "movie", "watched")
        assert (await phone.api.request(USER)).outcome is Outcome.OK

    done = drive_with(server, body)
    assert done.names["user"] == 2
    steps = [row["step"] for row in rows(done.engine, LEDGER_STEPS) if row["kind"] == WriteKind.LIBRARY]
    assert steps == [WriteStep.SENT, WriteStep.ACKNOWLEDGED]
