"""What a person decides: draws from the profile's behaviour, by the session's own random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from harness.client.notes import SessionNotes
from harness.client.rng import Rng
from harness.core.distributions import Distribution
from harness.core.draw import draw

T = TypeVar("T")


class Behaviour:
    """One device's. rng: the session's; draws depend on seed, person and ticket only."""

    __slots__ = ("_notes", "_quantities", "rng")

    def __init__(self, quantities: Mapping[str, Mapping[str, Distribution]], notes: SessionNotes) -> None:
        """quantities: persona -> quantity -> its distribution."""
        self.rng = Rng("")
        self._quantities = quantities
        self._notes = notes

    def draws(self, persona: str, quantity: str, default: float | None = None) -> float:
        """Draw one value of a persona's behaviour from the profile; `default` for a habit that profiles may leave out.

        :raises KeyError: without a default, for a quantity the profile does not have.
        """
        quantities = self._quantities.get(persona, {})
        if default is not None and quantity not in quantities:
            return default
        value = draw(self._quantities[persona][quantity], self.rng.of(quantity))
        self._notes.log.drew(quantity, value)
        return value

    def chance(self, persona: str, quantity: str) -> bool:
        """Whether something happens whose share of cases, 0 to 1, is a quantity of the profile; never when absent."""
        if quantity not in self._quantities.get(persona, {}):
            return False
        return self.rng.of(quantity).random() < self.draws(persona, quantity)

    def pick(self, question: str, things: Sequence[T]) -> T:
        """One of `things`, by this question's random numbers. :raises IndexError: there are none."""
        return self.rng.pick(question, things)
