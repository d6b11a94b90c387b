"""What preflight found before a run, as it stands in the run's manifest. (pure)"""

from __future__ import annotations

from typing import Literal

from harness.core.counted import counted
from harness.core.frozen_model import FrozenModel


class RecordedFinding(FrozenModel):
    """One thing that is wrong with the target. evidence: a request or a statement to repeat."""

    lint: str
    severity: Literal["high", "medium", "low"]
    title: str
    why: str
    manual: str
    object: str
    evidence: str
    remedy: str
    accepted: str = ""  # why it does not count, and until when; empty: it counts

    @property
    def sentence(self) -> str:
        return f"{self.title}: {self.object} (preflight, {self.lint})."


class PreflightRecord(FrozenModel):
    """Everything that was asked. findings: the gravest first, accepted ones among them."""

    findings: tuple[RecordedFinding, ...] = ()
    asked: int = 0
    unasked: tuple[str, ...] = ()
    took_s: float = 0.0

    @property
    def open(self) -> tuple[RecordedFinding, ...]:
        """Those that count."""
        return tuple(one for one in self.findings if not one.accepted)

    @property
    def refused(self) -> tuple[RecordedFinding, ...]:
        """Those for which a target is not ready."""
        return tuple(one for one in self.open if one.severity == "high")

    @property
    def text(self) -> str:
        counts = [f"{sum(one.severity == name for one in self.open)} {name}" for name in ("high", "medium", "low")]
        accepted = len(self.findings) - len(self.open)
        return f"{', '.join(counts)}; {accepted} accepted; {counted(self.asked, 'question')} asked"
