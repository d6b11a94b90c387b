"""Reads the target through PostgREST with a service key, page by page.

Pages start behind the last row of the one before (keyset paging): offsets would skip and repeat rows while a target is
still writing, and cost more with every page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import pyarrow as pa

from harness.client.http.tls import shared_context
from harness.core.errors import TargetError
from harness.evidence.rows import batch
from harness.evidence.tables import TABLES, StoredTable

PAGE_ROWS = 1000
"""Supabase's default `max_rows`. A deployment that allows fewer is noticed: pages end where the rows end."""
TIMEOUT_S = 60.0
CHUNK_IDS = 100  # in one URL
DATE_KNOWN_TO_S = 1.0


class RestReader:
    """One target's tables. Use as an async context manager."""

    source = "PostgREST"

    def __init__(self, url: str, service_key: str) -> None:
        headers = {"apikey": service_key, "authorization": f"Bearer {service_key}", "accept-profile": "public"}
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/rest/v1/",
            headers=headers,
            timeout=TIMEOUT_S,
            verify=shared_context() if url.startswith("https:") else False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def between(self, table: StoredTable, since: str, until: str) -> AsyncIterator[pa.RecordBatch]:
        """Rows whose time lies from `since` up to and without `until`, both ISO 8601.

        :raises TargetError: the target does not answer, or does not let the key read.
        """
        window = [(table.since, f"gte.{since}"), (table.since, f"lt.{until}")]
        async for rows in self._pages(table, window):
            yield batch(table, rows)

    async def belonging(self, table: StoredTable, column: str, ids: Sequence[str]) -> AsyncIterator[pa.RecordBatch]:
        """Rows whose `column` is one of `ids`."""
        for start in range(0, len(ids), CHUNK_IDS):
            chosen = ",".join(ids[start : start + CHUNK_IDS])
            async for rows in self._pages(table, [(column, f"in.({chosen})")]):
                yield batch(table, rows)

    async def on_days(
        self, table: StoredTable, column: str, ids: Sequence[str], first: date, last: date
    ) -> AsyncIterator[pa.RecordBatch]:
        """Rows of events whose `column` is one of `ids`, from the first to the last day."""
        days = [("event_day", f"gte.{first}"), ("event_day", f"lte.{last}")]
        for start in range(0, len(ids), CHUNK_IDS):
            chosen = ",".join(ids[start : start + CHUNK_IDS])
            async for rows in self._pages(table, [(column, f"in.({chosen})"), *days]):
                yield batch(table, rows)

    async def clock(self) -> datetime:
        """What the clock of whoever answers says now, from the reply's Date: whole seconds, which servers make once a
        second and use for that long. The middle of the two seconds in which it may be now.

        :raises ValueError: it does not say.
        """
        reply = await self._get(TABLES[0], [("select", TABLES[0].order[0]), ("limit", "1")], {})
        return parsedate_to_datetime(reply.headers.get("date", "")) + timedelta(seconds=DATE_KNOWN_TO_S)

    async def count(self, table: StoredTable, since: str, until: str) -> int:
        """How many rows `between` would bring."""
        reply = await self._get(
            table,
            [
                ("select", table.order[0]),
                (table.since, f"gte.{since}"),
                (table.since, f"lt.{until}"),
                ("limit", "1"),
            ],
            {"prefer": "count=exact"},
        )
        return int(reply.headers.get("content-range", "*/0").rpartition("/")[2])

    async def _pages(self, table: StoredTable, filters: list[tuple[str, str]]) -> AsyncIterator[list[dict[str, Any]]]:
        fixed = [
            ("select", ",".join(column.rest for column in table.read)),
            *filters,
            ("order", ",".join(f"{column}.asc" for column in table.order)),
            ("limit", str(PAGE_ROWS)),
        ]
        behind: list[tuple[str, str]] = []
        while True:
            rows: list[dict[str, Any]] = (await self._get(table, fixed + behind, {})).json()
            if not rows:
                return
            yield rows
            behind = [("or", _behind(table, rows[-1]))]

    async def _get(self, table: StoredTable, query: list[tuple[str, str]], headers: dict[str, str]) -> httpx.Response:
        address = f"{table.name}?{urlencode(query)}"
        try:
            reply = await self._http.get(address, headers=headers)
        except httpx.HTTPError as error:
            raise TargetError(
                f"the target stopped answering while its data was read: {type(error).__name__} {error}".rstrip(),
                where=table.name,
                remedy="read it again with `harness check RUN` when it is back",
            ) from error
        if reply.status_code not in (200, 206):
            raise TargetError(
                f"the service key may not read this table: {reply.status_code} {_code(reply)}".rstrip(),
                where=table.name,
                remedy="name the variable with the deployment's service key in the target file, keys.service_env",
            )
        return reply


def _behind(table: StoredTable, row: dict[str, Any]) -> str:
    """The filter for rows after `row` in the table's order: a row-value comparison, spelled out."""
    cases, equal = [], ""
    for column in table.order:
        value = f'"{row[column]}"'
        here = f"{column}.gt.{value}"
        cases.append(f"and({equal}{here})" if equal else here)
        equal += f"{column}.eq.{value},"
    return f"({','.join(cases)})"


def _code(reply: httpx.Response) -> str:
    try:
        return str(reply.json().get("code") or "")
    except (ValueError, AttributeError):
        return ""
