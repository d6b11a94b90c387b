"""What a mutating proxy counted, as the line of JSON with which its process ends. (pure)"""

from __future__ import annotations

from pydantic import Field

from harness.core.frozen_model import FrozenModel


class MutantTally(FrozenModel):
    """seen: requests of phones (or messages) at the mutant's place. hits: of these, those it spoiled.

    changed: name of the field that was another one.
    """

    mutant: str
    seen: int = 0
    hits: int = 0
    changed: str = ""


class Tally(FrozenModel):
    """mutants: of this proxy, in the order they were named. passed: requests of phones that none of them concerned.

    reached: mutants that had something to spoil, of a proxy that surveys. places: how often each was passed there.
    """

    mutants: tuple[MutantTally, ...] = ()
    passed: int = 0
    reached: tuple[str, ...] = ()
    places: dict[str, int] = Field(default_factory=dict)

    def of(self, name: str) -> MutantTally:
        """Of one mutant; nothing seen when the proxy had none of this name."""
        return next((one for one in self.mutants if one.mutant == name), MutantTally(mutant=name))
