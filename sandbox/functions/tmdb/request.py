"""What tmdb-proxy lets through: paths, parameters, and the settings that bound them (contract 6.3, 7.4). (pure)"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.functions import js

PARAMETERS = frozenset(
    {
        "query",
        "page",
        "language",
        "include_adult",
        "year",
        "primary_release_year",
        "first_air_date_year",
        "with_genres",
        "sort_by",
        "region",
        "append_to_response",
    }
)
SETTINGS_PREFIX = "integrations.tmdb_proxy."
_APPENDED_LIMIT = 20
_PATHS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"/configuration",
        r"/search/(movie|tv|person|multi)",
        r"/(movie|tv)/[0-9]+(?:/\w+)?",
        r"/person/[0-9]+(?:/\w+)?",
        r"/genre/(movie|tv)/list",
        r"/discover/(movie|tv)",
        r"/trending/(movie|tv|all)/(day|week)",
    )
)
_TOKEN = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The proxy's settings."""

    language: str = "en-US"
    query_chars: int = 200
    pages: int = 50
    timeout_ms: int = 8_000
    per_minute: int = 120


def bounds(stored: Mapping[str, Any]) -> Bounds:
    """From the rows of `app_settings` whose key starts with SETTINGS_PREFIX; one out of its range is the default."""
    default = Bounds()

    def whole(name: str, usual: int, low: int, high: int) -> int:
        value = stored.get(SETTINGS_PREFIX + name)
        usable = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return int(value) if usable and value is not None else usual

    language = stored.get(SETTINGS_PREFIX + "default_language")
    return Bounds(
        language if isinstance(language, str) and language else default.language,
        whole("max_query_len", default.query_chars, 10, 500),
        whole("max_page", default.pages, 1, 500),
        whole("timeout_ms", default.timeout_ms, 1_000, 30_000),
        whole("max_per_minute", default.per_minute, 10, 600),
    )


def allowed(path: str) -> bool:
    """Whether the proxy forwards this path."""
    return any(pattern.fullmatch(path) for pattern in _PATHS)


def parameters(given: Mapping[str, Any], limits: Bounds) -> dict[str, str]:
    """The query string that TMDb would get: unknown ones dropped, pages clamped, long queries cut."""
    kept: dict[str, str] = {}
    for name, value in given.items():
        if name not in PARAMETERS or value is None:
            continue
        if name == "page":
            page = _integer(value)
            if page is not None:
                kept[name] = str(max(1, min(limits.pages, page)))
        elif name == "append_to_response":
            tokens = [token.strip() for token in js.string(value).split(",")]
            if kept_tokens := [token for token in tokens if _TOKEN.fullmatch(token)][:_APPENDED_LIMIT]:
                kept[name] = ",".join(kept_tokens)
        elif text := js.string(value).strip() if name == "query" else js.string(value):
            kept[name] = text[: limits.query_chars] if name == "query" else text
    return {"language": limits.language, **kept}


def _integer(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.floor(value) if math.isfinite(value) else None
    match = _LEADING_INTEGER.match(js.string(value))
    return int(match.group(1)[:20]) if match else None
