"""A target with everything that opens it: what a run and its probes work with. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.secret import NOTHING, Secret
from harness.core.target import SHIPPED_LIMITER, TargetSignIn
from harness.core.target_guard import HERE, Reach
from harness.core.wire_limits import WireLimits


@dataclass(frozen=True)
class ResolvedTarget:
    """Where the target is and what opens it."""

    name: str
    url: str
    environment: str
    anon_key: Secret
    password: Secret
    email_pattern: str
    limits: WireLimits | None = None  # what may be done to it; None: anything
    jwt_secret: Secret = NOTHING
    signing_secret: Secret = NOTHING  # for probes only: it makes nobody's tokens minted
    minted_with: str = ""  # in words, for the record
    sign_in: TargetSignIn = SHIPPED_LIMITER
    service_key: Secret = NOTHING
    dsn: Secret = NOTHING
    user_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reach: Reach = HERE  # where its processes may connect to
    app_origin: str = ""  # where its app is served from; "": the profile says
    own: bool = False  # a sandbox that the run started, on this machine
    pid: int = 0  # of that sandbox
    death: Callable[[], str] = str  # what became of a target of our own; empty while it lives
