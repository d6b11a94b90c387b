"""Runs laid side by side: what differs in how they were run, and what became of it. (pure)

Meant for one build against another, and for runs of one profile that differ in one thing, such as the retry policy. The
rows are those of `reports.compare`, also of runs that are not alike; the page then says in what they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.tables import View
from harness.record.manifest import Manifest
from reports import text
from reports.circumstances import differing
from reports.compare import compare
from reports.compare_rows import Comparison
from reports.frames import Frames, latency_table, outcome_table
from reports.recovery.model import FaultReport, Recovery


@dataclass(frozen=True)
class PageRow:
    """One quantity, a cell a run."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class PageTable:
    title: str
    rows: tuple[PageRow, ...]
    hint: str = ""


@dataclass(frozen=True)
class SideBySidePage:
    """`names`: a short name a run, `ids`: its full one; `also`: how many after the first are of its build."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    tables: tuple[PageTable, ...]
    comparison: Comparison
    also: int = 0


@dataclass(frozen=True)
class Entrant:
    """One of the runs."""

    frames: Frames
    recovery: Recovery | None

    @property
    def manifest(self) -> Manifest:
        return self.frames.manifest


def lay(runs: Sequence[Entrant], *, also: int = 0) -> SideBySidePage:
    """Lay at least one run beside others, in the order given: `also` runs of its own build, then the earlier ones."""
    frames = [run.frames for run in runs]
    found = compare(frames[0], frames[1 + also :], also=frames[1 : 1 + also], force=True)
    differences = _differences([run.manifest for run in runs])
    tables = [
        PageTable("What differs", differences, "" if differences else "Nothing in profile, target, versions or seed.")
    ]
    tables += [_fault(name, runs) for name in _fault_names(runs)]
    if any(run.recovery is not None for run in runs):
        tables.insert(1, _before(runs))
    tables += [*(_p95(runs, view) for view in (View.E2E, View.SERVER, View.DELIVERY)), _outcomes(runs)]
    return SideBySidePage(
        names=_names([run.manifest for run in runs], differences),
        ids=tuple(run.manifest.run_id for run in runs),
        tables=tuple(table for table in tables if table.rows or table.hint),
        comparison=found,
        also=also,
    )


def _names(manifests: Sequence[Manifest], differences: Sequence[PageRow]) -> tuple[str, ...]:
    """What tells the runs apart most shortly: the value of the profile's only difference, or letters."""
    for row in differences:
        if row.name == "profile: retry_policy" and len(set(row.cells)) == len(row.cells):
            return row.cells
    return tuple(chr(ord("A") + place % 26) for place in range(len(manifests)))


def _differences(manifests: Sequence[Manifest]) -> tuple[PageRow, ...]:
    return tuple(PageRow(name, values) for name, values in differing(manifests))


def _fault_names(runs: Sequence[Entrant]) -> list[str]:
    return list(dict.fromkeys(fault.name for run in runs if run.recovery is not None for fault in run.recovery.faults))


def _before(runs: Sequence[Entrant]) -> PageTable:
    bases = [run.recovery.baseline if run.recovery is not None else None for run in runs]

    def row(name: str, shown: Any) -> PageRow:
        return PageRow(name, tuple(text.DASH if base is None else shown(base) for base in bases))

    return PageTable(
        "Before the first fault",
        (
            row("operations/s", lambda base: text.figure(base.operations_per_s)),
            row("goodput/s", lambda base: text.figure(base.goodput_per_s)),
            row("attempts per operation", lambda base: f"{base.attempts_per_operation:.2f}"),
            row("e2e p95", lambda base: text.ms(base.p95_ms)),
        ),
    )


def _fault(name: str, runs: Sequence[Entrant]) -> PageTable:
    """One fault in every run that had it."""
    found = [_named(name, run.recovery) for run in runs]
    first = next(fault for fault in found if fault is not None)
    kinds = list(dict.fromkeys(row.kind for fault in found if fault is not None for row in fault.writes))
    rows = [
        PageRow(title, tuple(text.DASH if fault is None else shown(fault) for fault in found))
        for title, shown in FIGURES
    ]
    rows += [
        PageRow(f"{kind}: {title}", tuple(_write(kind, fault, title) for fault in found))
        for kind in kinds
        for title in WRITE
    ]
    return PageTable(f"Fault: {name}", tuple(rows), f"{first.fault}. The words are explained in each run's own report.")


