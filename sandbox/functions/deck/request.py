"""What a media-swipe-deck body may say, checked as the application's schema does (contract 2.1). (pure)"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.functions import js
from sandbox.settings import Snapshot

MODES = ("for_you", "friends", "trending", "combined")
KINDS = ("movie", "series", "anime")
LIMIT_RANGE = (1, 120)
GENRES_LIMIT = 20
_SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class DeckRefusal(Exception):
    """The body is refused with 400; without a message for codes that come without one."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class DeckRequest:
    """A valid request. `limit` None asks for the setting's default; `seed` is empty when none was given."""

    session_id: str
    mode: str
    limit: int | None
    kind: str | None
    seed: str
    min_imdb_rating: float | None
    genres_any: tuple[str, ...]
    force_for_you: bool
    diversify: bool
    experiments: Mapping[str, str]

    @property
    def filtered(self) -> bool:
        """Whether the database is asked for more, to make up for what the filters drop."""
        return self.min_imdb_rating is not None or bool(self.genres_any)


def parse(body: Any) -> DeckRequest:
    """:raises DeckRefusal: BAD_INPUT for a schema violation, INVALID_SESSION for a session id that is no UUID 1-5."""
    if not isinstance(body, dict):
        raise DeckRefusal("BAD_INPUT", f"Expected object, received {_kind(body)}")
    session_id = body.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise _bad("sessionId", "Required" if session_id is None else f"Expected string, received {_kind(session_id)}")
    mode = _choice(body, "mode", MODES) or "for_you"
    limit = _limit(body)
    kind = _choice(body, "kindFilter", KINDS)
    seed = (_text(body, "seed") or "").strip()
    rating = _rating(body)
    genres = _genres(body)
    switches = {name: _switch(body, name) for name in ("skipRerank", "forceForYou", "rerank", "diversify")}
    _text(body, "rerankQuery")
    experiments = _experiments(body)
    if not _SESSION_ID.fullmatch(session_id.strip()):
        raise DeckRefusal("INVALID_SESSION")
    return DeckRequest(
        session_id=session_id.strip(),
        mode=mode,
        limit=limit,
        kind=kind,
        seed=seed,
        min_imdb_rating=rating,
        genres_any=genres,
        force_for_you=switches["forceForYou"],
        diversify=switches["diversify"],
        experiments=experiments,
    )


@dataclass(frozen=True, slots=True)
class DeckSize:
    """How many cards to serve and how many rows to ask the database for."""

    cards: int
    rows: int


def size(request: DeckRequest, settings: Snapshot) -> DeckSize:
    """Clamp to the settings; ask for a multiple of the cards, up to the caps."""
    deck = settings["ranking.swipe.deck"]
    cards = max(1, min(request.limit or deck["default_limit"], deck["max_limit"]))
    factor = deck["rpc_extra_factor_with_filters"] if request.filtered else deck["rpc_extra_factor_base"]
    return DeckSize(int(cards), int(min(max(cards * factor, cards), deck["rpc_limit_cap"], deck["max_limit"])))


def _bad(name: str, problem: str) -> DeckRefusal:
    return DeckRefusal("BAD_INPUT", f"{name}: {problem}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")


def _choice(body: Mapping[str, Any], name: str, options: tuple[str, ...]) -> str | None:
    value = body.get(name)
    if value is None or value in options:
        return value
    expected = " | ".join(f"'{option}'" for option in options)
    raise _bad(name, f"Invalid enum value. Expected {expected}, received {js.stringify(value)}")


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _bad(name, f"Expected string, received {_kind(value)}")


def _switch(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _bad(name, f"Expected boolean, received {_kind(value)}")


def _number(value: Any, name: str) -> float:
    """Numbers are coerced as `Number(value)` does: numeric strings, booleans and the empty string pass."""
    number = js.to_number(value)
    if number is None or math.isnan(number):
        raise _bad(name, "Expected number, received nan")
    return number


def _limit(body: Mapping[str, Any]) -> int | None:
    value = body.get("limit")
    if value is None:
        return None
    number = _number(value, "limit")
    low, high = LIMIT_RANGE
    if math.isinf(number) or not number.is_integer():
        raise _bad("limit", "Expected integer, received float")
    if number < low:
        raise _bad("limit", f"Number must be greater than or equal to {low}")
    if number > high:
        raise _bad("limit", f"Number must be less than or equal to {high}")
    return int(number)


def _rating(body: Mapping[str, Any]) -> float | None:
    """An explicit null becomes 0, which counts as a filter; only an absent member is none."""
    if "minImdbRating" not in body:
        return None
    number = _number(body["minImdbRating"], "minImdbRating")
    if number < 0:
        raise _bad("minImdbRating", "Number must be greater than or equal to 0")
    if number > 10:
        raise _bad("minImdbRating", "Number must be less than or equal to 10")
    return number


def _genres(body: Mapping[str, Any]) -> tuple[str, ...]:
    value = body.get("genresAny")
    if value is None:
        return ()
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _bad("genresAny", "Invalid input")
    return tuple(name.strip() for name in names if name.strip())[:GENRES_LIMIT]


def _experiments(body: Mapping[str, Any]) -> dict[str, str]:
    value = body.get("experiments")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(variant, str) for variant in value.values()):
        raise _bad("experiments", f"Expected object of strings, received {_kind(value)}")
    pairs = ((key.strip(), variant.strip()) for key, variant in value.items())
    return {key: variant for key, variant in pairs if key and variant}
