"""A published table as subscribers meet it. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """types, casts: of every column, as Postgres names the type and as SQL spells it. keys: the primary key.

    readable: the columns each role may select. secured: row level security is on.
    """

    schema: str
    name: str
    types: Mapping[str, str]
    casts: Mapping[str, str]
    keys: tuple[str, ...]
    readable: Mapping[str, frozenset[str]]
    secured: bool

    def keys_readable(self, role: str) -> bool:
        """Whether the role may read the whole primary key, without which it is told nothing."""
        return set(self.keys) <= self.readable.get(role, frozenset())
