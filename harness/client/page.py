"""One page load: everything that lives in the tab's memory and is gone with the next load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.client.auth.edge_store import EdgeStore
from harness.client.cache.queries import Queries
from harness.client.memory import Memory
from harness.client.realtime.session import RealtimeSession

if TYPE_CHECKING:
    from harness.client.device import Device


class Page(Memory):
    """edge: the token store of edge-function calls. queries: what was read and when. live: its Realtime.
    last_seen_at: loop time of the last presence write, None before the first. shown: suggestions whose `shown` was
    already reported."""

    def __init__(self, phone: Device) -> None:
        super().__init__()
        self.edge = EdgeStore()
        self.queries = Queries(phone)
        self.live = RealtimeSession(phone)
        self.last_seen_at: float | None = None
        self.shown: set[str] = set()
