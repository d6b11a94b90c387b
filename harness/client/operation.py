"""One thing a person does, measured from intent to done."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from harness.core.outcome import Outcome

if TYPE_CHECKING:
    from harness.client.device import Device


class Operation:
    """One thing the person did, from intent to done. Leaving by exception means the phone gave up."""

    __slots__ = ("_phone", "intended", "name", "outcome")

    def __init__(self, phone: Device, name: str, intended: float) -> None:
        self._phone = phone
        self.name = name
        self.intended = intended
        self.outcome: Outcome | None = None

    def ends(self, outcome: Outcome) -> bool:
        """Note how it ended so far; the first outcome that is not good stays. Returns whether it is good."""
        if self.outcome is None or self.outcome.good:
            self.outcome = outcome
        return outcome.good

    def __enter__(self) -> Operation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = Outcome.GAVE_UP if kind is not None else (self.outcome or Outcome.OK)
        phone = self._phone
        phone.kit.observer.operation(self.name, outcome, self.intended, phone.now() - self.intended)