def _named(name: str, recovery: Recovery | None) -> FaultReport | None:
    return next((fault for fault in recovery.faults if fault.name == name), None) if recovery is not None else None


def _share_of_usual(fault: FaultReport) -> str:
    return f"{text.figure(fault.goodput_per_s)} ({text.percent(fault.goodput_share, 0)} of usual)"


def _amplified(fault: FaultReport) -> str:
    if fault.amplification is None:
        return text.DASH
    return f"{fault.amplification:.2f} ({text.ratio(fault.amplification_ratio)})"


def _p95_of(fault: FaultReport, view: View, place: int) -> str:
    for row in fault.latency:
        if (row.operation, row.view) == ("all", str(view)):
            return text.ms((row.before, row.during, row.after)[place]) if row.samples[place] else text.DASH
    return text.DASH


def _drained(fault: FaultReport) -> str:
    if fault.queue is None or fault.queue.usual is None:
        return text.DASH
    return "no" if fault.queue.drained_after_s is None else f"after {text.seconds(fault.queue.drained_after_s)}"


FIGURES: tuple[tuple[str, Any], ...] = (
    ("from, to", lambda fault: f"{text.seconds(fault.start_s)} {text.DASH} {text.seconds(fault.end_s)}"),
    ("afterwards", lambda fault: fault.recovered.text),
    ("goodput/s", _share_of_usual),
    ("answers/s", lambda fault: text.figure(fault.answers_per_s)),
    ("wasted attempts", lambda fault: text.percent(fault.wasted_share, 0)),
    ("attempts per operation", _amplified),
    ("its peak", lambda fault: text.DASH if fault.amplification_peak is None else f"{fault.amplification_peak:.2f}"),
    ("herd peak over usual", lambda fault: text.ratio(fault.herd_ratio)),
    ("queue drained", _drained),
    (
        "oldest event",
        lambda fault: text.seconds(fault.queue.oldest_s) if fault.queue and fault.queue.oldest_s else text.DASH,
    ),
    ("e2e p95 during", lambda fault: _p95_of(fault, View.E2E, 1)),
    ("e2e p95 after", lambda fault: _p95_of(fault, View.E2E, 2)),
    ("server p95 during", lambda fault: _p95_of(fault, View.SERVER, 1)),
    ("server p95 after", lambda fault: _p95_of(fault, View.SERVER, 2)),
)
WRITE = ("requests per acknowledged", "needless retries", "success of the 2nd attempt")


def _write(kind: str, fault: FaultReport | None, title: str) -> str:
    row = next((row for row in fault.writes if row.kind == kind), None) if fault is not None else None
    if row is None:
        return text.DASH
    if title == WRITE[0]:
        return text.DASH if row.per_stored is None else f"{row.per_stored:.2f}"
    if title == WRITE[1]:
        return f"{text.count(row.needless)} of {text.count(row.retries)}"
    second = next((one for one in row.tries if one.attempt == 2), None)
    return text.DASH if second is None else f"{text.percent(second.share, 0)} of {text.count(second.tried)}"


def _p95(runs: Sequence[Entrant], view: View) -> PageTable:
    """Whole measure phase, one view; the operations with the most samples first."""
    tables = [latency_table(run.frames) for run in runs]
    chosen = [table[table["view"] == view].set_index("operation") for table in tables]
    samples: dict[str, int] = {}
    for table in chosen:
        for operation, number in table["samples"].items():
            samples[str(operation)] = samples.get(str(operation), 0) + int(number)
    names = sorted(samples, key=lambda name: (-samples[name], name))
    rows = [
        PageRow(
            name, tuple(text.ms(float(table["p95"][name])) if name in table.index else text.DASH for table in chosen)
        )
        for name in names
    ]
    return PageTable(
        f"{view} p95 of the measure phase",
        tuple(rows),
        "Faults included; a failure is slower than every answer." if rows else "",
    )


def _outcomes(runs: Sequence[Entrant]) -> PageTable:
    totals = [outcome_table(run.frames, View.E2E).sum() for run in runs]
    names = list(dict.fromkeys(str(name) for total in totals for name in total.index))
    rows = [PageRow(name, tuple(text.count(int(total.get(name, 0))) for total in totals)) for name in names]
    return PageTable("Operations of the measure phase, by outcome", tuple(rows))
