"""A question to the catalogue, and what it found. (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["high", "medium", "low"]
MOST_CALLS = 130
"""Of one endpoint, to find its limit, unless somebody says otherwise."""
ORDER: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Lint:
    """One question.

    id: a short name; those that Supabase's own advisor asks too have its name (splinter, "lints").
    manual: chapter of the operational manual. why: what comes of it, in a sentence.
    sql: one row a finding: object, evidence, remedy (SQL where it is SQL), and optionally a severity that outranks.
    """

    id: str
    severity: Severity
    title: str
    why: str
    manual: str
    sql: str


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """One thing that is wrong. object: what it is about, qualified: `public.messages`, `public.f(uuid)`."""

    lint: str
    severity: Severity
    title: str
    why: str
    manual: str
    object: str
    evidence: str
    remedy: str

    @property
    def key(self) -> tuple[str, str]:
        """By which an accepted one is known again."""
        return self.lint, self.object


def by_gravity(findings: list[PreflightFinding]) -> list[PreflightFinding]:
    """The gravest first."""
    return sorted(findings, key=lambda one: (ORDER.index(one.severity), one.lint, one.object))
