"""Rows are in the order that the call's address asks for. (pure)

Texts are left out: their order is the database's collation. So is what a row does not have: columns that were not asked
for with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from harness.client.checks.read_rule import JsonRow

DATED = ("_at", "_date")
"""How columns end whose texts are days or instants."""


class OrderedBy(NamedTuple):
    """One column of an `order=`."""

    column: str
    falling: bool
    nulls_first: bool


def asked_order(order: str) -> tuple[OrderedBy, ...]:
    """What an `order=` says; nothing said of nulls means that they are the largest (Postgres)."""
    found = []
    for one in order.split(","):
        column, *words = one.split(".")
        if column:
            falling = "desc" in words
            found.append(OrderedBy(column, falling, "nullsfirst" in words or (falling and "nullslast" not in words)))
    return tuple(found)


def out_of_order(rows: list[JsonRow], order: tuple[OrderedBy, ...]) -> str | None:
    """The first row that stands behind one that it belongs before, in words."""
    for before, row in pairwise(rows):
        for by in order:
            if by.column not in before or by.column not in row:
                break
            first, second = before[by.column], row[by.column]
            if first == second:
                continue
            if _wrong(first, second, by):
                return f"{by.column} {_told(second)} stands behind {_told(first)}"
            break
    return None


def _wrong(first: Any, second: Any, by: OrderedBy) -> bool:
    if first is None or second is None:
        return (second is None) == by.nulls_first
    if type(first) is str and type(second) is str:
        if not by.column.endswith(DATED) or (first > second) == by.falling:
            return False
        try:
            one, other = datetime.fromisoformat(first), datetime.fromisoformat(second)
            return one != other and (one > other) != by.falling
        except (ValueError, TypeError):
            return False
    if type(first) in (int, float) and type(second) in (int, float):
        return bool((first > second) != by.falling)
    return False


def _told(value: Any) -> str:
    return "nothing" if value is None else str(value)


ORDERS: Mapping[str, tuple[OrderedBy, ...]] = {
    call: asked_order(order)
    for call, order in {
        "title_reviews": "created_at.desc",
        "trending_titles": "trend_score.desc",
        "landing_titles": (
            "tmdb_popularity.desc.nullslast,tmdb_vote_count.desc.nullslast,tmdb_vote_average.desc.nullslast,"
            "tmdb_release_date.desc.nullslast,tmdb_first_air_date.desc.nullslast"
        ),
        "search_titles": (
            "tmdb_release_date.desc.nullslast,tmdb_first_air_date.desc.nullslast,tmdb_title.asc.nullsfirst"
        ),
        "public_lists": "updated_at.desc",
        "list_items": "position.asc",
        "suggested_ratings": "rating.desc",
        "suggested_stats": "followers_count.desc",
        "stories_lists": "updated_at.desc,created_at.desc",
        "stories_items": "position.asc,created_at.asc",
        "library_list": "updated_at.desc",
        "recent_watched": "updated_at.desc",
    }.items()
}
"""Of the paths. Messages have a rule of their own; receipts and reactions are looked up by id, in any order."""
