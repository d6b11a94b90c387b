"""What was found about a target, and about this machine: plain data that the checks judge. (pure)

A fact that could not be had is None, or has a problem; nothing here holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from harness.core.api_key import KeyKind
from harness.core.profile import Profile
from harness.core.target import Target
from harness.plan.run_peak import RunPeak


@dataclass(frozen=True, slots=True)
class Reply:
    """status: 0 where none came, and `problem` says why. body: its JSON, None where it is none."""

    status: int = 0
    body: object = None
    content_type: str = ""
    problem: str = ""

    @property
    def shown(self) -> str:
        """For people."""
        return self.problem or f"status {self.status}, {self.content_type or 'no content type'}"


@dataclass(frozen=True, slots=True)
class KeyFact:
    """role_expires: of an old key, epoch seconds. project: of an old key, whose it says it is."""

    kind: KeyKind
    expires_at: float | None = None
    project: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseFact:
    """problem: why it cannot be used. lacking: grants that are missing, as statements that give them."""

    problem: str = ""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineFact:
    """The generator. us_a_request: what a realistic request would cost here, by a calibration of two seconds.

    sources: addresses of this machine that phones send from, each of which has all of the ports.
    """

    descriptors: int
    ports: int
    cores: int
    memory_bytes: int
    us_a_request: float
    sources: int = 1


@dataclass(frozen=True, slots=True)
class Facts:
    target: Target
    profile: Profile
    now: datetime
    machine: MachineFact
    peak: RunPeak | None = None
    permit_problem: str = ""
    permit_remedy: str = ""
    addresses: tuple[str, ...] = ()
    name_problem: str = ""
    tls_problem: str = ""
    tls_days_left: float | None = None
    health: Reply = Reply()
    foreign: str = ""  # why what answers is not the app's deployment
    clock_ahead_s: float | None = None  # the target's, by its Date
    anon: KeyFact = KeyFact(KeyKind.OTHER)
    service: KeyFact | None = None
    key_refused: str = ""  # why the gateway does not take the public key
    service_refused: str = ""
    endpoints: Mapping[str, Reply] = field(default_factory=dict)
    key_set: Reply = Reply()
    minting: str = ""  # how tokens are minted; "": they are not
    minting_problem: str = ""
    minting_remedy: str = ""
    sign_in: Reply | None = None  # of the first person; None: no password is named
    limited_after: int | None = None  # requests of GoTrue until 429; None: none came, or nobody asked
    limiter_asked: int = 0
    realtime: Reply = Reply()
    people_found: int | None = None
    people_problem: str = ""
    database: DatabaseFact | None = None  # None: none is named
    owned: str = ""
    owned_problem: str = ""
    owned_remedy: str = ""
