"""Reads the target through PostgREST with a service key, page by page.

Pages start behind the last row of the one before (keyset paging): offsets would skip and repeat rows while a target is
still writing, and cost more with every page. A run's time is read in slices, and a page's lower bound moves with it, so
that the database never sorts the whole run for one page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import pyarrow as pa

from harness.client.http.paced import paced
from harness.core.api_key import key_headers
from harness.core.errors import TargetError
from harness.core.wire_limits import WireLimits
from harness.egress import web
from harness.egress.gate import LOOPBACK, Gate
from harness.evidence.rows import batch
from harness.evidence.tables import TABLES, StoredTable

PAGE_ROWS = 1000
"""Supabase's default `max_rows`. A deployment that allows fewer is noticed: pages end where the rows end."""
TIMEOUT_S = 60.0
CHUNK_IDS = 100  # in one URL
DATE_KNOWN_TO_S = 1.0
FIRST_SLICE = timedelta(seconds=60)
SHORTEST_SLICE = timedelta(seconds=1)
BUSY_PAGES = 4
"""A slice with more pages than this is followed by a shorter one; with less than one full page, by a longer."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0)
"""Before each further try of one page: a busy gateway must not cost all that was read so far."""
MOST_PAUSE_S = 30.0
"""Of what a refusal's retry-after asks for."""
TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 540, 544})


