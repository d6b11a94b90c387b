"""Reading through PostgREST from a server that fails as gateways do: tried again, in slices, causes by name."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from harness.core.errors import TargetError
from harness.evidence import rest
from harness.evidence.rest import RestReader
from harness.evidence.tables import REACTIONS

ZERO = datetime(2026, 11, 23, 3, tzinfo=UTC)


class Gateway(ThreadingHTTPServer):
    """A PostgREST with one table, and a plan of what it answers first."""

    def __init__(self, rows: list[dict[str, Any]], answers: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows, self.answers, self.asked = rows, answers, list[dict[str, str]]()
        self.deaf = False  # it brings its first page, whatever is asked for
        self.raw: bytes | None = None  # it answers so


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status != 200:
            self._reply(status, {"code": "X1"})
            return
        asked = dict[str, str]()
        low = high = datetime.max.replace(tzinfo=UTC)
        behind = None
        for name, value in parse_qsl(urlsplit(self.path).query):
            if name == "created_at" and value.startswith("gte."):
                low, asked["gte"] = datetime.fromisoformat(value[4:]), value[4:]
            elif name == "created_at":
                high, asked["lt"] = datetime.fromisoformat(value[3:]), value[3:]
            elif name == "or":
                asked["or"] = value
                behind = tuple(re.findall(r'gt\."([^"]+)"', value))
        self.server.asked.append(asked)
        chosen = [row for row in self.server.rows if low <= datetime.fromisoformat(row["created_at"]) < high]
        if behind is not None and not self.server.deaf:
            chosen = [row for row in chosen if (row["created_at"], row["id"]) > behind]
        self._reply(200, chosen[: rest.PAGE_ROWS])

    def _reply(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode() if self.server.raw is None else self.server.raw
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def rows(number: int, seconds: float) -> list[dict[str, Any]]:
    """Reactions evenly over so many seconds; ten of each instant."""
    step = seconds / number
    made = [
        {
            "id": str(uuid.uuid4()),
            "created_at": (ZERO + timedelta(seconds=round(n // 10 * 10 * step, 3))).isoformat(timespec="microseconds"),
            "message_id": str(uuid.uuid4()),
            "user_id": str(uuid.uuid4()),
            "emoji": "x",
        }
        for n in range(number)
    ]
    return sorted(made, key=lambda row: (row["created_at"], row["id"]))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway([], []) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def read(gateway: Gateway, seconds: float = 600) -> list[str]:
    async def all_of() -> list[str]:
        until = (ZERO + timedelta(seconds=seconds)).isoformat()
        async with RestReader(f"http://127.0.0.1:{gateway.server_port}", "key") as reader:
            found = [batch async for batch in reader.between(REACTIONS, ZERO.isoformat(), until)]
        return [str(uuid.UUID(bytes=raw)) for batch in found for raw in batch["id"].to_pylist()]

    return asyncio.run(all_of())


def test_every_row_once_in_slices_whose_lower_bound_moves(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAGE_ROWS", 100)
    gateway.rows = rows(3_000, 500)
    assert read(gateway) == [row["id"] for row in gateway.rows]
    later = [asked for asked in gateway.asked if "or" in asked]
    assert later
    for asked in later:  # an index on the time finds where a page begins: no sort of what came before it
        assert asked["gte"] in asked["or"]
    widths = {datetime.fromisoformat(asked["lt"]) - ZERO for asked in gateway.asked}
    assert len(widths) > 3


def test_an_empty_table_takes_few_requests(gateway: Gateway) -> None:
    assert read(gateway, 8 * 3600) == []
    assert len(gateway.asked) < 12


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_page_that_fails_is_asked_for_again(gateway: Gateway, status: int) -> None:
    gateway.rows, gateway.answers = rows(50, 10), [200, status, status]
    assert len(read(gateway)) == 50


@pytest.mark.parametrize(
    ("status", "tries", "words"),
    [
        (401, 1, "the service key may not read this table: 401 X1"),
        (403, 1, "the service key may not read this table: 403 X1"),
        (404, 1, "the target's API has no such table: 404 X1"),
        (400, 1, "does not know a column or filter that we ask for: 400 X1"),
        (503, 4, "the target failed while its data was read: 503 X1 (4 tries)"),
        (429, 4, "the target limits how fast its data is read: 429 X1 (4 tries)"),
    ],
)
def test_causes_are_named_by_their_status(gateway: Gateway, status: int, tries: int, words: str) -> None:
    gateway.answers = [status] * 4
    with pytest.raises(TargetError) as caught:
        read(gateway)
    assert words in caught.value.what
    assert caught.value.where == "message_reactions"
    assert len(gateway.answers) == 4 - tries


def test_a_target_that_brings_the_same_page_for_ever_is_left(gateway: Gateway) -> None:
    gateway.rows, gateway.deaf = rows(50, 10), True
    with pytest.raises(TargetError, match="the same rows again and again") as caught:
        read(gateway)
    assert caught.value.where == "message_reactions"
    assert len(gateway.asked) < 5


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>sign in</html>",
        b"",
        b"null",
        b"{}",
        b"[null]",
        b'["a"]',
        b'[{"id": "x"}]',
        b"[" * 100_000,
        b"\xff\xfe[",
        b"9" * 5_000,
    ],
)
def test_what_is_no_rows_is_said_to_be_none(gateway: Gateway, raw: bytes) -> None:
    gateway.raw = raw
    with pytest.raises(TargetError, match="something else than rows"):
        read(gateway)
