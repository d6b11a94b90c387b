"""Accounts, whom they follow, how private they are. (pure)"""

from __future__ import annotations

import bisect
import itertools
import random
import uuid
from datetime import datetime, timedelta

from sandbox.seed.plan import SeedPerson, SeedPlan, uuid4_from

FOLLOWS_MEAN = 12
FOLLOWS_FEW = 3  # of people without a full life
PRIVACY = {"public": 0.92, "followers_only": 0.05, "private": 0.03}
OLDEST_ACCOUNT_DAYS = 300
YOUNGEST_ACCOUNT_DAYS = 62  # older than every other seeded row


def people(plan: SeedPlan) -> list[SeedPerson]:
    """All accounts, in order of their index."""
    rng = plan.stream("people")
    names = plan.words.names
    return [
        SeedPerson(
            index,
            uuid4_from(rng),
            plan.email(index),
            f"{rng.choice(names).split()[0]} {rng.choice(names).split()[-1]}",
            uuid4_from(rng),
            full=index < plan.full_lives,
        )
        for index in range(plan.people)
    ]


def joined_at(plan: SeedPlan, person: SeedPerson) -> datetime:
    """When the account was made."""
    rng = plan.stream(f"joined:{person.index}")
    return plan.now - timedelta(days=rng.uniform(YOUNGEST_ACCOUNT_DAYS, OLDEST_ACCOUNT_DAYS))


def follows(plan: SeedPlan, everybody: list[SeedPerson]) -> list[tuple[uuid.UUID, uuid.UUID, datetime]]:
    """(follower, followed, since): about 12 each, and the k-th most famous gets a share like 1/k^0.8."""
    rng = plan.stream("follows")
    fame = list(everybody)
    rng.shuffle(fame)
    cumulative = list(itertools.accumulate(1 / (place + 1) ** 0.8 for place in range(len(fame))))
    rows = []
    for person in everybody:
        wanted = min(len(fame) - 1, max(4, round(rng.gauss(FOLLOWS_MEAN, 3))) if person.full else FOLLOWS_FEW)
        chosen: dict[uuid.UUID, None] = {}
        # Bounded: in a tiny crowd the famous few may not be enough, then the next ones in line fill up.
        for _ in range(wanted * 6):
            if len(chosen) == wanted:
                break
            other = _drawn(rng, fame, cumulative)
            if other is not person:
                chosen[other.id] = None
        for other in itertools.islice((f for f in fame if f is not person and f.id not in chosen), wanted):
            if len(chosen) == wanted:
                break
            chosen[other.id] = None
        rows += [(person.id, other, plan.now - timedelta(days=rng.uniform(1, 60))) for other in chosen]
    return rows


def privacy(plan: SeedPlan, everybody: list[SeedPerson]) -> dict[uuid.UUID, str]:
    """The people whose profile is not public, and what it is instead."""
    rng = plan.stream("privacy")
    drawn = rng.choices(list(PRIVACY), list(PRIVACY.values()), k=len(everybody))
    return {person.id: kind for person, kind in zip(everybody, drawn, strict=True) if kind != "public"}


def _drawn(rng: random.Random, fame: list[SeedPerson], cumulative: list[float]) -> SeedPerson:
    return fame[min(bisect.bisect_left(cumulative, rng.random() * cumulative[-1]), len(fame) - 1)]
