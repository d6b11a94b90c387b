"""Orders are read from the addresses as they are sent, and rows held against them as Postgres would sort."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.client.checks.asked_order import ORDERS, OrderedBy, asked_order, out_of_order


def test_every_address_that_names_an_order_is_held_to_it() -> None:
    named = {
        one.name: asked_order(parse_qs(one.path.partition("?")[2])["order"][0])
        for one in (*vars(calls).values(), *vars(chat_calls).values())
        if isinstance(one, Call) and "&order=" in one.path
    }
    for by_id in ("read_receipts_poll", "delivery_receipts_poll", "reactions_poll", "messages_poll", "messages_older"):
        del named[by_id]
    assert named == ORDERS
    assert ORDERS["stories_lists"] == (OrderedBy("updated_at", True, True), OrderedBy("created_at", True, True))
    assert ORDERS["list_items"] == (OrderedBy("position", False, False),)
    assert ORDERS["landing_titles"][0] == OrderedBy("tmdb_popularity", True, False)
    assert ORDERS["search_titles"][-1] == OrderedBy("tmdb_title", False, True)
    assert asked_order("") == ()


@pytest.mark.parametrize(
    ("order", "values", "wrong"),
    [
        ("at_date.desc", ["2026-02-01", "2026-01-31", "2026-01-31"], None),
        ("at_date.desc", ["2026-01-31", "2026-02-01"], "at_date 2026-02-01 stands behind 2026-01-31"),
        ("at.desc", [None, 9, 8.5, 8], None),
        ("at.desc", [9, None], "at nothing stands behind 9"),
        ("at.desc.nullslast", [9, None], None),
        ("at.desc.nullslast", [None, 9], "at 9 stands behind nothing"),
        ("at.asc", [1, 2, None], None),
        ("at.asc", [None, 1], "at 1 stands behind nothing"),
        ("at.asc.nullsfirst", [None, 1], None),
        ("at.asc", [2, 1], "at 1 stands behind 2"),
        ("at.asc", ["b", "a"], None),  # the database's collation, whatever it is
        ("created_at.desc", ["2026-03-01T10:00:00.5+00:00", "2026-03-01T10:00:00+00:00"], None),
        ("created_at.desc", ["2026-03-01T09:00:00+00:00", "2026-03-01T10:00:00+02:00"], None),  # written otherwise
        ("created_at.desc", ["x", "y"], None),
        ("at.asc", [[2], {"a": 1}, True, "1", 1], None),
    ],
)
def test_rows_stand_as_postgres_sorts_them(order: str, values: list[Any], wrong: str | None) -> None:
    by = asked_order(order)
    assert out_of_order([{by[0].column: value} for value in values], by) == wrong


def test_a_second_column_counts_among_equals_and_what_is_not_there_says_nothing() -> None:
    order = asked_order("a.desc,b.asc")
    assert out_of_order([{"a": 2, "b": 9}, {"a": 1, "b": 1}, {"a": 1, "b": 2}], order) is None
    assert out_of_order([{"a": 1, "b": 2}, {"a": 1, "b": 1}], order) == "b 1 stands behind 2"
    assert out_of_order([{"b": 2}, {"b": 1}, {"a": 2}, {"a": 2, "b": 1}, {"a": 2}], order) is None
