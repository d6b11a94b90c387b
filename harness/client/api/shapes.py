"""What the app takes out of replies, checked: anything of another shape is None, never an exception. (pure)

Field names: contract 2.2 (deck), 4 (feed), 6.2 and 6.3 (search), 6.5 (experiments), 6.6 (suggestions). Conversations
have theirs in `chat_shapes`.
"""

from __future__ import annotations

from sys import intern
from typing import Any, NamedTuple


class Card(NamedTuple):
    """One card of a deck, as far as the swipe page uses it."""

    deck: str
    request: str | None
    title: str
    position: int | None
    dedupe_key: str | None
    source: str | None
    why: str | None
    kind: str | None = None


class Cursor(NamedTuple):
    """Where the next feed page starts: the last row shown."""

    created_at: str
    row: str


class FeedRow(NamedTuple):
    """One row of the feed, as far as the screen leads on from it."""

    created_at: str
    row: str
    actor: str | None
    title: str | None
    kind: str | None

    @property
    def cursor(self) -> Cursor:
        """Where the page after this row starts."""
        return Cursor(self.created_at, self.row)

    @property
    def lead(self) -> tuple[str | None, str | None, str | None]:
        """Title, its kind, and who did it: what the row leads on to."""
        return self.title, self.kind, self.actor


class SearchHit(NamedTuple):
    """One title of a search result that is in the catalogue."""

    title: str
    tmdb: int | None
    kind: str | None
    imdb: str | None = None
    name: str = ""
    year: int | None = None
    scored: bool = True  # has a rating of IMDb or Rotten Tomatoes; the titles chip looks after those that have none


class External(NamedTuple):
    """One title of TMDb's own search. `kind` is movie or tv."""

    tmdb: int
    kind: str
    name: str = ""
    year: int | None = None


def deck(data: Any) -> list[Card] | None:
    """The cards of a deck reply; the client refuses one without `deckId` or a list of cards."""
    if not isinstance(data, dict):
        return None
    deck_id, cards = data.get("deckId"), data.get("cards")
    if not isinstance(deck_id, str) or not deck_id or not isinstance(cards, list):
        return None
    request = _text(data.get("recRequestId"))
    found = [_card(deck_id, request, card) for card in cards]
    return None if any(card is None for card in found) else [card for card in found if card is not None]


def _card(deck_id: str, request: str | None, card: Any) -> Card | None:
    if type(card) is not dict:
        return None
    get = card.get
    title = get("mediaItemId")
    if type(title) is not str:
        return None
    return Card(
        deck_id,
        request,
        intern(title),  # of a catalogue that all phones are shown
        position if type(position := get("position")) is int else None,
        key if type(key := get("dedupeKey")) is str else None,
        intern(source) if type(source := get("source")) is str else None,
        intern(why) if type(why := get("why")) is str else None,
        intern(kind) if type(kind := get("kind")) is str else None,
    )


def feed(data: Any) -> list[FeedRow] | None:
    """The rows of a feed page."""
    if feed_length(data) is None:
        return None
    return [
        FeedRow(
            row["created_at"],
            row["id"],
            intern(actor) if type(actor := row.get("user_id")) is str else None,
            intern(title) if type(title := row.get("media_item_id")) is str else None,
            intern(kind)
            if type(item := row.get("media_item")) is dict and type(kind := item.get("kind")) is str
            else None,
        )
        for row in data
    ]


def feed_length(data: Any) -> int | None:
    """How many rows a feed page has, for whoever only shows them."""
    if type(data) is not list:
        return None
    try:
        for row in data:
            if type(row["created_at"]) is not str or type(row["id"]) is not str:
                return None
    except (KeyError, TypeError, IndexError):
        return None
    return len(data)


def assignments(data: Any) -> dict[str, str] | None:
    """Experiment variants by key; None when there are none or they are no such thing."""
    found = data.get("assignments") if isinstance(data, dict) else None
    if not isinstance(found, dict) or not all(isinstance(variant, str) for variant in found.values()):
        return None
    return {str(key): variant for key, variant in found.items()} or None


def rows(data: Any) -> int | None:
    """How many rows a table read brought, where the app only shows them: a phone remembers no more, because ten
    thousand phones remember a page load each. Nothing at all (`maybeSingle`) is no row."""
    if data is None:
        return 0
    return len(data) if isinstance(data, list) and all(isinstance(row, dict) for row in data) else None


def table_rows(data: Any) -> list[dict[str, Any]] | None:
    """The rows of a table read, or the one of `maybeSingle`, for whoever asks on with what stands in them."""
    if data is None:
        return []
    found = [data] if isinstance(data, dict) else data
    return found if isinstance(found, list) and all(isinstance(row, dict) for row in found) else None


def found_titles(data: Any) -> list[SearchHit] | None:
    """The titles of a search, from the function's reply or from the table itself."""
    found = data.get("results") if isinstance(data, dict) else data
    if not isinstance(found, list) or not all(
        isinstance(row, dict) and isinstance(row.get("id"), str) for row in found
    ):
        return None
    return [_hit(row) for row in found]


def _hit(row: dict[str, Any]) -> SearchHit:
    names = (_text(row.get(name)) for name in ("tmdb_title", "tmdb_name", "omdb_title"))
    return SearchHit(
        row["id"],
        _whole(row.get("tmdb_id")),
        _text(row.get("kind")),
        _text(row.get("omdb_imdb_id")),
        next((name for name in names if name), ""),
        _year(row.get("tmdb_release_date") or row.get("tmdb_first_air_date")),
        bool(row.get("omdb_imdb_rating") or row.get("omdb_rating_rotten_tomatoes")),
    )


def _year(date: Any) -> int | None:
    year = date[:4] if isinstance(date, str) else ""
    return int(year) if year.isascii() and year.isdigit() else None


def external_titles(data: Any) -> list[External]:
    """Films and series of TMDb's search, people left out; the app takes anything else for no result."""
    body = data.get("data") if isinstance(data, dict) else None
    results = body.get("results") if isinstance(body, dict) else None
    found = []
    for row in results if isinstance(results, list) else ():
        number = _whole(row.get("id")) if isinstance(row, dict) else None
        if number is not None and row.get("media_type") in ("movie", "tv"):
            name = _text(row.get("title")) or _text(row.get("name")) or ""
            date = row.get("release_date") or row.get("first_air_date")
            found.append(External(number, row["media_type"], name, _year(date)))
    return found[:20]


def imdb_id(data: Any) -> str | None:
    """The IMDb id of an external-ids reply."""
    body = data.get("data") if isinstance(data, dict) else None
    return _text(body.get("imdb_id")) if isinstance(body, dict) else None


def synced_titles(data: Any) -> dict[tuple[str, int], str]:
    """Titles that a catalogue sync knows now, by kind and TMDb's number; the app takes anything else for none."""
    results = data.get("results") if isinstance(data, dict) else None
    found = {}
    for row in results if isinstance(results, list) else ():
        if not isinstance(row, dict):
            continue
        kind, number, id_ = row.get("contentType"), _whole(row.get("tmdbId")), _text(row.get("mediaItemId"))
        if isinstance(kind, str) and number is not None and id_:
            found[kind, number] = id_
    return found


def suggestion_ids(data: Any) -> list[str] | None:
    """Ids of the assistant's suggestions, the first one first."""
    found = data.get("suggestions") if isinstance(data, dict) else None
    if not isinstance(found, list):
        return None
    return [row["id"] for row in found if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
