"""How a sandbox is to be run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.realtime.settings import RealtimeSettings
from sandbox.services import STATEMENT_TIMEOUT_MS
from sandbox.switches import PRESETS, Switches

SECRET_VARIABLE = "SANDBOX_JWT_SECRET"
PASSWORD_VARIABLE = "SANDBOX_PASSWORD"
SHORTEST_SECRET = 32  # bytes: HS256's own minimum (RFC 7518, 3.2)
LARGEST_POOL = 40
_OF_THE_PRESET = RealtimeSettings()
"""Nobody gave any: those of the preset, if there is one."""
EMAIL_PATTERN = "p_{index:06d}@people.sandbox.test"


class OptionError(SandboxError):
    """An option has a value that cannot work."""


@dataclass(frozen=True)
class SandboxOptions:
    """One sandbox.

    people, catalogue, seed: how many people and titles, drawn from which number.
    port: 0 picks a free one. secret: signs every token and key; default the environment's SANDBOX_JWT_SECRET, else
    random. password: every seeded person's; default the environment's
    SANDBOX_PASSWORD, else random. database: a folder that keeps the data across runs.
    pool_size: database connections of the REST tier and the edge functions together, as PostgREST's pool.
    clock_offset_s: how far the clock that dates swipe events is ahead; a run across UTC midnight at any time of day.
    access_token_lifetime_s: how long a sign-in lasts without a refresh.
    realtime: limits, delays and cost of Realtime; by default the preset's plan, without one a self-hosted server's.

    :raises OptionError: for a value that cannot work.
    """

    people: int = 200
    catalogue: int = 600
    seed: int = 1
    port: int = 0
    host: str = "127.0.0.1"
    switches: Switches = field(default_factory=Switches)
    secret: str | None = field(default=None, repr=False)
    database: Path | None = None
    pool_size: int = 10
    acquire_timeout_s: float = 10.0
    password: str | None = field(default=None, repr=False)
    access_token_lifetime_s: int = 3600
    access_log: bool = False
    email_pattern: str = EMAIL_PATTERN
    clock_offset_s: float = 0.0
    realtime: RealtimeSettings = _OF_THE_PRESET

    def __post_init__(self) -> None:
        for name, low, high in (
            ("people", 1, 1_000_000),
            ("catalogue", 1, 1_000_000),
            ("port", 0, 65_535),
            ("pool_size", 1, LARGEST_POOL),
            ("access_token_lifetime_s", 1, 31_536_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{name} is {value}", remedy=f"give a whole number from {low} to {high}")
        if self.switches.rest_pool_size > LARGEST_POOL:
            raise OptionError(
                f"rest_pool_size is {self.switches.rest_pool_size}", remedy=f"give at most {LARGEST_POOL}"
            )
        preset = PRESETS.get(self.switches.preset)
        if preset is not None and self.realtime is _OF_THE_PRESET:
            object.__setattr__(self, "realtime", RealtimeSettings.plan(preset.realtime_plan))
        if self.switches.throttle_realtime_per_second:
            limit = self.switches.throttle_realtime_per_second
            limits = {"max_events_per_second": limit, "max_presence_events_per_second": limit}
            object.__setattr__(self, "realtime", self.realtime.changed(limits))
        if not 0 < self.acquire_timeout_s <= 60:
            raise OptionError(f"acquire_timeout_s is {self.acquire_timeout_s:g}", remedy="give seconds up to 60")
        if not abs(self.clock_offset_s) <= 86_400:
            raise OptionError(f"clock_offset_s is {self.clock_offset_s:g}", remedy="give at most a day, 86400")
        if self.password is not None and len(self.password) < 6:
            raise OptionError("the password is shorter than 6 characters", remedy="give a longer one, or none at all")
        if self.secret is not None and len(self.secret.encode()) < SHORTEST_SECRET:
            raise OptionError(
                f"the JWT secret is shorter than {SHORTEST_SECRET} bytes", remedy="give a longer one, or none at all"
            )

    @property
    def connections(self) -> int:
        """Of REST and functions: the switch's, else the option's."""
        return self.switches.rest_pool_size or self.pool_size

    @property
    def patience_s(self) -> float:
        """How long a request waits for one of them: the switch's, else the option's."""
        return self.switches.rest_pool_timeout_ms / 1000 or self.acquire_timeout_s

    @property
    def statement_ms(self) -> Mapping[str, int]:
        """Time limit of a statement by role."""
        return {
            "anon": self.switches.anon_statement_ms or STATEMENT_TIMEOUT_MS["anon"],
            "authenticated": self.switches.authenticated_statement_ms or STATEMENT_TIMEOUT_MS["authenticated"],
        }

    def resolved_password(self) -> str:
        """The given password, else the environment's, else a fresh one."""
        return self.password or os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(12)

    def resolved_secret(self) -> str:
        """The given secret, else the environment's, else a fresh one. :raises OptionError: when it is too short."""
        secret = self.secret or os.environ.get(SECRET_VARIABLE) or secrets.token_urlsafe(48)
        if len(secret.encode()) < SHORTEST_SECRET:
            raise OptionError(
                f"the JWT secret is shorter than {SHORTEST_SECRET} bytes",
                where=f"environment variable {SECRET_VARIABLE}",
                remedy="set a longer one, or unset it",
            )
        return secret
