"""A request's JSON body: is it JSON, and which columns or arguments does it give. (pure)"""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.rest.errors import bad_body
from sandbox.rest.writing import Payload


def rows_payload(body: bytes, columns: tuple[str, ...] | None) -> tuple[Payload, str]:
    """What an insert or update brings, and the text to hand to Postgres.

    columns: from the `columns` parameter; without it all objects must have the same keys.
    :raises RestError: PGRST102.
    """
    value = _load(body)
    if isinstance(value, list):
        return Payload(columns or _common_keys(value), True, not value), body.decode()
    if isinstance(value, dict):
        return Payload(columns or tuple(sorted(value)), False, False), body.decode()
    return Payload(columns or (), False, False), "{}"  # PostgREST takes a scalar for an object without keys


def arguments_payload(body: bytes) -> tuple[frozenset[str], str]:
    """The argument names of a function call, and the text to hand to Postgres; :raises RestError: PGRST102."""
    if not body:
        return frozenset(), "{}"
    value = _load(body)
    return (frozenset(value) if isinstance(value, dict) else frozenset()), body.decode()


def _common_keys(rows: list[Any]) -> tuple[str, ...]:
    keys = [frozenset(row) if isinstance(row, dict) else None for row in rows]
    if any(found is None or found != keys[0] for found in keys):
        raise bad_body("All object keys must match")
    return tuple(sorted(keys[0] or ())) if keys else ()


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_body() from error
