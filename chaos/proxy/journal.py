"""What was injected when, why it ended, and what it hit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from chaos.proxy.log import INFO, tell
from chaos.proxy.toxic import Toxic

CAPACITY = 10_000


class JournalEvent(StrEnum):
    STARTED = "started"
    CHANGED = "changed"
    ENDED = "ended"
    DOWN = "down"
    UP = "up"
    REMOVED = "removed"  # a proxy whose lease ran out


class JournalCause(StrEnum):
    """Who asked for it."""

    API = "api"
    LEASE = "lease"  # nobody renewed it
    CLEAR = "clear"
    REMOVED = "proxy removed"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One event. at: Unix seconds. hits and seen: of the toxic until then; while it runs, read live.

    attributes: the parameters from this event on.
    """

    id: int
    at: float
    event: JournalEvent
    why: JournalCause
    proxy: str
    toxic: str = ""
    type: str = ""
    stream: str = ""
    toxicity: float = 0.0
    hits: int = 0
    seen: int = 0
    attributes: Mapping[str, object] = field(default_factory=dict)


class Journal:
    """The newest 10,000 entries. Ids count from 1 and never repeat, so a reader notices what it missed."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=CAPACITY)
        self._running: dict[int, Toxic] = {}
        self._last = 0

    def proxy(self, event: JournalEvent, why: JournalCause, proxy: str) -> None:
        """A proxy went down, came up again, or is no more."""
        self._last += 1
        self._entries.append(JournalEntry(self._last, time.time(), event, why, proxy))
        tell(INFO, f"proxy {event}", proxy=proxy, why=why)

    def toxic(self, event: JournalEvent, why: JournalCause, proxy: str, toxic: Toxic) -> None:
        """A toxic started, changed or ended."""
        self._last += 1
        self._running.pop(toxic.journal_id, None)
        if event is not JournalEvent.ENDED:
            self._running[self._last] = toxic
        toxic.journal_id = self._last
        entry = JournalEntry(
            self._last,
            time.time(),
            event,
            why,
            proxy,
            toxic.name,
            toxic.type,
            toxic.stream,
            toxic.toxicity,
            toxic.hit_count.hits,
            toxic.hit_count.seen,
            toxic.fault.model_dump(mode="json"),
        )
        self._entries.append(entry)
        tell(
            INFO,
            f"fault {event}",
            proxy=proxy,
            fault=toxic.name,
            type=toxic.type,
            stream=toxic.stream,
            share=toxic.toxicity,
            why="lease expired" if why is JournalCause.LEASE else why,
            hits=entry.hits,
        )

    def since(self, number: int = 0) -> list[JournalEntry]:
        """Entries with a greater id, oldest first. Those of toxics that still run carry their counts of now."""
        return [self._live(entry) for entry in self._entries if entry.id > number]

    def _live(self, entry: JournalEntry) -> JournalEntry:
        toxic = self._running.get(entry.id)
        return replace(entry, hits=toxic.hit_count.hits, seen=toxic.hit_count.seen) if toxic else entry
