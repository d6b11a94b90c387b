"""How a session ended, as the record has it: done, kept out by a limit or otherwise, or stopped half-way.

Bodies do here what personas do: those themselves live in Locust's process (`tests/runs/test_sign_in_limit.py`).
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.chat.parts import conversation_list
from harness.core.people import Secrets
from harness.core.rows import made
from harness.core.tables import ARRIVALS
from harness.load.engine import Engine
from harness.load.session_runner import SessionBody
from harness.record.store import tidy
from tests.client.stage import Answer, Heard, Scripted, drive, running

LIMIT = (429, {"error_code": "over_request_rate_limit"})


async def reads(phone: Device) -> None:
    if not await open_app(phone):
        return
    if await Home(phone).open() is None:
        phone.notes.could_not_go_on("home_feed")


async def chats(phone: Device) -> None:
    if not await open_app(phone):
        return
    if not await conversation_list(phone):
        phone.notes.could_not_go_on("conversation_list")


def ends(engine: Engine) -> list[str]:
    batches = [pa.Table.from_batches([batch]) for name, batch in made(engine.taken) if name == ARRIVALS]
    return [str(row["end"]) for row in tidy(ARRIVALS, pa.concat_tables(batches)).to_pylist()]


@pytest.mark.parametrize(
    ("body", "endpoint", "answer", "end"),
    [
        (reads, "/nothing", (500, {}), "finished"),
        (reads, "/auth/v1/token", LIMIT, "limited"),
        (reads, "/auth/v1/token", (500, {}), "kept_out"),
        (reads, "/auth/v1/user", (403, {}), "kept_out"),
        (reads, "/rest/v1/rpc/get_home_feed_v2", (403, {}), "stopped"),
        (chats, "/rest/v1/rpc/get_conversation_summaries", (403, {}), "stopped"),
        (chats, "/rest/v1/rpc/get_conversation_summaries", (200, []), "finished"),  # nobody to talk to is no failure
    ],
)
def test_the_end_of_a_session_says_why(body: SessionBody, endpoint: str, answer: Answer, end: str) -> None:
    def script(heard: Heard) -> Answer | None:
        return answer if heard.endpoint.startswith(endpoint) else None

    with Scripted(script).serving() as server:
        with running(server.url, Secrets("key", "pw")) as engine:
            drive(engine, body)
        assert ends(engine) == [end]
