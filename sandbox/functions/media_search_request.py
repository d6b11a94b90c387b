"""The body of media-search: what it may say, and what is made of it (contract 6.2). (pure)"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sandbox.functions import js

TYPES = ("movie", "series", "anime", "all")
LIMIT_MAX = 50
ROWS_MAX = 1_000
"""What PostgREST shows without a limit that it can read."""


class BadSearch(ValueError):
    """The body is not a search."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One page of one search. Years and genres stay text, so that Postgres judges them, as behind PostgREST.

    page, limit: whole or, as the shipped check allows it, fractional numbers.
    """

    query: str
    page: float
    limit: float
    kind: str | None
    min_date: str | None
    max_date: str | None
    language: str | None
    genre_ids: list[str] | None
    skip_rerank: bool

    @property
    def offset(self) -> float:
        """Rows before this page; what the reply reckons with."""
        return (self.page - 1) * self.limit

    @property
    def window(self) -> tuple[int, int]:
        """Rows that PostgREST skips and shows: it ignores an offset or limit that is no whole number."""
        last = self.offset + self.limit - 1
        limit = _whole(last - self.offset + 1)
        return _whole(self.offset) or 0, ROWS_MAX if limit is None else limit


def parse(body: Any) -> SearchRequest:
    """:raises BadSearch: for a missing query, a page below 1, a limit outside 1..50, or an unknown type."""
    if not isinstance(body, dict):
        raise BadSearch("Request body must be an object")
    query = js.trim(body["query"]) if isinstance(body.get("query"), str) else ""
    if not query:
        raise BadSearch("'query' is required")
    page = js.to_number(body["page"]) if "page" in body else 1.0
    if page is None or not math.isfinite(page) or page < 1:
        raise BadSearch("'page' must be >= 1")
    limit = js.to_number(body["limit"]) if "limit" in body else 20.0
    if limit is None or not 1 <= limit <= LIMIT_MAX:
        raise BadSearch("'limit' must be 1..50")
    given = body.get("filters")
    filters = given if isinstance(given, dict) else {}
    kind = filters.get("type") if isinstance(filters.get("type"), str) else None
    if kind and kind not in TYPES:
        raise BadSearch("filters.type must be one of movie|series|anime|all")
    low, high = _year(filters, "minYear"), _year(filters, "maxYear")
    language = filters.get("originalLanguage")
    return SearchRequest(
        query,
        page,
        limit,
        None if kind in (None, "", "all") else kind,
        None if low is None else f"{low}-01-01",
        None if high is None else f"{high}-12-31",
        language if isinstance(language, str) and language else None,
        _genres(filters.get("genreIds")),
        bool(body.get("skipRerank")),
    )


def _whole(value: float) -> int | None:
    text = js.number(value)
    return int(text) if text.removeprefix("-").isdigit() else None


def _year(filters: dict[str, Any], name: str) -> str | None:
    year = js.to_number(filters[name]) if name in filters else None
    return None if year is None or not math.isfinite(year) else js.number(year)


def _genres(given: Any) -> list[str] | None:
    if not isinstance(given, list):
        return None
    numbers = (js.to_number(value) for value in given)
    return [js.number(value) for value in numbers if value is not None and math.isfinite(value)] or None
