"""What `harness trace diff` found, as one page that opens offline: both time lines side by side."""

from __future__ import annotations

from harness.trace import told
from harness.trace.comparison import TraceClass, TraceComparison
from reports.render.html import environment

MARKS = {"same": "=", "changed": "≠", "missing": "-", "extra": "+", "timer": "~"}


def trace_page(comparison: TraceComparison, name: str) -> str:
    """name: of the recording, for the title."""
    page = environment().get_template("trace.html")
    return page.render(comparison=comparison, name=name, told=told, classes=tuple(TraceClass), marks=MARKS)
