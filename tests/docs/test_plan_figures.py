"""What docs/plan.md and docs/sizing.md say of the default day is what `harness plan` says of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.plan import plan

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    "presence messages break at": "presence messages",
    "the changes poller falls behind at": "changes poller, busy",
    "TMDb's 40 calls a second are reached at": "TMDb calls",
    "sockets at once (10,000) at": "sockets at once",
    "rows written a day": "Writes a day",
    "edge invocations a day": "Edge invocations a day",
    "requests a second at the peak": "Requests at peak",
    "a month at published prices, without what breaks": "Cost a month, as published",
    "a month with logs, language models, mail, TMDb licence": "with models, logs, licence",
    "a month if nothing broke: arithmetic, no offer": "if nothing broke, no offer",
}
"""A row's name on the page, and in the command's output."""
FIGURE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


@cache
def said() -> str:
    done = CliRunner().invoke(plan, ["--dau", "500000"])
    assert done.exit_code == 0
    return done.output


def figures(text: str) -> list[float]:
    """To three digits, as the page gives them."""
    return [float(f"{float(found.replace(',', '')):.3g}") for found in FIGURE.findall(text)]


def test_every_row_of_the_page_is_asked() -> None:
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    table = page.partition("## What the default day says")[2].partition("\n## ")[0]
    named = re.findall(r"^\| ([^|]+?) \| [^|]*\d", table, re.MULTILINE)
    assert named == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_figure_of_the_default_day(name: str) -> None:
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {re.escape(name)} \|([^|]*)\|([^|]*)\|$", page, re.MULTILINE)
    line = re.search(rf"^ *{re.escape(ROWS[name])} +(.*?)(?: /s|  OVER|$)(.*)$", said(), re.MULTILINE)
    assert row
    assert line
    told = figures(row[1].partition(", of")[0]) + figures(row[2])
    assert told
    assert told == figures(" ".join(line.groups()))[: len(told)]


def test_the_example_of_sizing_begins_with_the_plans_figures() -> None:
    requests = re.search(r"^ *Requests at peak +([\d,]+) /s", said(), re.MULTILINE)
    sockets = re.search(r"^ *Sockets at peak +([\d,]+)", said(), re.MULTILINE)
    assert requests
    assert sockets
    page = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    assert f"| requests: {requests[1]} / 1,500 |" in page
    assert f"| ports: {sockets[1]} sockets" in page
