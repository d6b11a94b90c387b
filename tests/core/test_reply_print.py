"""Replies in numbers: alike where the rows are alike, whatever their order, and otherwise where one value is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.core.reply_print import ROWS_AT_MOST, ReplyPrint, key_of, printed, rows_at

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(), st.lists(st.integers(0, 9)))
NAMES = st.sampled_from(["a", "b", "c"])
ROW = st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES)))


@given(st.dictionaries(st.integers(0, 2**53), ROW, max_size=8), st.randoms())
def test_the_order_of_rows_and_members_does_not_matter(rows: dict[int, dict[str, Any]], dice: Any) -> None:
    told = [{"id": key, **row} for key, row in rows.items()]
    mixed = [dict(dice.sample(list(row.items()), len(row))) for row in dice.sample(told, len(told))]
    assert printed(told, ["id"]).rows() == printed(mixed, ["id"]).rows()
    assert set(printed(told, ["id"]).rows()) == set(map(str, rows))


@given(ROW, NAMES, VALUES)
def test_one_other_value_is_seen_and_named(row: dict[str, Any], name: str, value: Any) -> None:
    other = row | {name: value}
    one, two = (printed([{"id": "r", **told}], ["id"]).rows()["r"] for told in (row, other))
    differing = {field.partition(".")[0] for field in {**one, **two} if one.get(field) != two.get(field)}
    same = name in row and repr(row[name]) == repr(value)
    assert differing == set() if same else differing <= {name}


def test_members_of_members_have_names_with_dots_and_null_is_something_else_than_nothing() -> None:
    found = printed([{"id": 1, "who": {"name": "A", "at": None}, "tags": [1, 2]}], ["id"]).rows()
    assert list(found["1"]) == ["id", "who.name", "who.at", "tags"]
    assert "at" not in printed([{"id": 1, "who": {}}], ["id"]).rows()["1"]


def test_rows_without_a_key_are_left_out_and_one_object_needs_none() -> None:
    assert printed([{"id": None}, {"x": 1}, {"id": "a,b"}], ["id"]) == ReplyPrint("", "", b"")
    assert printed([{"id": "a", "n": 1}, {"id": "a", "n": 2}], ["id"]) == printed([{"id": "a", "n": 1}], ["id"])
    assert list(printed([{"x": 1}], []).rows()) == ["-"]
    assert key_of({"a": "l", "b": 7}, ["a", "b"]) == "l/7"


def test_many_rows_and_fields_are_bounded() -> None:
    wide = [{"id": number, **{f"f{place}": place for place in range(500)}} for number in range(1000)]
    found = printed(wide, ["id"])
    assert len(found.rows()) == ROWS_AT_MOST
    assert len(found.values) <= 80_000


def test_rows_stand_where_the_reply_has_them() -> None:
    assert rows_at({"data": {"results": [{"id": 1}, 2]}}, ("data", "results")) == [{"id": 1}]
    assert rows_at({"data": []}, ("data", "results")) == []
    assert rows_at({"id": 1}, ()) == [{"id": 1}]
    assert rows_at(None, ()) == []


def test_numbers_that_are_cut_off_raise_nothing() -> None:
    assert ReplyPrint("a,b", "x,y", b"\0\0\0\1").rows() == {"a": {"x": 1}, "b": {}}
