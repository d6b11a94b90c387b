"""When spending an error budget is an alert. (pure)

"The Site Reliability Workbook" (Beyer et al., 2018), chapter 5, "Alerting on SLOs", under "Multiwindow,
Multi-Burn-Rate Alerts": a budget of 30 days is spent at so many times its even pace over a long window, and still is
over a short one, a twelfth as long. What it recommends:

    severity  long  short  burn rate  of the budget
    page      1h    5m     14.4       2 %
    page      6h    30m    6          5 %
    ticket    3d    6h     1          10 %

and between the last two a fourth pair, 1d and 2h at 3, that the chapter's own rules for Prometheus have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket"]
PERIOD = "30d"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """rate: times the pace at which the budget would last for its period. long, short: windows, as Prometheus writes
    them. spent: share of the budget that is gone when it fires."""

    severity: Severity
    rate: float
    long: str
    short: str
    spent: float

    def threshold(self, budget: float) -> float | None:
        """The share of bad events from which it fires; None where even a total outage does not burn so fast."""
        found = self.rate * budget
        return found if found < 1 else None


BURN_RATES = (
    BurnRate("page", 14.4, "1h", "5m", 0.02),
    BurnRate("page", 6.0, "6h", "30m", 0.05),
    BurnRate("ticket", 3.0, "1d", "2h", 0.10),
    BurnRate("ticket", 1.0, "3d", "6h", 0.10),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""All of theirs, the shortest first."""
