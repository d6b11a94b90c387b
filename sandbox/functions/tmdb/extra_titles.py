"""Titles that the stand-in for TMDb knows and the catalogue does not, so that a sync has something to add. (pure)

Everything about one follows from its number, which a search derives from its words: the same question always has the
same answer, whatever was asked before.
"""

from __future__ import annotations

import random
import zlib
from datetime import date, timedelta
from typing import Any

from sandbox.seed.catalogue import GENRES, PATH_LETTERS

FIRST, BEYOND = 2_000_000_000, 2_147_483_648  # tmdb_id is an integer column
PER_SEARCH = 3
_FRONT = (
    "Silent",
    "Golden",
    "Broken",
    "Hidden",
    "Distant",
    "Crimson",
    "Paper",
    "Winter",
    "Electric",
    "Hollow",
    "Second",
)
_BACK = (
    "Harbour",
    "Orchard",
    "Signal",
    "Promise",
    "Horizon",
    "Lantern",
    "Garden",
    "Station",
    "River",
    "Mirror",
    "Island",
)
_OPENING = (
    "A retired surveyor returns to the valley she once mapped.",
    "Two rivals must share one small boat for a whole summer.",
    "The night shift of a quiet observatory hears something answer.",
    "A village decides to keep its strangest secret for one more year.",
)
_EPOCH = date(1970, 1, 1)


def kind_of(number: int) -> str | None:
    """`movie` or `tv`; None when the number is not one of theirs."""
    if not FIRST <= number < BEYOND:
        return None
    return "tv" if number % 2 else "movie"


def matches(query: str, kind: str) -> list[int]:
    """The numbers that a search for these words finds: PER_SEARCH of them. kind: movie, tv or multi."""
    words = " ".join(query.lower().split())
    found = []
    for place in range(PER_SEARCH):
        number = FIRST + zlib.crc32(f"{place}:{words}".encode()) % (BEYOND - FIRST - 1)
        if kind != "multi" and kind_of(number) != kind:
            number += 1 if number + 1 < BEYOND else -1
        found.append(number)
    return list(dict.fromkeys(found))


def imdb_id(number: int) -> str:
    """Its IMDb id, which contains the number."""
    return f"tt{number}"


def by_imdb_id(given: str) -> int | None:
    """The number inside such an id."""
    digits = given.removeprefix("tt")
    return int(digits) if len(digits) == 10 and digits.isdigit() and kind_of(int(digits)) else None


def row(number: int) -> dict[str, Any]:
    """It in the columns of `media_items`."""
    rng = random.Random(number)
    kind = kind_of(number)
    name = f"{rng.choice(_FRONT)} {rng.choice(_BACK)}"
    released = (_EPOCH + timedelta(days=rng.randrange(5_000, 20_000))).isoformat()
    genres = rng.sample(list(GENRES), rng.randint(1, 3))
    movie = kind == "movie"
    return {
        "id": None,
        "tmdb_id": number,
        "tmdb_media_type": kind,
        "name": name,
        "released": released,
        "tmdb_overview": " ".join(rng.sample(_OPENING, 2)),
        "tmdb_original_language": "en",
        "tmdb_origin_country": ["US"],
        "tmdb_runtime": rng.randint(80, 160) if movie else rng.choice((24, 45, 55)),
        "tmdb_genre_ids": genres,
        "tmdb_poster_path": _path(rng),
        "tmdb_backdrop_path": _path(rng),
        "tmdb_popularity": round(rng.uniform(0.5, 9), 3),
        "tmdb_vote_average": round(rng.uniform(4, 8.5), 2),
        "tmdb_vote_count": rng.randint(5, 900),
        "omdb_imdb_id": imdb_id(number),
        "omdb_director": None,
        "omdb_actors": None,
    }


def _path(rng: random.Random) -> str:
    return "/" + "".join(rng.choices(PATH_LETTERS, k=27)) + ".jpg"
