"""What coverage reads of a run that was judged. (pure)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.outcome import Outcome
from harness.core.slo import Slo
from harness.core.tables import Phase, View
from harness.plan.beside import BesideRow
from harness.record.manifest import Manifest
from reports.assistant.model import AssistantRow
from reports.compare_rows import Comparison
from reports.database.model import DatabaseView
from reports.drift import DriftRow
from reports.frames import Frames
from reports.health_row import HealthRow
from reports.integrity.model import UNCHECKED, Integrity
from reports.realtime import Realtime
from reports.recovery.model import Recovery
from reports.slo import SloRow


@dataclass(frozen=True)
class JudgedRun:
    """A run and everything that was found out about it.

    doubt: why nothing that looks good in it counts, empty for a run that ended as planned. generator_doubt: the same of
    latencies alone. Both leave what is bad as it is, but for latencies of a generator in doubt, which say nothing.
    started_per_s: sessions, over the measure phase. measured: samples of the measure phase per (view, operation).
    limited, timed_out: attempts of the whole run that a limiter refused, or that had no answer in time, per operation
    of the server view. sessions, session: how many ended, and the mean one beside the plan's model.
    """

    manifest: Manifest
    measured_s: float = 0.0
    started_per_s: float = 0.0
    slos: tuple[SloRow, ...] = ()
    doubt: str = ""
    generator_doubt: str = ""
    integrity: Integrity = UNCHECKED
    comparison: Comparison | None = None
    realtime: Realtime | None = None
    drift: tuple[DriftRow, ...] = ()
    recovery: Recovery | None = None
    database: DatabaseView | None = None
    assistant: tuple[AssistantRow, ...] = ()
    measured: Mapping[tuple[str, str], int] = field(default_factory=dict)
    limited: Mapping[str, int] = field(default_factory=dict)
    timed_out: Mapping[str, int] = field(default_factory=dict)
    sessions: int = 0
    session: tuple[BesideRow, ...] = ()

    def objectives(self) -> list[tuple[Slo, SloRow | None]]:
        """The SLO file's entries, each with its row; None where it was not judged."""
        rows = {row.name: row for row in self.slos}
        return [(slo, rows.get(slo.name)) for slo in self.manifest.slos]


def judged_run(
    frames: Frames,
    *,
    slos: Sequence[SloRow],
    health: Sequence[HealthRow],
    integrity: Integrity,
    comparison: Comparison | None,
    realtime: Realtime | None,
    drift: Sequence[DriftRow],
    recovery: Recovery | None,
    database: DatabaseView | None = None,
    assistant: Sequence[AssistantRow] = (),
    beside: tuple[int, tuple[BesideRow, ...]] = (0, ()),
) -> JudgedRun:
    """A run's record together with what each part of the judgement said of it."""
    start, end = frames.window
    vetoes = ", ".join(f"{row.check} {row.value}" for row in health if row.level == "invalid")
    return JudgedRun(
        manifest=frames.manifest,
        measured_s=end - start,
        started_per_s=_started_per_s(frames),
        slos=tuple(slos),
        doubt=_doubt(frames),
        generator_doubt=f"the generator itself is in doubt ({vetoes})" if vetoes else "",
        integrity=integrity,
        comparison=comparison,
        realtime=realtime,
        drift=tuple(drift),
        recovery=recovery,
        database=database,
        assistant=tuple(assistant),
        measured=_samples(frames),
        limited=_ended(frames, Outcome.RATE_LIMITED),
        timed_out=_ended(frames, Outcome.TIMEOUT),
        sessions=beside[0],
        session=beside[1],
    )


def _doubt(frames: Frames) -> str:
    """Why what looks good in this record counts for nothing; empty for a run that ended as planned."""
    manifest = frames.manifest
    if manifest.status != "complete":
        reason = f": {manifest.abort_reason}" if manifest.abort_reason else ""
        return f"the run did not end as planned ({manifest.status}{reason})"
    return "" if frames.complete else "the run's record is not whole"


def _samples(frames: Frames) -> dict[tuple[str, str], int]:
    """Samples of the measure phase per (view, operation)."""
    counts = frames.measured_counts.groupby(["view", "operation"])["count"].sum().reset_index()
    names = ("view", "operation", "count")
    return {
        (str(view), str(operation)): int(number)
        for view, operation, number in zip(*(counts[name] for name in names), strict=True)
    }


def _ended(frames: Frames, outcome: Outcome) -> dict[str, int]:
    """Attempts of the whole run that ended so, per operation of the server view."""
    samples = frames.counts
    chosen = samples[(samples["view"] == View.SERVER) & (samples["outcome"] == outcome)]
    return {str(operation): int(number) for operation, number in chosen.groupby("operation")["count"].sum().items()}


def _started_per_s(frames: Frames) -> float:
    """Sessions that started in the measure phase, per second of it."""
    start, end = frames.window
    if end <= start or not any(window.phase is Phase.MEASURE for window in frames.manifest.windows):
        return 0.0
    started = frames.arrivals["started_us"].dropna() / 1e6
    return int(((started >= start) & (started < end)).sum()) / (end - start)
