"""What is said of a title is the same wherever it is said (I46). (pure)

Reads of the table are compared with each other, and cards of decks with cards of decks, because a deck may be made from
older rows. What may change: `title_facts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.client.checks.asked_many import DECKS, FEEDS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, JsonRow, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation

TABLE = frozenset(
    (
        *("title_detail", "title_preview", "title_page", "trending_media", "landing_titles", "search_titles"),
        *("library_titles", "hero_details", "seed_title"),
    )
)
NESTED: Mapping[str, str] = {"list_items": "media_items", **dict.fromkeys(FEEDS, "media_item")}
"""Calls whose rows hold a title's columns in a member."""
OWN_NAMES = frozenset(("id", "kind"))
"""Columns without the source's name in front."""
UNSAID = ("tmdb_raw", "omdb_fetched_at", "omdb_status", "omdb_error", "tmdb_release_date", "omdb_imdb_id")
"""Columns of the catalogue's upkeep, or too large to look at; and two that the app itself writes to titles without a
score, as far as the search that found them knew, and takes from TMDb again with their next sync (contract 6.4)."""
CARD_FACTS = (
    *("title", "overview", "releaseYear", "runtimeMinutes", "posterUrl", "language", "country"),
    *("imdbRating", "rtTomatoMeter", "director", "writer", "actors", "rated", "metascore", "awards", "boxOffice"),
)


def _columns(row: JsonRow) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name in UNSAID or type(value) is dict or type(value) is list:
            continue
        if name in OWN_NAMES or name.startswith(("tmdb_", "omdb_")):
            yield name, value


def _facts(card: JsonRow) -> Iterator[tuple[str, Any]]:
    for name in CARD_FACTS:
        value = card.get(name)
        if name in card and type(value) is not dict and type(value) is not list:
            yield name, value


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    cards = reply.call in DECKS
    rows: Any = reply.data.get("cards") if cards and type(reply.data) is dict else reply.rows
    if type(rows) is not list:
        return 0
    member, titles, asked = NESTED.get(reply.call), memory.titles, 0
    for row in titles.some(rows):
        said = row.get(member) if member is not None and type(row) is dict else row
        if type(said) is not dict:
            continue
        title = said.get("mediaItemId" if cards else "id")
        if type(title) is not str:
            continue
        facts = _facts(said) if cards else _columns(said)
        known, back = titles.told(title, facts, reply.begun, reply.at, card=cards)
        asked += known
        if back:
            detail = f"{', '.join(sorted(back)[:3])} of title {title} is now one thing and now another"
            found.append(ReadViolation(ReadSeverity.WRONG, title, detail))
    return asked


TITLE_SAME = ReadRule("title-same", TABLE | frozenset(NESTED) | DECKS, _check)
