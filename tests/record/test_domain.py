"""A record is read without trust: what no run writes is named, instead of ending the judging in a traceback."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa
import pytest

from harness.core.delivery_facts import FactKind
from harness.core.tables import DELIVERY, READ_SAMPLES, SCHEMAS
from harness.record.domain import misfit

JOINING = {
    "at_us": 0,
    "worker": 0,
    "kind": str(FactKind.CHANNEL),
    "person": 3,
    "conversation": str(uuid.UUID(int=1)),
    "key": "changes",
    "detail": "joining",
    "mark_us": None,
}


def found(table: str, row: dict[str, Any]) -> str:
    fields = [SCHEMAS[table].field(name) for name in row]
    return misfit(table, [(field.name, pa.array([row[field.name]], field.type)) for field in fields], 60.0)


@pytest.mark.parametrize(("name", "value"), [("key", "nothing"), ("detail", "<b>joined</b>"), ("detail", None)])
def test_a_channel_in_a_state_that_none_has_is_named(name: str, value: str | None) -> None:
    assert found(DELIVERY, JOINING) == ""
    assert found(DELIVERY, JOINING | {name: value}).startswith(f"column {name} has ")
    assert found(DELIVERY, JOINING | {name: value, "kind": str(FactKind.SENT)}) == "", "of a channel alone"


def test_samples_of_replies_hold_instants_of_the_target_and_any_figures() -> None:
    row = {"begun_us": 1, "at_us": 2, "worker": 0, "person": 1, "call": "home_feed", "ids": b""}
    row |= {"oldest_us": 1_795_818_946_757_283, "first": -3, "second": 10**12}
    assert found(READ_SAMPLES, row) == ""
    assert found(READ_SAMPLES, row | {"oldest_us": 2**60}) != ""
    assert found(READ_SAMPLES, row | {"begun_us": 10**17}) != ""
