"""What a run may do to its target on the wire: of a whole run, and of one worker. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from harness.core.token_bucket import tokens_of

LEASE_S = 4.0
"""How long a worker may go by the share that it was granted, counted from the report that the grant answers. Shorter
than the silence after which a worker is lost (`harness.record.roster`): when its share goes to others, it is over."""


@dataclass(frozen=True, slots=True)
class WireShare:
    """What one worker may do: tokens of requests and of new connections (`harness.core.token_bucket`), open sockets."""

    requests: int
    connections: int
    sockets: int


class WireLimits(BaseModel):
    """The target's limits, over all workers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: float
    connections_per_second: float
    sockets: int

    @property
    def whole(self) -> WireShare:
        """All of it."""
        requests, _ = tokens_of(self.requests_per_second)
        connections, _ = tokens_of(self.connections_per_second)
        return WireShare(requests, connections, self.sockets)

    @property
    def most_workers(self) -> int:
        """Into how many shares it can be divided so that each has something of everything."""
        whole = self.whole
        return min(whole.requests, whole.connections, whole.sockets)
