"""Whose view of the target is read after a run: of people some of whose replies are in the record. (pure)

Rules that need the target's state hold a reply in outline against what its reader could see (I67 to I79). A run has
thousands of readers, and a person may follow hundreds: so many of them are looked at that their rows are read in
seconds. Those who were shown an empty feed come first, then those whose feed was kept, in the order of the run.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime

import pyarrow as pa

from harness.client.checks.asked_many import FEEDS
from harness.client.checks.read_samples import SAMPLED_ALWAYS, asked_for

READERS_AT_MOST = 120
ACTORS_AT_MOST = 150
"""Of these and of everybody they follow, whose whole activity is read."""
RECENT_S = 900.0
"""So long after a run its readers' view is still that of the run."""
SAMPLE_COLUMNS = ("account", "call", "ids")
ASKED_COLUMNS = ("call", "detail")
ASKED_AT_MOST = 200
"""Lists, and people whose lists are read: some thousand rows."""


def long_over(finished_at: str | None, now: datetime) -> bool:
    """Whether a run that ended then, ISO, is over for longer than what people see is still that of the run."""
    return finished_at is not None and (now - datetime.fromisoformat(finished_at)).total_seconds() > RECENT_S


def chosen(samples: Iterable[pa.RecordBatch]) -> list[bytes]:
    """Accounts of those whose view is read, the most telling ones first. samples: `SAMPLE_COLUMNS`."""
    places: dict[bytes, int] = {}
    for batch in samples:
        for account, call, ids in zip(*(batch[name].to_pylist() for name in SAMPLE_COLUMNS), strict=True):
            if call in SAMPLED_ALWAYS:
                continue
            place = 2 if call not in FEEDS else (1 if ids else 0)
            places[account] = min(places.get(account, place), place)
    return sorted(places, key=places.__getitem__)[:READERS_AT_MOST]


def asked(samples: Iterable[pa.RecordBatch], calls: Container[str]) -> list[bytes]:
    """What replies to these calls were asked for, the first ones. samples: `ASKED_COLUMNS`."""
    found: dict[bytes, None] = {}
    for batch in samples:
        for call, detail in zip(*(batch[name].to_pylist() for name in ASKED_COLUMNS), strict=True):
            if call in calls and len(found) < ASKED_AT_MOST:
                found.update(dict.fromkeys(asked_for(detail)))
    return list(found)[:ASKED_AT_MOST]


def actors(readers: Iterable[bytes], follows: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Whose activity is read: whole feeds only, as many as fit. follows: follower, followed."""
    followed: dict[bytes, list[bytes]] = {}
    for follower, other in follows:
        followed.setdefault(follower, []).append(other)
    found: dict[bytes, None] = {}
    for reader in readers:
        more = [one for one in (reader, *followed.get(reader, ())) if one not in found]
        if len(found) + len(more) <= ACTORS_AT_MOST:
            found.update(dict.fromkeys(more))
    return list(found)
