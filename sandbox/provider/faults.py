"""What goes wrong at the provider: by switch, or for a while by `sandbox.provider.admin`. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, get_args

Mode = Literal["dead", "timeout", "rate_limited", "server_error", "truncated", "nonsense", "slow_start"]
MODES: tuple[str, ...] = get_args(Mode)


class ProviderFaultError(ValueError):
    """A fault that does not exist, or a value that it cannot take. The text says what would be right."""


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """One thing that goes wrong.

    share: of the questions. models: those that it concerns; none: all. seconds: of `slow_start`, before the first
    token. by_question: all tries of one question share their fate, else each request is drawn by itself. until: an
    instant of the provider's clock; None: for good.
    """

    mode: Mode
    share: float = 1.0
    models: tuple[str, ...] = ()
    seconds: float = 10.0
    by_question: bool = False
    until: float | None = None


@dataclass
class ProviderFaults:
    """All that is wrong now. clock: any that goes on steadily, in seconds."""

    seed: int
    clock: Callable[[], float]
    rules: dict[str, ProviderFault] = field(default_factory=dict)
    _requests: int = 0

    def set(self, name: str, fault: ProviderFault) -> None:
        """Under this name, in place of what was there."""
        self.rules[name] = fault

    def clear(self, name: str | None) -> None:
        """This one ends, or all do."""
        if name is None:
            self.rules.clear()
        else:
            self.rules.pop(name, None)

    def active(self) -> dict[str, ProviderFault]:
        """Those that have not run out."""
        now = self.clock()
        self.rules = {name: one for name, one in self.rules.items() if one.until is None or now < one.until}
        return self.rules

    @property
    def dead(self) -> bool:
        """Whether nobody is there at all, whatever is asked."""
        return any(one.mode == "dead" and not one.models and one.share >= 1 for one in self.active().values())

    def draw(self, model: str, question: str) -> ProviderFault | None:
        """What befalls one request; the first fault that hits it."""
        self._requests += 1
        for name, one in self.active().items():
            if one.models and model not in one.models:
                continue
            key = question if one.by_question else f"{self._requests}"
            if one.share >= 1 or number(self.seed, name, key) < one.share:
                return one
        return None


def number(seed: int, name: str, key: str) -> float:
    """In [0, 1); the same for the same arguments, on any machine."""
    digest = blake2b(f"{name}\0{key}".encode(), digest_size=8, key=(seed % 2**64).to_bytes(8, "big")).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def parse(body: dict[str, Any], now: float) -> tuple[str, ProviderFault]:
    """A name and a fault from JSON: mode, name?, share?, models?, slow_s?, seconds? (how long it lasts).

    :raises ProviderFaultError: naming what is wrong.
    """
    mode = body.get("mode")
    if mode not in MODES:
        raise ProviderFaultError(f"there is no mode {mode!r}; there are: {', '.join(MODES)}")
    share, slow, lasts = (
        _figure(body, "share", 1.0, 1.0),
        _figure(body, "slow_s", 10.0, 600.0),
        _figure(body, "seconds", None, 86_400.0),
    )
    models = body.get("models", [])
    if not isinstance(models, list) or not all(isinstance(one, str) for one in models):
        raise ProviderFaultError("models is a list of names")
    name = body.get("name", mode)
    if not isinstance(name, str):
        raise ProviderFaultError("name is text")
    assert share is not None
    assert slow is not None
    until = None if lasts is None else now + lasts
    return name, ProviderFault(mode, share, tuple(models), slow, until=until)


def _figure(body: dict[str, Any], key: str, default: float | None, highest: float) -> float | None:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
        raise ProviderFaultError(f"{key} is a number from 0 to {highest:g}")
    return float(value)
