"""Faults in the phone: what becomes of one attempt, or of one phone for a while. (pure)

Three kinds. Faults over attempts are drawn for each attempt they concern and `treat` it; those over realtime messages
are drawn for each message and say in `treat_message` what becomes of it. Faults over phones have no such draw: every
phone of the cohort gets its `PhoneTreatment`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from chaos.fault import Draw, Fault, Layer
from chaos.network_model import LinkTransit


@dataclass(frozen=True, slots=True)
class AttemptTreatment:
    """What becomes of one attempt. Faults add to it: first those that lose it, then the others; among equals in the
    order of the timeline. Times in seconds.

    before_s: held back before it leaves. after_s: its reply is held back, after it came.
    lost: the request never arrives, or the reply never does.
    patience: when the phone learns of the loss: at once, because the connection broke, or when its own time is up.
    copies_s: sent again so long after it left, same ids and body, the answers read by nobody.
    kill_s: the system ends the app so long after it left.
    expired: it carries a token that is past its time.
    bytes_per_s: at which the phone takes the reply in; 0 is at once.
    transit: the radio link it goes over.
    """

    before_s: float = 0.0
    after_s: float = 0.0
    lost: Literal["", "request", "reply"] = ""
    patience: Literal["close", "timeout"] = "close"
    copies_s: tuple[float, ...] = ()
    kill_s: float | None = None
    expired: bool = False
    bytes_per_s: float = 0.0
    transit: LinkTransit | None = None


UNTOUCHED = AttemptTreatment()


@dataclass(frozen=True, slots=True)
class PhoneTreatment:
    """What becomes of a phone of the cohort.

    offline: it has no network from the fault's beginning until `back_s` after its end.
    cut: its open connections end, once, `cut_s` after the beginning.
    expire: its token has run out at the beginning, and it knows; it refreshes before its next request.
    skew_s: its clock is ahead by so much (behind, when negative).
    outdate: what its page remembers is out of date, once, `outdate_s` after the beginning.
    """

    offline: bool = False
    back_s: float = 0.0
    cut: bool = False
    cut_s: float = 0.0
    expire: bool = False
    skew_s: float = 0.0
    outdate: bool = False
    outdate_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MessageTreatment:
    """What becomes of one realtime message that came. Faults add to it: first those that lose it, then the others.

    delays_s: after so long it reaches the app, once for each; none: never. in_order: whatever comes later waits for it.
    """

    delays_s: tuple[float, ...] = (0.0,)
    in_order: bool = True


ARRIVES = MessageTreatment()


class PhoneFault(Fault):
    """A fault of the layer PHONE. Override `treat`; or set `per` to "phone" and override `treat_phone`, or to
    "message" and override `treat_message`."""

    layer: ClassVar[Layer] = Layer.PHONE
    per: ClassVar[Literal["attempt", "phone", "message"]] = "attempt"
    decides: ClassVar[bool] = False
    """Whether it loses the attempt or the message, so that others may find nothing left to do."""

    @property
    def needs_sign_in(self) -> bool:
        """Whether it concerns only attempts that carry a person's token."""
        return False

    @property
    def scope(self) -> Literal["attempt", "phone", "message"]:
        """What is hit: attempts or realtime messages, each with its draw, or the phones of the cohort."""
        return self.per

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        """The attempt as this fault leaves it; the same object when it leaves it as it was, and so did not hit it."""
        return treatment

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        """What a phone goes through."""
        return PhoneTreatment()

    def treat_message(self, treatment: MessageTreatment, draw: Draw) -> MessageTreatment:
        """The realtime message as this fault leaves it; the same object when it did not hit it."""
        return treatment
