"""A change that tells another time than that of its row."""

from __future__ import annotations

import pytest

from harness.client.realtime.conversation_channel import misdated
from harness.client.realtime.phoenix.events import DatabaseChange
from harness.core.instants import epoch_us

COMMIT = epoch_us("2026-11-29T22:00:01.5+00:00")


def change(created: object, table: str = "messages", type_: str = "INSERT") -> DatabaseChange:
    return DatabaseChange(table, type_, {"id": "a", "created_at": created}, {}, None, None, 0, 0.0, 0)


@pytest.mark.parametrize("created", ["2026-11-29T22:00:01.4+00:00", "2026-11-29T21:59:10Z", None, "yesterday", 7])
def test_a_row_of_now_or_of_no_time_is_dated_well(created: object) -> None:
    assert COMMIT is not None
    assert not misdated(change(created), COMMIT)


@pytest.mark.parametrize("table", ["messages", "message_reactions", "message_delivery_receipts"])
@pytest.mark.parametrize("created", ["2026-11-29T17:00:01.4+00:00", "2026-11-29T22:05:00Z"])
def test_a_new_row_of_another_hour_is_named(table: str, created: str) -> None:
    assert COMMIT is not None
    assert misdated(change(created, table), COMMIT)


def test_old_rows_and_read_receipts_which_phones_date_are_left_alone() -> None:
    assert COMMIT is not None
    assert not misdated(change("2026-11-01T00:00:00Z", type_="UPDATE"), COMMIT)
    assert not misdated(change("2026-11-01T00:00:00Z", "message_read_receipts"), COMMIT)