class RestReader:
    """One target's tables. Use as an async context manager."""

    source = "PostgREST"

    def __init__(self, url: str, service_key: str, gate: Gate = LOOPBACK, limits: WireLimits | None = None) -> None:
        """limits: the target's, which this keeps to as well."""
        headers = {**key_headers(service_key), "accept-profile": "public"}
        self._storage = url.rstrip("/") + "/storage/v1"
        self._http = web.async_client(
            gate,
            base_url=url.rstrip("/") + "/rest/v1/",
            headers=headers,
            timeout=TIMEOUT_S,
            event_hooks=paced(limits),
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
        start, end, width = datetime.fromisoformat(since), datetime.fromisoformat(until), FIRST_SLICE
        while start < end:
            stop = min(start + width, end)
            pages = full = 0
            async for rows in self._pages(table, [(table.since, f"lt.{stop.isoformat()}")], start.isoformat()):
                yield batch(table, rows)
                pages += 1
                full += len(rows)
            if pages > BUSY_PAGES:
                width = max(width / 2, SHORTEST_SLICE)
            elif full < PAGE_ROWS:
                width *= 2
            start = stop

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

    async def files(self, bucket: str, names: Sequence[str]) -> set[str]:
        """Which of these files storage has: it signs addresses of those alone. :raises TargetError: it cannot tell."""
        found = set()
        for name in names:
            address = f"{self._storage}/object/sign/{quote(bucket)}/{quote(name)}"
            try:
                reply = await self._http.post(address, json={"expiresIn": 1})
            except httpx.HTTPError as error:
                what = f"storage stopped answering: {type(error).__name__} {error}".rstrip()
                raise TargetError(what, where=bucket, remedy=REMEDY) from error
            if reply.status_code == 200:
                found.add(name)
            elif reply.status_code not in (400, 404):
                what = f"storage answered {reply.status_code} instead of whether a file is there"
                raise TargetError(what, where=bucket, remedy=REMEDY)
        return found

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

    async def _pages(
        self, table: StoredTable, filters: list[tuple[str, str]], since: str = ""
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """since: the lower bound of the table's time, where it is read by time."""
        fixed = [
            ("select", ",".join(column.rest for column in table.read)),
            *filters,
            ("order", ",".join(f"{column}.asc" for column in table.order)),
            ("limit", str(PAGE_ROWS)),
        ]
        behind: list[tuple[str, str]] = []
        ends = set[str]()  # of the pages so far
        while True:
            bound = [(table.since, f"gte.{since}")] if since else []
            rows = _rows(table, await self._get(table, fixed + bound + behind, {}))
            if not rows:
                return
            end = _behind(table, rows[-1])
            if end in ends:
                what = "the target brings the same rows again and again, whatever page is asked for"
                raise TargetError(what, where=table.name, remedy="read it through a database connection, keys.dsn_env")
            ends.add(end)
            yield rows
            since = since and str(rows[-1][table.since])  # what an index can use; ties are told apart by the rest
            behind = [("or", end)]

    async def _get(self, table: StoredTable, query: list[tuple[str, str]], headers: dict[str, str]) -> httpx.Response:
        address = f"{table.name}?{urlencode(query)}"
        for pause in (*PAUSES_S, None):
            asked = 0.0
            try:
                reply = await self._http.get(address, headers=headers)
            except httpx.HTTPError as error:
                what = f"the target stopped answering while its data was read: {type(error).__name__} {error}".rstrip()
                problem = TargetError(what, where=table.name, remedy=REMEDY)
            else:
                if reply.status_code in (200, 206):
                    return reply
                problem = _refused(table, reply)
                if reply.status_code not in TRY_AGAIN:
                    raise problem
                asked = _retry_after(reply)
            if pause is None:
                problem.what += f" ({len(PAUSES_S) + 1} tries)"
                raise problem
            await asyncio.sleep(max(pause, min(asked, MOST_PAUSE_S)))
        raise AssertionError("the last try returns or raises")


REMEDY = "read it again with `harness check RUN` when it is back"
KEY_REMEDY = "name the variable with the deployment's service key in the target file, keys.service_env"
MIGRATE = "apply the app's migrations, and expose schema public in the API's settings"


def _refused(table: StoredTable, reply: httpx.Response) -> TargetError:
    """What a reply that holds no rows means, by its status."""
    status, code = reply.status_code, _code(reply)
    said = f"{status} {code}".rstrip()
    if status in (401, 403):
        what, remedy = f"the service key may not read this table: {said}", KEY_REMEDY
    elif status in (404, 406):
        what, remedy = f"the target's API has no such table: {said}", MIGRATE
    elif status == 400:
        what, remedy = f"the target's API does not know a column or filter that we ask for: {said}", MIGRATE
    elif status == 429:
        what, remedy = f"the target limits how fast its data is read: {said}", REMEDY
    elif status >= 500 or status == 408:
        what, remedy = f"the target failed while its data was read: {said}", REMEDY
    else:
        what, remedy = f"the target answered with something else than rows: {said}", REMEDY
    return TargetError(what, where=table.name, remedy=remedy)


def _rows(table: StoredTable, reply: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a good reply, each with the columns that a page ends with. :raises TargetError: it holds none."""
    try:
        found = reply.json()
    except (ValueError, RecursionError):
        found = None
    needed = {*table.order, table.since} - {""}
    if not isinstance(found, list) or not all(isinstance(row, dict) and needed <= row.keys() for row in found):
        raise TargetError("the target answered with something else than rows", where=table.name, remedy=REMEDY)
    return found


def _retry_after(reply: httpx.Response) -> float:
    """Seconds that a refusal asks to wait; 0 where it says nothing that we understand."""
    said = reply.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else 0.0


def _behind(table: StoredTable, row: dict[str, Any]) -> str:
    """The filter for rows after `row` in the table's order: a row-value comparison, spelled out; empty times last."""
    cases, equal = [], ""
    for column in table.order:
        if row[column] is None:
            same, later = f"{column}.is.null", []
        else:
            same, later = f'{column}.eq."{row[column]}"', [f'{column}.gt."{row[column]}"']
            if column not in (*table.told_apart_by, table.since):
                later.append(f"{column}.is.null")
        cases += [f"and({equal}{here})" if equal else here for here in later]
        equal += f"{same},"
    return f"({','.join(cases)})"


def _code(reply: httpx.Response) -> str:
    try:
        return str(reply.json().get("code") or "")
    except (ValueError, AttributeError):
        return ""
