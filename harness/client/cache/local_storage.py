"""The browser's localStorage, as far as it is no event queue: what a device knows across page loads. (pure)

Each thing is kept with the instant it was stored, because the app asks "how old" (contract 2.6, 6.1, 6.6, 10.1).
"""

from __future__ import annotations

import random
import uuid
from functools import lru_cache
from typing import Any

HOUR_S = 3600.0
EXPERIMENTS_S = 6 * HOUR_S
ASSISTANT_S = 6 * HOUR_S
TMDB_CONFIGURATION_S = 24 * HOUR_S

EXPERIMENTS = "experiments"
ASSISTANT = "movinesta.assistantCache.v1"
TMDB_CONFIGURATION = "tmdb_configuration"
PUBLIC_SETTINGS = "movinesta.public_settings.v1"


class LocalStorage:
    """One device's. `name` stands for the device: ids made here depend on nothing else, so a device keeps its
    identity from run to run (trap T33)."""

    __slots__ = ("_kept", "_name", "session_id")

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: dict[str, tuple[float, Any]] = {}
        self.session_id = self._uuid("device")

    def put(self, what: str, value: Any, now: float) -> None:
        """Remember; `now` in seconds of the phone's clock."""
        self._kept[what] = (now, value)

    def keep(self) -> dict[str, tuple[float, Any]]:
        """All of it."""
        return self._kept

    def remember(self, kept: dict[str, tuple[float, Any]]) -> None:
        """What `keep` gave of the same device."""
        self._kept = kept

    def young(self, what: str, max_age_s: float, now: float) -> Any:
        """What was stored less than so long ago; None when there is nothing, or it is older."""
        stored = self._kept.get(what)
        return stored[1] if stored is not None and now - stored[0] < max_age_s else None

    def deck_seed(self, mode: str, kind: str | None = None) -> str:
        """The base seed of a deck mode: made once per device session, mode and kind, then the same for good."""
        return self._uuid(f"mn_swipe_deck_seed_v1:{self.session_id}:{mode}:{kind or '*'}")

    def _uuid(self, purpose: str) -> str:
        return _seeded(f"{purpose} {self._name}")


@lru_cache(maxsize=4096)  # those of the phones in session: making a generator of 2.5 KB for one number takes 10 us
def _seeded(seed: str) -> str:
    return str(uuid.UUID(int=random.Random(seed).getrandbits(128), version=4))
