"""What people did before the run: diaries, ratings, reviews, swipes. (pure)"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.seed.catalogue import SeedTitle
from sandbox.seed.plan import SeedPerson, SeedPlan, uuid4_from

HISTORY_DAYS = 40  # within the 45 days of swipes that a friends' deck looks back
LIBRARY_EACH = (8, 14)
SWIPES_EACH = (8, 16)
FEW_EACH = (1, 2)  # of both, for people without a full life
STATUSES = {"watched": 0.55, "want_to_watch": 0.33, "watching": 0.08, "dropped": 0.04}
SWIPES = {"like": 0.45, "skip": 0.2, "dislike": 0.12, "watchlist": 0.13, "dwell": 0.1}

COLUMNS: dict[str, tuple[str, ...]] = {
    "library_entries": (
        "id", "user_id", "title_id", "content_type", "status", "started_at", "completed_at", "created_at", "updated_at",
    ),
    "ratings": ("id", "user_id", "title_id", "content_type", "rating", "created_at", "updated_at"),
    "reviews": (
        "id", "user_id", "title_id", "content_type", "rating", "headline", "body", "created_at", "updated_at",
    ),
    "media_events": (
        "id", "user_id", "session_id", "media_item_id", "event_type", "source", "dwell_ms", "created_at",
        "client_event_id", "in_watchlist", "event_day", "dedupe_key",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """Rows of the four tables, each in the order of its column list in `COLUMNS`."""

    library_entries: list[tuple[Any, ...]] = field(default_factory=list)
    ratings: list[tuple[Any, ...]] = field(default_factory=list)
    reviews: list[tuple[Any, ...]] = field(default_factory=list)
    media_events: list[tuple[Any, ...]] = field(default_factory=list)


def history(plan: SeedPlan, everybody: list[SeedPerson], catalogue: list[SeedTitle]) -> History:
    """A few weeks of everybody's life. Popular titles come up more often, and taste shows in genres."""
    rng = plan.stream("history")
    rows = History()
    for person in everybody:
        favourite = rng.choice(rng.choice(catalogue).genre_ids)
        for title in _titles(rng, catalogue, favourite, rng.randint(*(LIBRARY_EACH if person.full else FEW_EACH))):
            _diary(plan, rng, rows, person, title)
        for title in _titles(rng, catalogue, favourite, rng.randint(*(SWIPES_EACH if person.full else FEW_EACH))):
            rows.media_events.append(_swipe(plan, rng, person, title))
    return rows


def _titles(rng: random.Random, catalogue: list[SeedTitle], favourite: int, count: int) -> list[SeedTitle]:
    """Different titles, drawn with a lean to the front of the catalogue; a disliked genre is drawn once more."""
    chosen: dict[int, SeedTitle] = {}
    for _ in range(count * 3):  # bounded: a tiny catalogue simply gives fewer
        place = int(len(catalogue) * rng.random() ** 2)
        if favourite not in catalogue[place].genre_ids:
            place = int(len(catalogue) * rng.random() ** 2)
        chosen.setdefault(place, catalogue[place])
        if len(chosen) == count:
            break
    return list(chosen.values())


def _when(plan: SeedPlan, rng: random.Random) -> datetime:
    return plan.now - timedelta(days=HISTORY_DAYS * rng.random() ** 1.5, hours=1)


def _diary(plan: SeedPlan, rng: random.Random, rows: History, person: SeedPerson, title: SeedTitle) -> None:
    at = _when(plan, rng)
    status = rng.choices(list(STATUSES), list(STATUSES.values()))[0]
    started = at - timedelta(hours=3) if status in ("watched", "watching") else None
    completed = at if status == "watched" else None
    rows.library_entries.append((uuid4_from(rng), person.id, title.id, title.kind, status, started, completed, at, at))
    if status != "watched":
        return
    rating = min(10.0, max(0.5, round((title.quality + rng.gauss(0.4, 1.4)) * 2) / 2))
    if rng.random() < 0.7:
        rated = at + timedelta(seconds=rng.uniform(5, 300))
        rows.ratings.append((uuid4_from(rng), person.id, title.id, title.kind, rating, rated, rated))
    if rng.random() < 0.2:
        written = at + timedelta(minutes=rng.uniform(6, 50))
        text = " ".join(rng.choices(plan.words.sentences, k=2))
        headline = text.partition(".")[0]
        rows.reviews.append(
            (uuid4_from(rng), person.id, title.id, title.kind, rating, headline, text, written, written)
        )


def _swipe(plan: SeedPlan, rng: random.Random, person: SeedPerson, title: SeedTitle) -> tuple[Any, ...]:
    at = _when(plan, rng)
    kind = rng.choices(list(SWIPES), list(SWIPES.values()))[0]
    in_watchlist = True if kind == "watchlist" else None
    dwell = rng.randint(1_200, 40_000) if kind == "dwell" else None
    # The key the event endpoint would have stored: contract 3.2, without deck context and payload.
    parts = ["v2", str(person.session_id), str(title.id), kind, "-", "-"]
    parts += ["wl:1"] if in_watchlist else []
    parts += [f"d:{dwell}"] if dwell is not None else []
    return (
        uuid4_from(rng),
        person.id,
        person.session_id,
        title.id,
        kind,
        "seed",
        dwell,
        at,
        uuid4_from(rng),
        in_watchlist,
        at.astimezone(UTC).date(),
        "|".join([*parts, "p:0"]),
    )
