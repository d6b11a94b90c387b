"""Was the run's own sandbox the limit, and not the app? (pure)

A sandbox shares this machine's cores with generator and database. Where the run itself filled them, what it missed is
how much this machine carries: an answer about the machine, not about a MoviNesta elsewhere. Then the run is
inconclusive, with what to do, and that comes before every miss.

Of data that was broken meanwhile it is said who broke it. Where one of the writes or rows that do not fit was intended
while the machine had CPU left, load is no excuse: the app broke it. Where all of them fall into seconds in which it had
none, and requests went without an answer at the same time, the overload did, as far as this run can tell.

The machine counts as full from 90 % of its CPU time on, by the seconds of `health.parquet`; not where other programs
had much of it (`reports.neighbours` speaks of those).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.outcome import Outcome
from harness.core.tables import Phase, View
from reports.frames import Frames
from reports.integrity.model import Check, Integrity
from reports.text import percent, plural

FULL = 0.9
FULL_SHARE = 0.3
"""Of the seconds of the measure phase."""
OTHERS_SHARE = 1 / 3
"""Of the full seconds: with more of them crowded by other programs, it was not the run that filled the machine."""
UNANSWERED_SHARE = 0.005
BEFORE_S, AFTER_S = 1.0, 30.0
"""A write may do its harm as long as it is tried again."""
UNANSWERED = (Outcome.TIMEOUT, Outcome.NETWORK, Outcome.GAVE_UP, Outcome.QUOTA, Outcome.SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Saturation:
    """seconds: of the run, with a full machine. of: seconds of the measure phase. unanswered: share of attempts."""

    seconds: frozenset[int]
    measured: int
    of: int
    unanswered: float

    @property
    def sentence(self) -> str:
        """The verdict, with what to do."""
        lost = f", and {percent(self.unanswered, 1)} of all requests went without an answer" if self.unanswered else ""
        return (
            f"The sandbox on this machine is the limit: generator, sandbox and database together had none of its CPU "
            f"left in {self.measured} of {plural(self.of, 'second')}{lost}. What was missed says how much this machine "
            "carries, not what the app does: run with less load (--scale), on more cores, or against a target "
            "elsewhere."
        )

    def explains(self, check: Check) -> bool:
        """Whether overload is all that is known to have broken it."""
        if self.unanswered < UNANSWERED_SHARE or not check.offenders:
            return False
        return all(one.at_s is not None and self._full_about(one.at_s) for one in check.offenders)

    def spared(self, check: Check) -> bool:
        """Whether some of it is known to have happened without overload."""
        return any(one.at_s is not None and not self._full_about(one.at_s) for one in check.offenders)

    def _full_about(self, at_s: float) -> bool:
        return any(second in self.seconds for second in range(int(at_s - BEFORE_S), int(at_s + AFTER_S)))


def saturation(frames: Frames) -> Saturation | None:
    """None: it was not, or the target is not the run's own sandbox, or nobody can tell."""
    found, health = frames.manifest.neighbours, frames.health
    if found is None or health.empty or health["machine_share"].isna().all():
        return None
    busy = health.dropna(subset=["machine_share"]).groupby("second")["machine_share"].max()
    start, end = frames.window
    measured = busy[(busy.index >= start) & (busy.index < end)]
    full = int((measured >= FULL).sum())
    if not len(measured) or full < FULL_SHARE * len(measured) or found.crowded > OTHERS_SHARE * full:
        return None
    seconds = frozenset(int(second) for second in busy.index[busy >= FULL].to_numpy().tolist())
    return Saturation(seconds, full, len(measured), _unanswered(frames))


def _unanswered(frames: Frames) -> float:
    rows = frames.counts
    rows = rows[(rows["view"] == View.SERVER) & (rows["phase"] == Phase.MEASURE)]
    total = int(rows["count"].sum())
    bad = int(rows.loc[rows["outcome"].isin([str(one) for one in UNANSWERED]), "count"].sum())
    return bad / total if total else 0.0


def data_sentences(integrity: Integrity, found: Saturation | None) -> tuple[Sequence[str], Sequence[str]]:
    """Of what is broken beside what was shown to strangers: what the app broke, and what the overload did."""
    _, others = integrity.foreign
    checks = [check for check in integrity.broken if check.sentence in others]
    if found is None:
        return [check.sentence for check in checks], []
    app = [
        f"{check.sentence}{' The app broke it: some of it happened with CPU to spare.' if found.spared(check) else ''}"
        for check in checks
        if not found.explains(check)
    ]
    load = [
        f"{check.sentence} All of it while the sandbox was overloaded: the overload broke it, as far as this run can "
        "tell; whether the app does so at less load takes another run."
        for check in checks
        if found.explains(check)
    ]
    return app, load
