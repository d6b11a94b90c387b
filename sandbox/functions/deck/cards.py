"""From candidate rows and titles to the cards of a deck (contract 2.2). (pure)"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sandbox.functions.deck.request import DeckRequest

Card: TypeAlias = dict[str, Any]
"""One card as it goes over the wire."""

_IMAGES = "https://image.tmdb.org/t/p"
_MINUTES = re.compile(r"(\d+)\s*min", re.IGNORECASE)
_YEAR = re.compile(r"\d{4}")


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


def _passes(card: Card, min_rating: float | None, wanted: set[str]) -> bool:
    rating = card["imdbRating"]
    if min_rating is not None and rating is not None and rating < min_rating:
        return False
    genres = card["genres"]
    return not (wanted and genres) or any(genre.lower() in wanted for genre in genres)


def _card(row: Mapping[str, Any], title: Mapping[str, Any], mode: str) -> Card | None:
    poster_path = _either(row, "poster_path", title, "tmdb_poster_path")
    backdrop_path = _either(row, "backdrop_path", title, "tmdb_backdrop_path")
    poster = _poster(title.get("omdb_poster")) or _image(poster_path, "w500") or _image(backdrop_path, "w780")
    if not poster:
        return None
    genre_text = title.get("omdb_genre")
    friends = row.get("friend_ids")
    return {
        "mediaItemId": str(row["media_item_id"]),
        "title": _either(title, "omdb_title", row, "title"),
        "overview": title.get("omdb_plot"),
        "kind": title.get("omdb_type") or title.get("kind") or row.get("kind") or "other",
        "releaseDate": title.get("omdb_released"),
        "releaseYear": _year(title.get("omdb_year")),
        "runtimeMinutes": _minutes(title.get("omdb_runtime"), row.get("runtime_minutes")),
        "posterUrl": poster,
        "genres": None if genre_text is None else _tokens(genre_text),
        "language": title.get("omdb_language"),
        "country": title.get("omdb_country"),
        "imdbRating": _clamped(title.get("omdb_imdb_rating"), 10),
        "rtTomatoMeter": _clamped((title.get("omdb_rating_rotten_tomatoes") or "").rstrip("%") or None, 100),
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
        "tmdbVoteAverage": _number(_either(row, "vote_average", title, "tmdb_vote_average")),
        "tmdbVoteCount": _number(_either(row, "vote_count", title, "tmdb_vote_count")),
        "tmdbPopularity": _number(_either(row, "popularity", title, "tmdb_popularity")),
        "completeness": _number(_either(row, "completeness", title, "completeness")),
        "source": row.get("source") or mode,
        "why": row.get("why"),
        "friendIds": [str(friend) for friend in friends] if friends else [],
        "retrieval_score": _number(row.get("retrieval_score")),
    }


def _either(first: Mapping[str, Any], name: str, second: Mapping[str, Any], other: str) -> Any:
    value = first.get(name)
    return second.get(other) if value is None else value


def _poster(value: str | None) -> str | None:
    text = (value or "").strip()
    return None if text.lower() in ("", "n/a") else text


def _image(path: str | None, width: str) -> str | None:
    text = (path or "").strip()
    if not text or text.startswith(("http://", "https://")):
        return text or None
    return f"{_IMAGES}/{width}{text if text.startswith('/') else f'/{text}'}"


def _year(text: str | None) -> int | None:
    found = _YEAR.search(text or "")
    return int(found.group()) if found else None


def _minutes(text: str | None, fallback: Any) -> Any:
    found = _MINUTES.search(text or "")
    return int(found.group(1)) if found else _number(fallback)


def _tokens(text: str) -> list[str]:
    return [token.strip() for token in text.split(",") if token.strip()]


def _number(value: Any) -> int | float | None:
    """Numbers as JavaScript writes them: numerics arrive as decimals, whole ones go out without a fraction."""
    if value is None:
        return None
    number = float(value)
    return int(number) if number.is_integer() else number


def _clamped(value: Any, high: int) -> int | float | None:
    number = _number(value)
    return None if number is None else max(0, min(high, number))
