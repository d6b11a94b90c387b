"""What a statement answered. (pure)"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """total: rows there are or that were changed, None when nobody asked; page: rows in the body."""

    total: int | None
    page: int
    body: str | None
    inserted: int | None = None
    estimated: int | None = None
