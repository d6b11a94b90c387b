"""What a function's worker remembers between its calls, and forgets when it is retired."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from sandbox.limits import MemoryLimiter
from sandbox.settings import SettingsCache


@dataclass(slots=True, eq=False)
class Isolate:
    """One worker's memory: settings it has read, and the counters it falls back to."""

    settings: SettingsCache = field(default_factory=SettingsCache)
    memory_limiter: MemoryLimiter = field(default_factory=MemoryLimiter)


CURRENT: ContextVar[Isolate | None] = ContextVar("isolate", default=None)
"""That of the call under way; None where workers are not told apart, and all calls share one that stays."""
