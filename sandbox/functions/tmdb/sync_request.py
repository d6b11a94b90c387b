"""The body of catalog-sync: what passes its check, and which title it means (contract 6.4). (pure)"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXTERNAL_TYPES, CONTENT_TYPES = ("movie", "tv", "series"), ("movie", "series")


class BadSync(ValueError):
    """The body does not pass."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What to sync. kind: the catalogue's word for it, `movie` or `series`."""

    tmdb_id: int | None
    imdb_id: str | None
    kind: str
    with_omdb: bool
    afresh: bool


def parse(body: Any) -> SyncRequest:
    """Null is an empty body. :raises BadSync: for a member of another type, known ones only."""
    members = _object({} if body is None else body)
    external = _members(members, "external") or {}
    options = _members(members, "options") or {}
    for given, type_name, types in ((external, "type", EXTERNAL_TYPES), (members, "contentType", CONTENT_TYPES)):
        _number(given)
        if not isinstance(given.get("imdbId"), str | None):
            raise BadSync("imdbId is no text")
        if not (given.get(type_name) is None or (isinstance(given[type_name], str) and given[type_name] in types)):
            raise BadSync(f"{type_name} is none of {types}")
    for name in ("syncOmdb", "forceRefresh"):
        if not isinstance(options.get(name, False), bool):
            raise BadSync(f"{name} is neither true nor false")
    series = external.get("type") in ("tv", "series") or members.get("contentType") == "series"
    tmdb_id, imdb_id = _first(external, members, "tmdbId"), _first(external, members, "imdbId")
    return SyncRequest(
        None if tmdb_id is None else int(tmdb_id),
        imdb_id,
        "series" if series else "movie",
        options.get("syncOmdb", True),
        options.get("forceRefresh", False),
    )


def _first(external: Mapping[str, Any], members: Mapping[str, Any], name: str) -> Any:
    value = external.get(name)
    return members.get(name) if value is None else value


def _members(given: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return None if given.get(name) is None else _object(given[name])


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadSync("not an object")
    return value


def _number(given: Mapping[str, Any]) -> None:
    value = given.get("tmdbId")
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadSync("tmdbId is no number")
    if value != int(value) or value <= 0:
        raise BadSync("tmdbId is no whole number above 0")
