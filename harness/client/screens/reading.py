"""Reads made of several requests: the library's one further try is around all of them together (contract 0.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from harness.client.api import shapes
from harness.client.api.call import Call, Caller
from harness.client.cache.queries import Fetched
from harness.client.device import Device

AGAIN_AFTER_S = 1.0
"""Seconds until a read that failed is made once more, from its first request on."""


@cache
def part(call: Call) -> Call:
    """A call as a part of a larger read: with the transport's tries and no further one of its own."""
    return replace(call, caller=Caller.PLAIN)


async def rows(phone: Device, call: Call, *arguments: str) -> Fetched[list[dict[str, Any]]]:
    """The rows of one request of a larger read."""
    return Fetched.of(await phone.api.request(part(call), *arguments), shapes.table_rows)


async def one(phone: Device, call: Call, *arguments: str) -> Fetched[dict[str, Any]]:
    """The row of one request that brings one row or none; an empty one when there is none."""
    fetched = await rows(phone, call, *arguments)
    return Fetched(fetched.outcome, None if fetched.value is None else (fetched.value or [{}])[0])


def texts(table: Iterable[dict[str, Any]], column: str) -> list[str]:
    """The text values of a column, each once, in order."""
    return list(dict.fromkeys(value for row in table if isinstance(value := row.get(column), str) and value))


def joined(values: Iterable[str]) -> str:
    """As in a filter `in.(...)`."""
    return ",".join(values)
