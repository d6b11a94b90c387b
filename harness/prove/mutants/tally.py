"""What a mutating proxy counted, as the line of JSON with which its process ends. (pure)"""

from __future__ import annotations

from pydantic import Field

from harness.core.frozen_model import FrozenModel


class Tally(FrozenModel):
    """seen: requests of phones (or messages) at the mutant's place. hits: of these, those it spoiled.

    passed: requests of phones that no mutant concerned. changed: name of the field that was another one.
    reached: mutants that had something to spoil, of a proxy that surveys. places: how often each was passed there.
    """

    mutant: str = ""
    seen: int = 0
    hits: int = 0
    passed: int = 0
    changed: str = ""
    reached: tuple[str, ...] = ()
    places: dict[str, int] = Field(default_factory=dict)
