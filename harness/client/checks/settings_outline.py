"""The public settings as one text to compare: of a phone's reply, and of whoever asked before the load. (pure)

Contract 6.1: a version, and an object of settings by name.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

LONGEST = 60
"""Bytes of a value that is kept as it is; of a longer one a checksum."""
NAMES = 64


def settings_outline(data: Any) -> tuple[int, str] | None:
    """Version, and JSON of the settings by name, sorted; None for what is no such reply."""
    if type(data) is not dict or type(version := data.get("version")) is not int:
        return None
    settings = data.get("settings")
    if type(settings) is not dict or not 0 < len(settings) <= NAMES or not -(2**63) <= version < 2**63:
        return None
    short = {str(name)[:LONGEST]: _short(value) for name, value in settings.items()}
    return version, orjson.dumps(short, option=orjson.OPT_SORT_KEYS).decode()


def _short(value: Any) -> Any:
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return value if len(written) <= LONGEST else f"checksum {zlib.crc32(written):08x}"
