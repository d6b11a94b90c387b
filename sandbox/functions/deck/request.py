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
BAD_INPUT = "Invalid request body"
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
    skip_rerank: bool
    force_for_you: bool
    rerank_query: str
    diversify: bool
    experiments: Mapping[str, str]

    @property
    def filtered(self) -> bool:
        """Whether the database is asked for more, to make up for what the filters drop."""
        return self.min_imdb_rating is not None or bool(self.genres_any)


def parse(body: Any) -> DeckRequest:
    """:raises DeckRefusal: BAD_JSON for what JavaScript takes for false, BAD_INPUT for a violation of the schema."""
    if not body and not isinstance(body, list | dict):
        raise DeckRefusal("BAD_JSON")
    if not isinstance(body, dict):
        raise _bad()
    session_id = body.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise _bad()
    switches = {name: _switch(body, name) for name in ("skipRerank", "forceForYou", "rerank", "diversify")}
    return DeckRequest(
        session_id=session_id,
        mode=_choice(body, "mode", MODES) or "for_you",
        limit=_limit(body),
        kind=_choice(body, "kindFilter", KINDS),
        seed=_text(body, "seed"),
        min_imdb_rating=_rating(body),
        genres_any=_genres(body),
        skip_rerank=switches["skipRerank"],
        force_for_you=switches["forceForYou"],
        rerank_query=_text(body, "rerankQuery"),
        diversify=switches["diversify"],
        experiments=_experiments(body),
    )


def require_session(request: DeckRequest) -> None:
    """:raises DeckRefusal: INVALID_SESSION for a session id that is no UUID of version 1 to 5, spaces included."""
    if not _SESSION_ID.fullmatch(request.session_id):
        raise DeckRefusal("INVALID_SESSION")


@dataclass(frozen=True, slots=True)
class DeckSize:
    """How many cards to serve and how many rows to ask the database for."""

    cards: int
    rows: int


def size(request: DeckRequest, settings: Snapshot) -> DeckSize:
    """Clamp to the settings; ask for a multiple of the cards, up to the caps."""
    deck = settings["ranking.swipe.deck"]
    cards = max(1, min(request.limit or min(deck["default_limit"], deck["max_limit"]), deck["max_limit"]))
    factor = deck["rpc_extra_factor_with_filters"] if request.filtered else deck["rpc_extra_factor_base"]
    return DeckSize(int(cards), int(min(max(cards * factor, cards), deck["rpc_limit_cap"], deck["max_limit"])))


def _bad() -> DeckRefusal:
    return DeckRefusal("BAD_INPUT", BAD_INPUT)


def _choice(body: Mapping[str, Any], name: str, options: tuple[str, ...]) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value in options):
        return value
    raise _bad()


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _bad()
    return js.trim(value)


def _switch(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _bad()


def _number(value: Any) -> float:
    """Numbers are coerced as `Number(value)` does: numeric strings, booleans and the empty string pass."""
    try:
        number = js.to_number(value)
    except OverflowError:  # more digits than a double has room for
        number = math.inf
    except TypeError:
        number = None
    if number is None or math.isnan(number):
        raise _bad()
    return number


def _limit(body: Mapping[str, Any]) -> int | None:
    value = body.get("limit")
    if value is None:
        return None
    number = _number(value)
    low, high = LIMIT_RANGE
    if math.isinf(number) or not number.is_integer() or not low <= number <= high:
        raise _bad()
    return int(number)


def _rating(body: Mapping[str, Any]) -> float | None:
    """An explicit null becomes 0, which counts as a filter; only an absent member is none."""
    if "minImdbRating" not in body:
        return None
    number = _number(body["minImdbRating"])
    if not 0 <= number <= 10:
        raise _bad()
    return number


def _genres(body: Mapping[str, Any]) -> tuple[str, ...]:
    """One string is one name, commas included."""
    value = body.get("genresAny")
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _bad()
    return tuple(name for name in map(js.trim, names) if name)[:GENRES_LIMIT]


def _experiments(body: Mapping[str, Any]) -> dict[str, str]:
    value = body.get("experiments")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(variant, str) for variant in value.values()):
        raise _bad()
    pairs = ((js.trim(key), js.trim(variant)) for key, variant in value.items())
    return {key: variant for key, variant in pairs if key and variant}
