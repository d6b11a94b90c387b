"""`report.html`: one self-contained page that opens offline.

The page forbids itself every request by its Content-Security-Policy, so an address in a profile's text cannot make the
reader's browser call anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.core.outcome import Outcome
from harness.core.tables import View
from harness.core.visible import visible
from reports import text
from reports.database.model import shortened
from reports.first_screen import first_screen
from reports.frames import Frames, intervals_of, outcome_table, slowest
from reports.past import Past
from reports.realtime import SHOWN_IDS
from reports.render import spark
from reports.render.contents import contents
from reports.render.picture import picture, trend
from reports.side_by_side import SideBySidePage
from reports.switches import told
from reports.verdict import Verdict

MARK = {"pass": "✓", "fail": "✗", "inconclusive": "?", "aborted": "■"}
LEVEL_MARK = {"valid": "✓", "suspect": "!", "invalid": "✗"}
CHECK_MARK = {"held": "✓", "broken": "✗", "noted": "i", "not checked": "?"}
PROMISE_MARK = {"not asked": "?"}
CHANGE_MARK = {"regressed": "✗", "slower": "!", "ok": "✓", "faster": "✓", "not enough samples": "?"}
VIEW_TITLE = {
    View.SERVER: "Attempts (server view)",
    View.E2E: "Operations (e2e view)",
    View.DELIVERY: "Deliveries (delivery view)",
}
FIRST = ("fail", "inconclusive")
WORDS: dict[str, Any] = {
    "text": text,
    "trend": trend,
    "marks": {**MARK, **LEVEL_MARK, **CHANGE_MARK, **CHECK_MARK, **PROMISE_MARK},
}
"""What every template knows."""
LONGEST = 180
"""Characters of a reason that is one of several; the whole stands under all reasons."""
COPY_CUT = 16  # characters of a digest that people compare by eye


@dataclass(frozen=True)
class OutcomeRow:
    operation: str
    counts: tuple[int, ...]
    total: int
    bad_share: float


@dataclass(frozen=True)
class OutcomeTable:
    title: str
    outcomes: tuple[Outcome, ...]
    rows: tuple[OutcomeRow, ...]


@dataclass(frozen=True)
class LatencyRow:
    operation: str
    samples: int
    failed: int
    p50: float
    p90: float
    p95: float
    p99: float
    largest: float
    p95_interval: str
    p99_interval: str


@dataclass(frozen=True)
class LatencyTable:
    title: str
    rows: tuple[LatencyRow, ...]


def render(verdict: Verdict, frames: Frames, past: Past | None = None) -> str:
    """The page of a run. `past`: earlier runs, where a history is at hand."""
    from reports.render import charts  # not before: Bokeh is the largest of what is imported, and judging needs memory

    charts_ = charts.draw(frames)
    screen = first_screen(verdict, frames, past)
    good = [row for row in verdict.slos if row.status == "pass"]
    bad = sorted((row for row in verdict.slos if row.status != "pass"), key=lambda row: FIRST.index(row.status))
    page = environment().get_template("report.html")
    return page.render(
        v=verdict,
        facts=verdict.facts,
        screen=screen,
        drawn=picture(frames, screen.operation, screen.view) if screen.operation else None,
        sections=contents(verdict, len(charts_.charts), past),
        past=past,
        bad_slos=bad,
        good_slos=good,
        windowed=[row for row in (*bad, *good) if row.windows],
        notes=told(verdict.facts.notes),
        charts=charts_.charts,
        library=Markup(charts_.library),
        script=Markup(charts_.script),
        divs=[Markup(chart.div) for chart in charts_.charts],
        outcomes=tuple(_outcomes(frames, view) for view in VIEW_TITLE),
        latencies=tuple(_latencies(frames, view) for view in VIEW_TITLE),
        cut=COPY_CUT,
        shown=SHOWN_IDS,
        shortened=shortened,
        spark=spark.points,
        spark_limit=spark.LIMIT_Y,
        **WORDS,
    )


def side_by_side(page: SideBySidePage) -> str:
    """Runs laid side by side, as a page of its own."""
    return environment().get_template("side_by_side.html").render(page=page, **WORDS)


def environment() -> Environment:
    """For every page of ours: text is escaped, and every character of it can be seen."""
    made = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["upper_first"] = lambda words: words[:1].upper() + words[1:]
    made.filters["short"] = lambda words: words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"
    return made


def _shown(value: object) -> object:
    """What a template prints: text with every character of it to be seen; our own markup as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _outcomes(frames: Frames, view: View) -> OutcomeTable:
    table = outcome_table(frames, view)
    outcomes = tuple(Outcome(name) for name in table.columns)
    rows = []
    for operation, counts in table.iterrows():
        total = int(counts.sum())
        bad = sum(int(counts[str(outcome)]) for outcome in outcomes if outcome.failed)
        rows.append(OutcomeRow(str(operation), tuple(int(number) for number in counts), total, bad / total))
    rows.sort(key=lambda row: (-row.bad_share, -row.total))
    return OutcomeTable(VIEW_TITLE[view], outcomes, tuple(rows))


def _latencies(frames: Frames, view: View) -> LatencyTable:
    rows = tuple(_latency_row(frames, view, row) for _, row in slowest(frames, view).iterrows())
    return LatencyTable(VIEW_TITLE[view], rows)


def _latency_row(frames: Frames, view: View, row: pd.Series) -> LatencyRow:
    operation = str(row["operation"])
    p95, p99 = intervals_of(frames, operation, view, (95.0, 99.0))
    return LatencyRow(
        operation=operation,
        samples=int(row["samples"]),
        failed=int(row["failed"]),
        p50=float(row["p50"]),
        p90=float(row["p90"]),
        p95=float(row["p95"]),
        p99=float(row["p99"]),
        largest=float(row["max"]),
        p95_interval=text.span(p95),
        p99_interval=text.span(p99),
    )
