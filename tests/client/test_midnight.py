"""A batch on its way at UTC midnight: what the client sends again on the next day is a second row, and legal (I02)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from harness.client.api.calls import APP_SETTINGS
from harness.client.device import Device
from harness.client.events.outbox import SwipeEvent
from harness.core.people import Secrets
from harness.core.rows import made
from harness.evidence.postgres import PostgresReader
from harness.evidence.tables import EVENTS
from reports.integrity.check import Book, _events
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.client.stage import RUN_TAG, drive, running

TO_MIDNIGHT_S = 16.0
"""From here to the sandbox's midnight: for it to start, and for everybody to swipe."""
PEOPLE = 3


def ahead() -> float:
    """Seconds by which a clock has to be ahead for which UTC midnight is `TO_MIDNIGHT_S` from now."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds() - TO_MIDNIGHT_S


def like(phone: Device) -> SwipeEvent:
    return SwipeEvent(
        event_type="like",
        client_event_id=phone.new_id(),
        session_id=str(uuid.uuid4()),
        media_item_id=str(uuid.UUID(int=2, version=4)),
    )


async def stored(dsn: str, offset_s: float) -> pa.Table:
    """Today's and tomorrow's events, by the sandbox's clock."""
    now = datetime.now(UTC) + timedelta(seconds=offset_s)
    since, until = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    async with PostgresReader(dsn) as reader:
        batches = [batch async for batch in reader.between(EVENTS, since, until)]
    return pa.Table.from_batches(batches, schema=EVENTS.schema)


@pytest.mark.slow
def test_a_replay_across_midnight_is_noted_and_is_no_doubling() -> None:
    offset, midnight = ahead(), time.time() + TO_MIDNIGHT_S
    # Replies are held back until long after the rows are there: the app is gone meanwhile, and its queue keeps them.
    switches = Switches.parse(["delay_all_ms=100", "latency_percent=7000"])
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=100, switches=switches, clock_offset_s=offset)) as sandbox:
        people = sandbox.discovery["people"]
        secrets = Secrets(sandbox.discovery["anon_key"], people["password"])
        with running(sandbox.url, secrets, pattern=people["email_pattern"], people=PEOPLE) as engine:
            zero_epoch_s = time.time() - (time.monotonic() - engine.zero) + offset  # the phones' clock is ahead as well

            async def arrives(phone: Device) -> None:
                if phone.auth.account is None:
                    await phone.auth.sign_in()
                phone.load_page()
                await phone.api.request(APP_SETTINGS, body={})  # the first edge call of a page dies on the phone

            async def swipes_and_leaves(phone: Device) -> None:
                await arrives(phone)
                phone.event_sender.mount()
                phone.event_sender.emit(like(phone))
                await phone.pause(2.0)  # beyond the buffer's second: sent, stored, not answered

            async def comes_back(phone: Device) -> None:
                await arrives(phone)
                phone.event_sender.mount()
                await phone.pause(6.0)

            for person in range(PEOPLE):
                drive(engine, swipes_and_leaves, person=person, ticket=person)
            assert time.time() < midnight, "this machine was too slow for the test to mean anything"
            time.sleep(max(0.0, midnight + 0.5 - time.time()))
            for person in range(PEOPLE):
                drive(engine, comes_back, person=person, ticket=PEOPLE + person)
            engine.loop.call_soon_threadsafe(engine.flush)
            time.sleep(0.2)
            noted = made(list(engine.taken))
        table = asyncio.run(stored(sandbox.discovery["dsn"], offset))

    def rows(name: str, columns: Sequence[str]) -> list[pa.RecordBatch]:
        return [batch.select(columns) for kind, batch in noted if kind == name]

    answers = {check.id: check for check in _events(Book(rows, RUN_TAG), table, round(zero_epoch_s * 1e6))}
    assert table.num_rows == 2 * PEOPLE
    assert (answers["I02"].status, answers["I02"].count) == ("noted", PEOPLE)
    assert answers["I02"].offenders[0].ids["client id"]
    for id_ in ("I01", "I03", "I04", "I06", "event day"):
        assert answers[id_].status == "held", answers[id_]
