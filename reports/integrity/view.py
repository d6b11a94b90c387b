"""What people could see as the run ended, and what they were shown in it: both as far as they were kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import pandas as pd

from harness.core.ledger import WriteKind
from harness.core.tables import READ_SAMPLES, SCHEMAS
from harness.evidence import store
from harness.evidence.tables import (
    ACTIVITY,
    PRIVACY,
    READERS_ACCOUNTS,
    READERS_FOLLOWS,
    READERS_HINTS,
    READERS_LIBRARY,
    READERS_RATINGS,
    READERS_ROOMS,
    READERS_STATS,
    StoredTable,
)
from reports.integrity import conversations, frames
from reports.integrity.writes import LedgerRows

T = TypeVar("T")
SEEN_BY_FOLLOWERS = ("public", "followers_only")
Pairs = frozenset[tuple[bytes, bytes]]


class Shown(NamedTuple):
    """One reply in outline; `harness.core.read_log.ReadSample`. Instants in microseconds of the run."""

    begun_us: int
    at_us: int
    account: bytes
    call: str
    subject: bytes | None
    whole: bool
    oldest_us: int | None
    ids: tuple[bytes, ...]
    owners: tuple[bytes, ...]
    detail: str
    first: int | None
    second: int | None


class Hint(NamedTuple):
    """A stored suggestion of the assistant. key: under which it is kept. created_us: epoch, the target's clock."""

    id: bytes
    key: str
    created_us: int
    dismissed: bool


@dataclass(frozen=True, slots=True)
class View:
    """What was read of some people, by account.

    follows, rooms: whom they follow, which conversations they are in, since when (epoch us, the target's clock).
    library, ratings: of titles. activity: of them and of some whom they follow: which rows, dated when. private: whose
    activity others do not see. following: how many they follow, by the row that counts them. hints: suggestions that
    are stored for them. Both are empty where they were not read. entries: of rows of libraries, whose each is. noted:
    when each title of a library was written last (epoch us, the target's clock, or a phone's whose write it is).
    """

    follows: dict[bytes, dict[bytes, int]]
    rooms: dict[bytes, dict[bytes, int]]
    library: dict[bytes, dict[bytes, str]]
    ratings: dict[bytes, dict[bytes, str]]
    activity: dict[bytes, dict[bytes, int]]
    private: frozenset[bytes]
    following: dict[bytes, int] = field(default_factory=dict)
    hints: dict[bytes, list[Hint]] = field(default_factory=dict)
    entries: dict[bytes, bytes] = field(default_factory=dict)
    noted: dict[bytes, dict[bytes, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Touched:
    """What this run's own writes may have changed, whatever became of them: accounts with what they wrote to."""

    known: frozenset[bytes]  # accounts whose writes the ledger tells
    follows: Pairs
    titles: Pairs


def shown(rows: LedgerRows, ahead_us: Mapping[int, int] = MappingProxyType({})) -> Iterator[Shown]:
    """All replies that were kept in outline; none in records from before they were. `rows`: of the run. ahead_us: what
    has to be added to each worker's instants to have them on the run's clock."""
    names = [name for name in SCHEMAS[READ_SAMPLES].names if name != "person"]
    for batch in rows(READ_SAMPLES, names):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row = dict(zip(names, values, strict=True))
            by = ahead_us.get(row.pop("worker"), 0)
            row |= {"begun_us": row["begun_us"] + by, "at_us": row["at_us"] + by}
            yield Shown(**(row | {"ids": _parted(row["ids"]), "owners": _parted(row["owners"])}))


def view(folder: Path) -> View | None:
    """What was read; None when it was not, or not as a whole."""
    accounts, follows, rooms = (_kept(folder, table) for table in (READERS_ACCOUNTS, READERS_FOLLOWS, READERS_ROOMS))
    library, ratings = _kept(folder, READERS_LIBRARY), _kept(folder, READERS_RATINGS)
    activity, privacy = _kept(folder, ACTIVITY), _kept(folder, PRIVACY)
    if accounts is None or follows is None or rooms is None or library is None or ratings is None:
        return None
    if activity is None or privacy is None:
        return None
    readers = list(accounts["user_id"])
    events: dict[bytes, dict[bytes, int]] = _by(
        list(privacy["user_id"]), activity, "user_id", "id", _us(activity["created_at"])
    )
    hidden = ~privacy["privacy"].fillna("public").isin(SEEN_BY_FOLLOWERS)
    return View(
        _by(readers, follows, "follower_id", "followed_id", _us(follows["created_at"])),
        _by(readers, rooms, "user_id", "conversation_id", _us(rooms["created_at"])),
        _by(readers, library, "user_id", "title_id", library["status"].tolist()),
        _by(readers, ratings, "user_id", "title_id", ratings["rating"].tolist()),
        events,
        frozenset(privacy[hidden]["user_id"]),
        _following(folder),
        _hints(folder, readers),
        dict(zip(library["id"], library["user_id"], strict=True)),
        _by(readers, library, "user_id", "title_id", _us(library["updated_at"])),
    )


def _following(folder: Path) -> dict[bytes, int]:
    stats = store.kept(folder, READERS_STATS)
    if stats is None:
        return {}
    rows = zip(stats["user_id"].to_pylist(), stats["following_count"].to_pylist(), strict=True)
    return {account: number for account, number in rows if number is not None}


def _hints(folder: Path, readers: list[bytes]) -> dict[bytes, list[Hint]]:
    stored = _kept(folder, READERS_HINTS)
    if stored is None:
        return {}
    stored = stored[stored["context_key"].notna() & stored["created_at"].notna()]
    found: dict[bytes, list[Hint]] = {account: [] for account in readers}
    dates, dismissed = _us(stored["created_at"]), stored["dismissed_at"].notna()
    for account, *row in zip(stored["user_id"], stored["id"], stored["context_key"], dates, dismissed, strict=True):
        if account in found:
            found[account].append(Hint(*row))
    return found


def touched(small: LedgerRows, moved: pd.DataFrame) -> Touched:
    """Of the ledger without its large kinds, and of events that move the library."""
    known = frozenset(frames.accounts(small)["user_id"])
    follows = frames.writes(small, [WriteKind.FOLLOW, WriteKind.UNFOLLOW])
    titles = frames.writes(small, [WriteKind.LIBRARY, WriteKind.UNLIBRARY, WriteKind.RATING])
    columns = ["user_id", "subject"]
    pairs = pd.concat([titles[columns], moved[columns]])
    return Touched(known, _pairs(follows), _pairs(pairs))


def _pairs(frame: pd.DataFrame) -> Pairs:
    known = frame[frame["user_id"].notna()]
    return frozenset(zip(known["user_id"], known["subject"], strict=True))


def _by(
    people: list[bytes], frame: pd.DataFrame, owner: str, thing: str, values: list[T]
) -> dict[bytes, dict[bytes, T]]:
    found: dict[bytes, dict[bytes, T]] = {account: {} for account in people}
    for account, what, value in zip(frame[owner], frame[thing], values, strict=True):
        if account in found:
            found[account][what] = value
    return found


def _us(column: pd.Series) -> list[int]:
    us: list[int] = ((column - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)).tolist()
    return us


def _kept(folder: Path, table: StoredTable) -> pd.DataFrame | None:
    found = store.kept(folder, table)
    return None if found is None else conversations.frame(found)


def _parted(ids: bytes | None) -> tuple[bytes, ...]:
    return tuple(ids[at : at + 16] for at in range(0, len(ids), 16)) if ids else ()
