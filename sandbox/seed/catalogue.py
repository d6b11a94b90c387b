"""Titles with posters, genres, votes; what trends; where each lies in taste space. (pure)"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, timedelta
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
RATED_FIELDS = 60
"""Of a title's fields, how many count towards its completeness."""
TRENDING_DAYS = 3
"""How far back the trending view looks, beside today."""
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
    "tmdb_video",
    "tmdb_tagline",
    "tmdb_homepage",
    "tmdb_imdb_id",
    "tmdb_genres",
    "tmdb_spoken_languages",
    "tmdb_production_companies",
    "tmdb_production_countries",
    "tmdb_belongs_to_collection",
    "tmdb_release_status",
    "tmdb_budget",
    "tmdb_revenue",
    "tmdb_source",
    "tmdb_fetched_at",
    "tmdb_status",
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
    "omdb_rating_internet_movie_database",
    "omdb_rating_rotten_tomatoes",
    "omdb_rating_metacritic",
    "omdb_ratings",
    "omdb_released",
    "omdb_production",
    "omdb_total_seasons",
    "omdb_response",
    "omdb_raw",
    "omdb_fetched_at",
    "omdb_status",
    "filled_count",
    "missing_count",
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


def genres() -> list[tuple[int, str, str]]:
    """(number, name, slug): the numbers are TMDb's, which is how a title finds its genres."""
    return [(number, name, name.lower().replace(" ", "-")) for number, name in GENRES.items()]


DAILY_COLUMNS = (
    "day", "media_item_id", "impressions", "dwell_events", "dwell_ms_sum", "likes", "dislikes", "skips",
    "watchlist_events", "rating_events", "unique_users", "updated_at",
)  # fmt: skip


def days(plan: SeedPlan, trends: list[tuple[uuid.UUID, float]]) -> list[tuple[Any, ...]]:
    """What the trending titles' last days were like, as DAILY_COLUMNS: the higher the score, the busier."""
    rng = plan.stream("days")
    today = plan.now.astimezone(UTC).date()
    rows = []
    for title, score in trends:
        for back in range(TRENDING_DAYS + 1):
            seen = 1 + int(score * rng.uniform(0.5, 1.5))
            likes, dislikes, skips = (int(seen * share) for share in (0.3, 0.1, 0.25))
            dwells = 1 + seen // 20
            rows.append(
                (
                    today - timedelta(days=back), title, seen, dwells, dwells * rng.randint(2_000, 20_000), likes,
                    dislikes, skips, seen // 8, seen // 15, max(1, int(seen * 0.8)), plan.now - timedelta(days=back),
                )
            )  # fmt: skip
    return rows


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
    raw: dict[str, Any] = {
        "genres": [],  # filled in below: these and the column are one list
        "credits": {"cast": [{"name": who, "order": i} for i, who in enumerate(rng.sample(plan.words.names, 8))]},
        "keywords": sorted({word for word in overview.lower().split()[:12] if len(word) > 4}),
        "tagline": rng.choice(plan.words.sentences),
        "status": "Released",
    }
    named = [{"id": genre, "name": GENRES[genre]} for genre in genres]
    raw["genres"] = named
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
        False if movie else None,
        raw["tagline"],
        None,
        _imdb_id(rank),
        _json(named),
        _json([{"iso_639_1": language, "name": LANGUAGES[language][0]}]),
        _json([{"id": 1 + rank % 200, "name": f"Studio {1 + rank % 200}"}]),
        _json([{"iso_3166_1": LANGUAGES[language][2], "name": LANGUAGES[language][1]}]),
        _collection(plan, rng) if movie and rng.random() < COLLECTION_SHARE else None,
        "Released",
        rng.randint(1, 250) * 1_000_000 if movie else None,
        rng.randint(1, 900) * 1_000_000 if movie else None,
        "tmdb",
        plan.now - timedelta(days=30),
        "ok",
        _json(raw),
    )


def _collection(plan: SeedPlan, rng: random.Random) -> str:
    number = rng.randrange(1, max(2, plan.catalogue // 12))
    return _json({"id": number, "name": f"Collection {number}"})


def _imdb_id(rank: int) -> str:
    return f"tt{10_000_000 + rank}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


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
    metascore = min(99, max(10, round(quality * 10 + rng.gauss(0, 6))))
    imdb = round(min(9.9, max(1.0, quality + rng.gauss(0, 0.3))), 1)
    tomatoes = f"{min(100, max(3, round(quality * 10 + rng.gauss(0, 9))))}%"
    # As OMDb writes them: each scale is its own text.
    ratings = {"Internet Movie Database": f"{imdb}/10", "Rotten Tomatoes": tomatoes, "Metacritic": f"{metascore}/100"}
    listed = [{"Source": source, "Value": value} for source, value in ratings.items()]
    shown = {
        "omdb_imdb_id": _imdb_id(rank),
        "omdb_type": "movie" if kind == "movie" else "series",
        "omdb_title": name,
        "omdb_year": str(released.year),
        "omdb_rated": rng.choice(("PG", "PG-13", "R", "TV-14", "TV-MA")),
        "omdb_runtime": f"{rng.randint(24, 165)} min",
        "omdb_genre": ", ".join(GENRES[genre] for genre in genres),
        "omdb_director": director,
        "omdb_writer": others[0],
        "omdb_actors": ", ".join(others[1:]),
        "omdb_plot": rng.choice(plan.words.sentences),
        "omdb_language": spoken,
        "omdb_country": country,
        "omdb_awards": rng.choice(("N/A", "1 win & 2 nominations", "3 wins", "Nominated for 1 award")),
        "omdb_poster": f"https://posters.sandbox.test{_path(rng)}",
        "omdb_metascore": str(metascore),
        "omdb_imdb_rating": imdb,
        "omdb_imdb_votes": f"{int(900_000 / (rank + 4)):,}",
        "omdb_box_office": f"${rng.randint(1, 900)},000,000" if kind == "movie" else None,
    }
    completeness = round(rng.uniform(0.7, 1.0), 3)
    filled = round(RATED_FIELDS * completeness)
    return (
        *shown.values(),
        *ratings.values(),
        _json(listed),
        f"{released:%d %b %Y}",
        "N/A" if kind == "movie" else None,
        None if kind == "movie" else rng.randint(1, 8),
        True,
        _json({"Title": name, "Year": shown["omdb_year"], "Ratings": listed, "Response": "True"}),
        plan.now - timedelta(days=30),
        "ok",
        filled,
        RATED_FIELDS - filled,
        completeness,
    )


def _path(rng: random.Random) -> str:
    return "/" + "".join(rng.choices(PATH_LETTERS, k=27)) + ".jpg"
