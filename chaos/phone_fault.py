"""Faults in the phone: what becomes of one attempt, or of one phone for a while. (pure)

Three kinds. Faults over attempts are drawn for each attempt they concern and `treat` it; those over realtime messages
decide each message's `fate`. Faults over phones have no such draw: whoever is in the cohort lives through a `Spell`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaos.fault import Fault, Layer
from chaos.network_model import Air

Luck = Callable[[str], float]
"""A number in [0, 1) for a question; for this fault, person and sequence always the same answer."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of one attempt. Faults add to it, in the order of the timeline. Times in seconds.

    before_s: held back before it leaves. after_s: its reply is held back, after it came.
    lost: the request never arrives, or the reply never does.
    patience: when the phone learns of the loss: at once, because the connection broke, or when its own time is up.
    copies_s: sent again so long after it left, same ids and body, the answers read by nobody.
    kill_s: the system ends the app so long after it left.
    expired: it carries a token that is past its time.
    bytes_per_s: at which the phone takes the reply in; 0 is at once.
    air: the radio link it goes over.
    """

    before_s: float = 0.0
    after_s: float = 0.0
    lost: Literal["", "request", "reply"] = ""
    patience: Literal["close", "timeout"] = "close"
    copies_s: tuple[float, ...] = ()
    kill_s: float | None = None
    expired: bool = False
    bytes_per_s: float = 0.0
    air: Air | None = None


UNTOUCHED = Treatment()


@dataclass(frozen=True, slots=True)
class Spell:
    """What a phone of the cohort lives through.

    offline: it has no network from the fault's beginning until `back_s` after its end.
    cut: its open connections end, once, `cut_s` after the beginning.
    expire: its token has run out at the beginning, and it knows; it refreshes before its next request.
    skew_s: its clock is ahead by so much (behind, when negative).
    """

    offline: bool = False
    back_s: float = 0.0
    cut: bool = False
    cut_s: float = 0.0
    expire: bool = False
    skew_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one realtime message that came.

    delays_s: after so long it reaches the app, once for each; none: never. in_order: whatever comes later waits for it.
    """

    delays_s: tuple[float, ...] = (0.0,)
    in_order: bool = True


ARRIVES = Fate()


class PhoneFault(Fault):
    """A fault of the layer PHONE. Override `treat`; or set `per` to "phone" and override `spell`, or to "message" and
    override `fate`."""

    layer: ClassVar[Layer] = Layer.PHONE
    per: ClassVar[Literal["attempt", "phone", "message"]] = "attempt"

    @property
    def scope(self) -> Literal["attempt", "phone", "message"]:
        """What is hit: attempts or realtime messages, each with its draw, or the phones of the cohort."""
        return self.per

    def treat(self, treatment: Treatment, luck: Luck) -> Treatment:
        """The attempt as this fault leaves it."""
        return treatment

    def spell(self, luck: Luck) -> Spell:
        """What a phone goes through."""
        return Spell()

    def fate(self, luck: Luck) -> Fate:
        """What becomes of a realtime message that is hit."""
        return ARRIVES
