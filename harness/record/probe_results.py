"""What the probes found, as it stands in the run's manifest. (pure)"""

from __future__ import annotations

from typing import Literal

from harness.core.frozen_model import FrozenModel

Status = Literal["held", "broken", "not asked"]


class SchemaFact(FrozenModel):
    """One drift probe (contract 8.4). found: None when it could not be asked, with the reason."""

    name: str
    found: str | None = None
    why_not: str = ""


class ProbeAnswer(FrozenModel):
    """One question to the deployment, asked with synthetic people. asked: how often or of how many rows."""

    id: str
    status: Status
    asked: int = 0
    count: int = 0
    text: str = ""  # what was seen, or why it could not be asked
    ids: tuple[str, ...] = ()  # of rows that should not have been there
    told: str = ""  # JSON that replies of the run are held against (I76)


class Probes(FrozenModel):
    """Everything that was asked before the load."""

    source: str = ""  # how the schema was read: "Postgres" or "PostgREST"; empty: not at all
    facts: tuple[SchemaFact, ...] = ()
    answers: tuple[ProbeAnswer, ...] = ()
    took_s: float = 0.0

    def fact(self, name: str) -> str | None:
        """What a drift probe found, None when it was not asked."""
        return next((fact.found for fact in self.facts if fact.name == name), None)
