"""The row that catalog-sync writes, from what TMDb and OMDb said (contract 6.4). (pure)

Every column of it is written, whatever was there: what nobody said becomes null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sandbox.functions import js

_NAMED = {"movie": ("title", "original_title", "release_date"), "series": ("name", "original_name", "first_air_date")}
_NAME_COLUMNS = {
    "movie": ("tmdb_title", "tmdb_original_title", "tmdb_release_date"),
    "series": ("tmdb_name", "tmdb_original_name", "tmdb_first_air_date"),
}
_AS_SAID = (
    *("overview", "original_language", "poster_path", "backdrop_path", "tagline", "spoken_languages"),
    *("production_companies", "production_countries", "belongs_to_collection", "homepage", "adult", "video"),
)
_NUMBERS = ("popularity", "vote_average", "vote_count", "budget", "revenue")
_OMDB = {
    "omdb_title": "Title",
    "omdb_year": "Year",
    "omdb_rated": "Rated",
    "omdb_released": "Released",
    "omdb_runtime": "Runtime",
    "omdb_genre": "Genre",
    "omdb_director": "Director",
    "omdb_writer": "Writer",
    "omdb_actors": "Actors",
    "omdb_plot": "Plot",
    "omdb_language": "Language",
    "omdb_country": "Country",
    "omdb_awards": "Awards",
    "omdb_poster": "Poster",
    "omdb_imdb_votes": "imdbVotes",
}


def row(
    kind: str,
    tmdb_id: int | None,
    imdb_id: str | None,
    details: Mapping[str, Any] | None,
    omdb: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Columns and values, without those that say when it was fetched. details, omdb: None where nobody answered."""
    said = details or {}
    given = said.get("genres")
    genres = given if isinstance(given, list) else []
    numbers = (js.to_number(genre.get("id", "NaN")) for genre in genres)
    values: dict[str, Any] = {
        "kind": kind,
        "tmdb_id": tmdb_id,
        "tmdb_media_type": "tv" if kind == "series" else "movie",
        "tmdb_runtime": _runtime(kind, said),
        "tmdb_genres": genres,
        "tmdb_genre_ids": [int(number) for number in numbers if number is not None and math.isfinite(number)],
        "tmdb_raw": details,
        "omdb_raw": omdb,
    }
    for which, columns in _NAME_COLUMNS.items():
        for column, name in zip(columns, _NAMED[which], strict=True):
            values[column] = said.get(name) if which == kind else None
    values |= {f"tmdb_{name}": said.get(name) for name in _AS_SAID}
    values |= {f"tmdb_{name}": finite(said[name]) if name in said else None for name in _NUMBERS}
    told = omdb or {}
    values |= {column: told.get(name) for column, name in _OMDB.items()}
    values["omdb_imdb_id"] = told.get("imdbID") if imdb_id is None else imdb_id
    values["omdb_imdb_rating"] = finite(told["imdbRating"]) if "imdbRating" in told else None
    values["omdb_rating_rotten_tomatoes"] = _rotten(told)
    return values


def finite(value: Any) -> float | int | None:
    """A number of what should be one; null counts as 0, as in JavaScript."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = js.to_number(value)
    return number if number is not None and math.isfinite(number) else None


def _runtime(kind: str, said: Mapping[str, Any]) -> int | None:
    if kind == "series":
        lengths = said.get("episode_run_time")
        length = finite(lengths[0]) if isinstance(lengths, list) and lengths else None
    else:
        length = finite(said["runtime"]) if "runtime" in said else None
    return None if length is None else math.floor(length)


def _rotten(told: Mapping[str, Any]) -> str | None:
    for rating in told.get("Ratings") or ():
        if "rotten" in str(rating.get("Source", "")).lower():
            return str(rating.get("Value", "")) or None
    return None
