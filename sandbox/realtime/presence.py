"""Who is present on a topic: keys with their metas, and what a change of them tells the others. (pure)

Source: realtime contract, 1.5. A key holds one meta per channel that tracks it.
"""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

Metas = dict[str, dict[str, list[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class PresenceDiff:
    """What a change tells: keys with the metas that came and that went."""

    joins: Metas = field(default_factory=dict)
    leaves: Metas = field(default_factory=dict)

    def payload(self) -> dict[str, Metas]:
        """As `presence_diff` carries it."""
        return {"joins": self.joins, "leaves": self.leaves}


def references(rng: random.Random) -> Iterator[str]:
    """`phx_ref` values: 14 URL-safe characters, never the same twice."""
    for number in itertools.count(1):
        raw = rng.getrandbits(40).to_bytes(5, "big") + number.to_bytes(5, "big")
        yield base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class PresenceState:
    """One topic's presence. An owner (a channel) tracks at most one key."""

    def __init__(self, refs: Iterator[str]) -> None:
        self._refs = refs
        self._owners: dict[Hashable, tuple[str, dict[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def track(self, owner: Hashable, key: str, payload: dict[str, Any]) -> PresenceDiff | None:
        """The owner's payload under its key; None when it says nothing new. An update is a join and a leave."""
        meta = {**payload, "phx_ref": next(self._refs)}
        before = self._owners.get(owner)
        if before is None:
            self._owners[owner] = (key, meta)
            return PresenceDiff(joins={key: {"metas": [meta]}})
        old = before[1]
        if _said(old) == payload:
            return None
        meta["phx_ref_prev"] = old["phx_ref"]
        self._owners[owner] = (key, meta)
        return PresenceDiff(joins={key: {"metas": [meta]}}, leaves={key: {"metas": [old]}})

    def untrack(self, owner: Hashable) -> PresenceDiff | None:
        """The owner is gone; None when it was not there."""
        before = self._owners.pop(owner, None)
        if before is None:
            return None
        key, meta = before
        return PresenceDiff(leaves={key: {"metas": [meta]}})

    def state(self) -> Metas:
        """As `presence_state` carries it: every key with all its metas."""
        found: Metas = {}
        for key, meta in self._owners.values():
            found.setdefault(key, {"metas": []})["metas"].append(meta)
        return found


def _said(meta: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in meta.items() if name not in ("phx_ref", "phx_ref_prev")}
