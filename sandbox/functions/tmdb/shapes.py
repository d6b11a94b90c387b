"""TMDb's reply shapes, made from rows of the catalogue. (pure)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.seed.catalogue import GENRES

PAGE_SIZE = 20
CONFIGURATION: Mapping[str, Any] = {
    "images": {
        "base_url": "http://image.tmdb.org/t/p/",
        "secure_base_url": "https://image.tmdb.org/t/p/",
        "backdrop_sizes": ["w300", "w780", "w1280", "original"],
        "logo_sizes": ["w45", "w92", "w154", "w185", "w300", "w500", "original"],
        "poster_sizes": ["w92", "w154", "w185", "w342", "w500", "w780", "original"],
        "profile_sizes": ["w45", "w185", "h632", "original"],
        "still_sizes": ["w92", "w185", "w300", "original"],
    },
    "change_keys": ["images", "overview", "title", "videos"],
}
SECTIONS = frozenset(
    {
        *("external_ids", "credits", "videos", "images", "similar", "recommendations", "keywords", "reviews"),
        *("release_dates", "content_ratings"),
    }
)
"""What may follow a title's number, or be appended to its reply."""


def listed(row: Mapping[str, Any], *, tell_kind: bool = False) -> dict[str, Any]:
    """A title as it stands in a list of results."""
    movie = row["tmdb_media_type"] == "movie"
    named = (
        {"title": row["name"], "original_title": row["name"], "release_date": row["released"] or "", "video": False}
        if movie
        else {
            "name": row["name"],
            "original_name": row["name"],
            "first_air_date": row["released"] or "",
            "origin_country": row["tmdb_origin_country"] or [],
        }
    )
    return {
        "adult": False,
        "backdrop_path": row["tmdb_backdrop_path"],
        "genre_ids": row["tmdb_genre_ids"] or [],
        "id": row["tmdb_id"],
        "original_language": row["tmdb_original_language"],
        "overview": row["tmdb_overview"] or "",
        "popularity": row["tmdb_popularity"],
        "poster_path": row["tmdb_poster_path"],
        **named,
        "vote_average": row["tmdb_vote_average"],
        "vote_count": row["tmdb_vote_count"],
        **({"media_type": row["tmdb_media_type"]} if tell_kind else {}),
    }


def details(row: Mapping[str, Any], appended: Sequence[str] = ()) -> dict[str, Any]:
    """A title's own reply, with the sections asked for."""
    movie = row["tmdb_media_type"] == "movie"
    short = listed(row)
    genre_ids = short.pop("genre_ids")
    length = (
        {"runtime": row["tmdb_runtime"], "imdb_id": row["omdb_imdb_id"]}
        if movie
        else {"episode_run_time": [row["tmdb_runtime"]] if row["tmdb_runtime"] else []}
    )
    sections = {name: section(row, name) for name in appended if name in SECTIONS}
    for value in sections.values():
        value.pop("id", None)
    genres = [{"id": genre, "name": GENRES[genre]} for genre in genre_ids if genre in GENRES]
    return {**short, "genres": genres, "status": "Released", **length, **sections}


def section(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One of SECTIONS."""
    number = row["tmdb_id"]
    if name == "external_ids":
        return {"id": number, "imdb_id": row["omdb_imdb_id"], "wikidata_id": None, "facebook_id": None}
    if name == "credits":
        actors = [who.strip() for who in (row["omdb_actors"] or "").split(",") if who.strip()]
        crew = [{"name": row["omdb_director"], "job": "Director"}] if row["omdb_director"] else []
        return {"id": number, "cast": [{"name": who, "order": n} for n, who in enumerate(actors)], "crew": crew}
    if name == "images":
        return {
            "id": number,
            "posters": [{"file_path": row["tmdb_poster_path"], "width": 1000, "height": 1500}],
            "backdrops": [{"file_path": row["tmdb_backdrop_path"], "width": 1920, "height": 1080}],
        }
    if name == "keywords":
        return {"id": number, "keywords": []}
    if name in ("similar", "recommendations", "reviews"):
        return {"id": number, **page([], 0, 1)}
    return {"id": number, "results": []}


def page(results: Sequence[Mapping[str, Any]], total: int, number: int) -> dict[str, Any]:
    """A page of results."""
    pages = -(-total // PAGE_SIZE)
    return {"page": number, "results": list(results), "total_pages": pages, "total_results": total}


def person(number: int, name: str, known_for: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Somebody, as in a list of results."""
    return {
        "adult": False,
        "gender": 0,
        "id": number,
        "known_for_department": "Acting",
        "name": name,
        "original_name": name,
        "popularity": 1.0,
        "profile_path": None,
        "known_for": list(known_for),
    }
