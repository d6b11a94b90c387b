"""From candidate rows and titles to the cards of a deck (contract 2.2). (pure)"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sandbox.functions import js
from sandbox.functions.deck.request import DeckRequest

Card: TypeAlias = dict[str, Any]
"""One card as it goes over the wire."""

_IMAGES = "https://image.tmdb.org/t/p"
_MINUTES = re.compile(r"([0-9]+)\s*min", re.IGNORECASE)
_YEAR = re.compile(r"[0-9]{4}")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def build(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, Mapping[str, Any]],
    request: DeckRequest,
    mode: str,
    cap: int,
) -> list[Card]:
    """Cards for the rows that have a poster and pass the filters, at most `cap`, in the rows' order."""
    cards: list[Card] = []
    wanted = {name.lower() for name in request.genres_any}
    for row in rows:
        if len(cards) >= cap:
            break
        card = _card(row, titles.get(str(row["media_item_id"]), {}), mode)
        if card is not None and _passes(card, request.min_imdb_rating, wanted):
            cards.append(card)
    return cards


def number_cards(cards: Sequence[Card], rec_request_id: str) -> None:
    """Give each served card its place and the key that later events answer with."""
    for position, card in enumerate(cards):
        card["position"] = position
        card["dedupeKey"] = f"{rec_request_id}:{position}:{card['mediaItemId']}"


def names(text: str | None) -> list[str]:
    """The names of a list with commas between."""
    return [name for name in map(js.trim, (text or "").split(",")) if name]


def poster(value: str | None) -> str | None:
    """OMDb's poster, unless it says that it has none."""
    text = js.trim(value or "")
    return None if text.lower() in ("", "n/a") else text


def _passes(card: Card, min_rating: float | None, wanted: set[str]) -> bool:
    rating = card["imdbRating"]
    if min_rating is not None and rating is not None and rating < min_rating:
        return False
    genres = card["genres"]
    return not (wanted and genres) or any(genre.lower() in wanted for genre in genres)


def _card(row: Mapping[str, Any], title: Mapping[str, Any], mode: str) -> Card | None:
    """What TMDb knows comes with the row alone: a row that the function added itself has none of it."""
    poster_path = _first(row.get("poster_path"), title.get("tmdb_poster_path"))
    backdrop_path = _first(row.get("backdrop_path"), title.get("tmdb_backdrop_path"))
    shown = poster(title.get("omdb_poster"))
    if shown is None:
        shown = _image(poster_path, "w500")
    if shown is None:
        shown = _image(backdrop_path, "w780")
    if shown is None:
        return None
    genre_text = title.get("omdb_genre")
    friends = row.get("friend_ids")
    return {
        "mediaItemId": str(row["media_item_id"]),
        "title": _first(title.get("omdb_title"), row.get("title")),
        "overview": title.get("omdb_plot"),
        "kind": _first(title.get("omdb_type"), title.get("kind"), row.get("kind"), "other"),
        "releaseDate": title.get("omdb_released"),
        "releaseYear": _year(title.get("omdb_year")),
        "runtimeMinutes": _first(_minutes(title.get("omdb_runtime")), _minutes(row.get("omdb_runtime"))),
        "posterUrl": shown,
        "genres": None if genre_text is None else names(genre_text),
        "language": title.get("omdb_language"),
        "country": title.get("omdb_country"),
        "imdbRating": _rating(title.get("omdb_imdb_rating")),
        "rtTomatoMeter": _percent(title.get("omdb_rating_rotten_tomatoes")),
        "director": title.get("omdb_director"),
        "writer": title.get("omdb_writer"),
        "actors": title.get("omdb_actors"),
        "rated": title.get("omdb_rated"),
        "metascore": title.get("omdb_metascore"),
        "imdbVotes": title.get("omdb_imdb_votes"),
        "awards": title.get("omdb_awards"),
        "boxOffice": title.get("omdb_box_office"),
        "tmdbPosterPath": poster_path,
        "tmdbBackdropPath": backdrop_path,
        "tmdbVoteAverage": _number(row.get("vote_average")),
        "tmdbVoteCount": _number(row.get("vote_count")),
        "tmdbPopularity": _number(row.get("popularity")),
        "completeness": _number(row.get("completeness")),
        "source": _first(row.get("source"), mode),
        "why": row.get("why"),
        "friendIds": [str(friend) for friend in friends or ()],
        "retrieval_score": _number(row.get("retrieval_score")),
    }


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _image(path: str | None, width: str) -> str | None:
    text = js.trim(path or "")
    if not text:
        return None
    if text.startswith(("http://", "https://")):
        return text
    return f"{_IMAGES}/{width}{text if text.startswith('/') else f'/{text}'}"


def _year(text: str | None) -> int | None:
    found = _YEAR.search(text or "")
    return int(found.group()) if found else None


def _minutes(text: str | None) -> int | float | None:
    found = _MINUTES.search(text or "")
    return _number(found.group(1)) if found else None


def _percent(text: str | None) -> int | float | None:
    found = _PERCENT.search(text or "")
    return _clamped(float(found.group(1)), 100) if found else None


def _rating(value: Any) -> int | float | None:
    """IMDb's figure out of ten; OMDb's "N/A" is none."""
    if value is None:
        return None
    number = js.to_number(value) if isinstance(value, str) else float(value)
    return None if number is None else _clamped(number, 10)


def _number(value: Any) -> int | float | None:
    """Numbers as JavaScript writes them: numerics arrive as decimals, whole ones go out without a fraction."""
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None  # which is what JSON makes of them
    return int(number) if number.is_integer() else number


def _clamped(value: float, high: int) -> int | float | None:
    return _number(max(0.0, min(float(high), value))) if math.isfinite(value) else None
