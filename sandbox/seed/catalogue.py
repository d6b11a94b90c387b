"""Titles with posters, genres, votes; what trends; where each lies in taste space. (pure)"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
from faker import Faker

from sandbox.seed.plan import SeedPlan, uuid4_from

GENRES = {
    28: "Action",
    12: "Adventure",
    16: "Animation",
    35: "Comedy",
    80: "Crime",
    99: "Documentary",
    18: "Drama",
    10751: "Family",
    14: "Fantasy",
    36: "History",
    27: "Horror",
    10402: "Music",
    9648: "Mystery",
    10749: "Romance",
    878: "Science Fiction",
    53: "Thriller",
    10752: "War",
    37: "Western",
}
KINDS = {"movie": 0.62, "series": 0.28, "anime": 0.10}
LANGUAGES = {"en": ("English", "United States", "US"), "ja": ("Japanese", "Japan", "JP")}
TRENDING_SHARE = 0.4
COLLECTION_SHARE = 0.12
DIMENSIONS = 1024
OWN_TRAITS = 12
PATH_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

COLUMNS = [
    "id",
    "created_at",
    "updated_at",
    "kind",
    "tmdb_id",
    "tmdb_media_type",
    "tmdb_title",
    "tmdb_name",
    "tmdb_original_title",
    "tmdb_original_name",
    "tmdb_overview",
    "tmdb_original_language",
    "tmdb_origin_country",
    "tmdb_release_date",
    "tmdb_first_air_date",
    "tmdb_runtime",
    "tmdb_genre_ids",
    "tmdb_poster_path",
    "tmdb_backdrop_path",
    "tmdb_popularity",
    "tmdb_vote_average",
    "tmdb_vote_count",
    "tmdb_adult",
    "tmdb_belongs_to_collection",
    "tmdb_raw",
    "omdb_imdb_id",
    "omdb_type",
    "omdb_title",
    "omdb_year",
    "omdb_rated",
    "omdb_runtime",
    "omdb_genre",
    "omdb_director",
    "omdb_writer",
    "omdb_actors",
    "omdb_plot",
    "omdb_language",
    "omdb_country",
    "omdb_awards",
    "omdb_poster",
    "omdb_metascore",
    "omdb_imdb_rating",
    "omdb_imdb_votes",
    "omdb_box_office",
    "omdb_rating_rotten_tomatoes",
    "completeness",
]


@dataclass(frozen=True, slots=True)
class SeedTitle:
    """One title: what the other parts need to know, and its whole row in the order of COLUMNS."""

    id: uuid.UUID
    kind: str
    genre_ids: tuple[int, ...]
    quality: float
    """0..10; ratings gather around it."""
    row: tuple[Any, ...]


def titles(plan: SeedPlan) -> list[SeedTitle]:
    """The catalogue, most popular first."""
    rng = plan.stream("catalogue")
    fake = Faker("en_US")
    fake.seed_instance(plan.seed + 1)
    return [_title(plan, rng, fake, rank) for rank in range(plan.catalogue)]


def trending(plan: SeedPlan, catalogue: list[SeedTitle]) -> list[tuple[uuid.UUID, float]]:
    """(title, score of the last 72 h) for a part of the catalogue, higher for the popular but not in their order."""
    rng = plan.stream("trending")
    count = max(1, round(len(catalogue) * TRENDING_SHARE))
    ranked = sorted(range(len(catalogue)), key=lambda rank: rank * rng.random())[:count]
    return [(catalogue[rank].id, round(1000 / (place + 3) ** 0.7, 4)) for place, rank in enumerate(ranked)]


def embeddings(plan: SeedPlan, catalogue: list[SeedTitle]) -> list[tuple[uuid.UUID, str]]:
    """(title, sparse vector as pgvector text): one axis per genre, and a few of the title's own.

    Titles of one genre lie together and every distance is different, which is all a recommender's index needs.
    """
    rng = plan.stream("embeddings")
    axis = {genre: place + 1 for place, genre in enumerate(GENRES)}
    return [(title.id, _sparse(rng, axis, title)) for title in catalogue]


def _sparse(rng: random.Random, axis: dict[int, int], title: SeedTitle) -> str:
    own = rng.sample(range(len(axis) + 1, DIMENSIONS + 1), OWN_TRAITS)
    parts = {axis[genre]: 1.0 / (place + 1) for place, genre in enumerate(title.genre_ids)}
    parts |= {place: round(rng.gauss(0, 0.15), 4) or 0.01 for place in own}
    return "{" + ",".join(f"{place}:{value}" for place, value in sorted(parts.items())) + f"}}/{DIMENSIONS}"


def _title(plan: SeedPlan, rng: random.Random, fake: Faker, rank: int) -> SeedTitle:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    name = fake.catch_phrase().title() if rng.random() < 0.7 else f"The {fake.last_name()} {fake.word().title()}"
    language = "ja" if kind == "anime" else "en"
    genres = tuple(dict.fromkeys(([16] if kind == "anime" else []) + rng.sample(list(GENRES), rng.randint(1, 3))))
    quality = min(9.4, max(2.5, rng.gauss(6.7, 1.1)))
    released = plan.now.date() - timedelta(days=int(rng.expovariate(1 / 2500)) + 5)
    identity = uuid4_from(rng)
    row = (
        _row_head(plan, rng, identity, kind, name)
        + _row_tmdb(plan, rng, kind, language, released, genres, quality, rank)
        + _row_omdb(plan, rng, kind, name, language, released, genres, quality, rank)
    )
    return SeedTitle(identity, kind, genres, quality, row)


def _row_head(plan: SeedPlan, rng: random.Random, identity: uuid.UUID, kind: str, name: str) -> tuple[Any, ...]:
    made = plan.now - timedelta(days=rng.uniform(60, 400))
    movie = kind == "movie"
    shown = (name, None, name, None) if movie else (None, name, None, name)
    return (identity, made, made, kind, rng.randrange(10**3, 2**31 - 1), "movie" if movie else "tv", *shown)


def _row_tmdb(
    plan: SeedPlan,
    rng: random.Random,
    kind: str,
    language: str,
    released: date,
    genres: tuple[int, ...],
    quality: float,
    rank: int,
) -> tuple[Any, ...]:
    overview = " ".join(rng.choices(plan.words.sentences, k=3))
    movie = kind == "movie"
    votes = int(90_000 / (rank + 3) + rng.randint(20, 400))
    raw = {
        "genres": [{"id": genre, "name": GENRES[genre]} for genre in genres],
        "credits": {"cast": [{"name": who, "order": i} for i, who in enumerate(rng.sample(plan.words.names, 8))]},
        "keywords": sorted({word for word in overview.lower().split()[:12] if len(word) > 4}),
        "tagline": rng.choice(plan.words.sentences),
        "status": "Released",
    }
    return (
        overview,
        language,
        [LANGUAGES[language][2]],
        released if movie else None,
        None if movie else released,
        rng.randint(84, 165) if movie else rng.choice((24, 45, 55)),
        list(genres),
        _path(rng),
        _path(rng),
        round(900 / (rank + 2) ** 0.6 * rng.uniform(0.9, 1.1), 3),
        round(quality, 2),
        votes,
        False,
        _collection(rng.randrange(1, max(2, plan.catalogue // 12)))
        if movie and rng.random() < COLLECTION_SHARE
        else None,
        orjson.dumps(raw).decode(),
    )


def _row_omdb(
    plan: SeedPlan,
    rng: random.Random,
    kind: str,
    name: str,
    language: str,
    released: date,
    genres: tuple[int, ...],
    quality: float,
    rank: int,
) -> tuple[Any, ...]:
    spoken, country, _ = LANGUAGES[language]
    director, *others = rng.sample(plan.words.names, 5)
    return (
        f"tt{10_000_000 + rank}",
        "movie" if kind == "movie" else "series",
        name,
        str(released.year),
        rng.choice(("PG", "PG-13", "R", "TV-14", "TV-MA")),
        f"{rng.randint(24, 165)} min",
        ", ".join(GENRES[genre] for genre in genres),
        director,
        others[0],
        ", ".join(others[1:]),
        rng.choice(plan.words.sentences),
        spoken,
        country,
        rng.choice(("N/A", "1 win & 2 nominations", "3 wins", "Nominated for 1 award")),
        f"https://posters.sandbox.test{_path(rng)}",
        str(min(99, max(10, round(quality * 10 + rng.gauss(0, 6))))),
        round(min(9.9, max(1.0, quality + rng.gauss(0, 0.3))), 1),
        f"{int(900_000 / (rank + 4)):,}",
        f"${rng.randint(1, 900)},000,000" if kind == "movie" else None,
        f"{min(100, max(3, round(quality * 10 + rng.gauss(0, 9))))}%",
        round(rng.uniform(0.7, 1.0), 3),
    )


def _collection(number: int) -> str:
    return orjson.dumps({"id": number, "name": f"Collection {number}"}).decode()


def _path(rng: random.Random) -> str:
    return "/" + "".join(rng.choices(PATH_LETTERS, k=27)) + ".jpg"
