"""What a comparison found: a row an operation, the circumstances that differ, and all of it in words. (pure)

How rows are judged: `reports.compare`, and `reports.ab.judge` for two deployments at the same time.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from reports.shift import LEAST
from reports.text import DASH, MINUS, ms, percent, plural

SHOWN = 8
"""Of what changed and has no objective, so many are shown at once."""
Change = Literal["regressed", "slower", "ok", "faster", "not enough samples"]
ORDER: tuple[Change, ...] = ("regressed", "slower", "faster", "ok", "not enough samples")
TIMES = "\N{MULTIPLICATION SIGN}"


class CompareRow(BaseModel):
    """One operation in one view. Latencies in milliseconds; null: no samples, or the p95 falls on a failure. Of several
    runs: the median of their p95s, and the shift as the ratio."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    view: str
    p95: float | None
    baseline_p95: float | None
    ratio: float | None
    ratio_low: float | None = None  # 95 % interval of the ratio
    ratio_high: float | None = None
    chance: float | None = None  # of a shift at least so far up, where nothing changed; not corrected
    figure: Literal["p95", "p50"] = "p95"  # what was compared: medians where p95s have too few samples
    now: float | None = None  # that figure, and the baseline's; null as for p95
    before: float | None = None
    samples: int
    baseline_samples: int  # of all usable baseline runs together
    change: Change
    note: str = ""
    objective: bool = False  # an SLO of either run names it

    @property
    def changed(self) -> bool:
        """Whether it is another than before: slower or faster by more than 15 %, or failing."""
        return self.change in ("regressed", "slower", "faster")

    @property
    def effect(self) -> float:
        """How far it moved, whichever way; infinite where it fails now and did not, or the other way round."""
        if self.ratio is not None:
            return abs(math.log(max(self.ratio, LEAST)))
        return math.inf if self.changed else -1.0

    @property
    def times_text(self) -> str:
        """The ratio as a factor."""
        return DASH if self.ratio is None else f"{TIMES} {_factor(self.ratio)}"

    @property
    def times_interval_text(self) -> str:
        """The factor's 95 % interval; empty without one."""
        if self.ratio_low is None or self.ratio_high is None:
            return ""
        return f"{_factor(self.ratio_low)} {DASH} {_factor(self.ratio_high)}"

    @property
    def ratio_text(self) -> str:
        return DASH if self.ratio is None else f"{'+' if self.ratio >= 1 else MINUS}{percent(abs(self.ratio - 1), 1)}"

    @property
    def interval_text(self) -> str:
        """The change's 95 % interval: `-3 % to +31 %`; empty without one."""
        if self.ratio_low is None or self.ratio_high is None:
            return ""
        return f"{_signed(self.ratio_low)} to {_signed(self.ratio_high)}"

    @property
    def now_text(self) -> str:
        """The figure that was compared: `61 ms`, `8.4 ms p50`."""
        return self._compared(self.now, self.value_text)

    @property
    def before_text(self) -> str:
        """As `now_text`, of the baseline."""
        return self._compared(self.before, self.baseline_text)

    def named(self, text: str) -> str:
        """`now_text` or `before_text`, with the figure's name where the text does not hold it."""
        return f"p95 {text}" if self.figure == "p95" else text

    def _compared(self, value: float | None, p95: str) -> str:
        return p95 if self.figure == "p95" or value is None else f"{ms(round(value, 1))} p50"

    @property
    def value_text(self) -> str:
        return ms(self.p95) if self.samples else "no samples"

    @property
    def baseline_text(self) -> str:
        return ms(self.baseline_p95) if self.baseline_samples else "no samples"


def _factor(ratio: float) -> str:
    """Three figures that matter: 0.87, 3.72, 17.7, 1,240."""
    return f"{ratio:,.2f}" if ratio < 10 else f"{ratio:,.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _signed(ratio: float) -> str:
    return f"{'+' if ratio >= 1 else MINUS}{percent(abs(ratio - 1), 0)}"


class Differing(BaseModel):
    """One circumstance in which runs are not the same: its name, and what it was in each run, this one's first."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    values: tuple[str, ...]


class Comparison(BaseModel):
    """Rows sorted by how bad they are, in each kind by how far they moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_id: str
    also: tuple[str, ...] = ()  # further runs of the same build
    baselines: tuple[str, ...]
    rows: tuple[CompareRow, ...]
    notes: tuple[str, ...] = ()
    machine: str = ""  # how much slower it was than the baseline's, a sentence; empty where it was not
    differing: tuple[Differing, ...] = ()  # switches, versions and circumstances that are not the same in all runs

    @property
    def changed(self) -> tuple[CompareRow, ...]:
        """What is another than before, the gravest kind first, in each by how far it moved."""
        return tuple(row for row in self.rows if row.changed)

    @property
    def first_changes(self) -> tuple[CompareRow, ...]:
        """Of what changed: regressions, whatever has an objective, and the largest of the others."""
        others = [row for row in self.changed if not (row.change == "regressed" or row.objective)][:SHOWN]
        return tuple(row for row in self.changed if row.change == "regressed" or row.objective or row in others)

    @property
    def further_changes(self) -> tuple[CompareRow, ...]:
        """The others that changed."""
        shown = self.first_changes
        return tuple(row for row in self.changed if row not in shown)

    @property
    def unchanged_slos(self) -> tuple[CompareRow, ...]:
        """Operations with an objective that did not change, or cannot be compared."""
        return tuple(row for row in self.rows if row.objective and not row.changed)

    @property
    def unchanged_others(self) -> tuple[CompareRow, ...]:
        """Everything else that did not change, or cannot be compared."""
        return tuple(row for row in self.rows if not row.objective and not row.changed)

    @property
    def regressed(self) -> tuple[CompareRow, ...]:
        return tuple(row for row in self.rows if row.change == "regressed")

    @property
    def explained(self) -> tuple[CompareRow, ...]:
        """Slower rows that say why they are, or are not, a regression."""
        return tuple(row for row in self.rows if row.note and row.change in ("regressed", "slower"))

    @property
    def sentence(self) -> str:
        """What the comparison found, in one sentence."""
        against = self.baselines[0] if len(self.baselines) == 1 else f"the median of {len(self.baselines)} runs"
        if not self.regressed:
            slower = sum(row.change == "slower" for row in self.rows)
            beside = f"; {plural(slower, 'operation')} slower than +15 %" if slower else ""
            return f"No regression against {against}{beside}." + (f" {self.machine}" if self.machine else "")
        worst = self.regressed[0]
        more = f" and {len(self.regressed) - 1} more" if len(self.regressed) > 1 else ""
        here = f" in the median of {1 + len(self.also)} runs" if self.also else ""
        return (
            f"{worst.operation} ({worst.view}) regressed{more}: {worst.named(worst.now_text)}{here}, "
            f"{worst.before_text} in {against}."
        )
