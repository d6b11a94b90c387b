"""Lists that people made of titles, some for everybody to see. (pure)"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.seed.catalogue import SeedTitle
from sandbox.seed.plan import SeedPerson, SeedPlan, uuid4_from

MAKERS_SHARE = 0.6
"""Of the people with a full life, how many have made a list."""
PUBLIC_SHARE = 0.4
MOST_LISTS = 3
LENGTH = (2, 9)
NAMES = ("Weekend", "With the family", "Rainy days", "Classics", "To see again", "Short ones", "Late at night")

COLUMNS: dict[str, tuple[str, ...]] = {
    "lists": ("id", "user_id", "name", "description", "is_public", "created_at", "updated_at"),
    "list_items": ("id", "list_id", "title_id", "content_type", "position", "note", "created_at", "updated_at"),
}


@dataclass(frozen=True, slots=True)
class SeedLists:
    """Rows of the two tables, each in the order of its column list in `COLUMNS`."""

    lists: list[tuple[Any, ...]] = field(default_factory=list)
    list_items: list[tuple[Any, ...]] = field(default_factory=list)


def lists(plan: SeedPlan, everybody: list[SeedPerson], catalogue: list[SeedTitle]) -> SeedLists:
    """Up to three lists of most people with a full life; a list is as young as its last title."""
    rng = plan.stream("lists")
    rows = SeedLists()
    for person in everybody:
        if not person.full or rng.random() > MAKERS_SHARE:
            continue
        for name in rng.sample(NAMES, rng.randint(1, MOST_LISTS)):
            identity: uuid.UUID = uuid4_from(rng)
            born = at = plan.now - timedelta(days=rng.uniform(1, 40))
            chosen = rng.sample(catalogue, min(len(catalogue), rng.randint(*LENGTH)))
            for place, title in enumerate(chosen):
                at += timedelta(minutes=rng.uniform(0.2, 90))
                rows.list_items.append((uuid4_from(rng), identity, title.id, title.kind, place, None, at, at))
            shown = rng.random() < PUBLIC_SHARE
            said = rng.choice(plan.words.sentences) if rng.random() < 0.5 else None
            rows.lists.append((identity, person.id, name, said, shown, born, at))
    return rows
