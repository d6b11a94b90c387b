"""The stand-in for OMDb: it knows what the catalogue knows, and the titles that only the stand-in for TMDb has.

It takes as long as that one (`tmdb_delay_ms`), and the switch `tmdb_status` leaves it well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.functions.tmdb import extra_titles
from sandbox.functions.tmdb import fake as fake_tmdb
from sandbox.services import Services

_SQL = "select to_jsonb(m)::text from public.media_items m where omdb_imdb_id = $1"
_COLUMNS = {
    "Title": "omdb_title",
    "Year": "omdb_year",
    "Rated": "omdb_rated",
    "Released": "omdb_released",
    "Runtime": "omdb_runtime",
    "Genre": "omdb_genre",
    "Director": "omdb_director",
    "Writer": "omdb_writer",
    "Actors": "omdb_actors",
    "Plot": "omdb_plot",
    "Language": "omdb_language",
    "Country": "omdb_country",
    "Awards": "omdb_awards",
    "Poster": "omdb_poster",
    "Metascore": "omdb_metascore",
    "imdbVotes": "omdb_imdb_votes",
    "imdbID": "omdb_imdb_id",
    "Type": "omdb_type",
}


async def title(services: Services, imdb_id: str) -> dict[str, Any] | None:
    """Its reply to `?i=`, None when it does not know the title."""
    await asyncio.sleep(fake_tmdb.LATENCY_S + services.switches.tmdb_delay_ms / 1000)
    async with services.connection() as connection:
        known = await connection.fetchval(_SQL, imdb_id)
    if known is not None:
        row = orjson.loads(known)
        return row["omdb_raw"] or reply(row)
    number = extra_titles.by_imdb_id(imdb_id)
    return None if number is None else _extra(number)


def reply(row: Mapping[str, Any]) -> dict[str, Any]:
    """What it says of a title in the catalogue's columns; N/A where it has nothing. (pure)"""
    said: dict[str, Any] = {name: row[column] or "N/A" for name, column in _COLUMNS.items()}
    rating, rotten = row["omdb_imdb_rating"], row["omdb_rating_rotten_tomatoes"]
    said["imdbRating"] = "N/A" if rating is None else f"{rating}"
    ratings = [] if rating is None else [{"Source": "Internet Movie Database", "Value": f"{rating}/10"}]
    if isinstance(rotten, str):
        ratings.append({"Source": "Rotten Tomatoes", "Value": rotten})
    return {**said, "Ratings": ratings, "Response": "True"}


def _extra(number: int) -> dict[str, Any]:
    row = extra_titles.row(number)
    about = {"Title": row["name"], "Year": row["released"][:4], "imdbID": row["omdb_imdb_id"]}
    kind = "movie" if row["tmdb_media_type"] == "movie" else "series"
    return {**about, "Type": kind, "Ratings": [], "Response": "True"}
