"""A target with everything that opens it: what a run and its probes work with. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core.target_guard import HERE, Reach
from harness.core.wire_limits import WireLimits


@dataclass(frozen=True)
class ResolvedTarget:
    """Where the target is and what opens it."""

    name: str
    url: str
    environment: str
    anon_key: str = field(repr=False)
    password: str = field(repr=False)
    email_pattern: str
    limits: WireLimits | None = None  # what may be done to it; None: anything
    jwt_secret: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)  # for probes only: it makes nobody's tokens minted
    service_key: str = field(default="", repr=False)
    dsn: str = field(default="", repr=False)
    user_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reach: Reach = HERE  # where its processes may connect to
    death: Callable[[], str] = str  # what became of a target of our own; empty while it lives

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere; some may be empty."""
        keys = (self.anon_key, self.service_key, self.jwt_secret, self.signing_secret)
        return (*keys, self.password, self.dsn)
