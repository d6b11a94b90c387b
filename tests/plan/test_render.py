"""The text people read, and the JSON machines do."""

from __future__ import annotations

import json
import re
import time

import pytest

from harness.plan import PlanInputs, Prices, make, render_table, to_json
from harness.plan.text import number


@pytest.mark.parametrize("dau", [1.0, 1_000.0, 500_000.0, 5e8])
@pytest.mark.parametrize("plan_name", ["free", "pro_no_cap", "team"])
def test_eighty_columns_whatever_the_size(dau: float, plan_name: str, prices: Prices) -> None:
    text = render_table(make(PlanInputs(dau=dau), prices.model_copy(update={"plan": plan_name})))
    assert [line for line in text.splitlines() if len(line) > 80 or line != line.rstrip()] == []


@pytest.mark.parametrize("dau", [1.0, 500_000.0, 5e8])
@pytest.mark.parametrize("plan_name", ["free", "pro_no_cap", "team"])
def test_no_figure_is_cut_and_no_row_of_figures_wraps(dau: float, plan_name: str, prices: Prices) -> None:
    plan = make(PlanInputs(dau=dau), prices.model_copy(update={"plan": plan_name}))
    text = render_table(plan)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    lines = text.splitlines()
    figures = plan.figures
    names = [one.name for one in figures.limits] + [one.name for one in figures.endpoints[:20]]
    names += [one.name for one in figures.cost.items]
    assert [name for name in names if not any(line.startswith(f"  {name} ") for line in lines)] == []


def test_colours_are_for_a_terminal_and_change_no_text(prices: Prices) -> None:
    plan = make(PlanInputs(), prices)
    plain, coloured = render_table(plan), render_table(plan, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_surroundings_do_not_change_what_a_pipe_gets(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make(PlanInputs(), prices)
    before = render_table(plan)
    for name, value in {"COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    assert render_table(plan) == before


def test_what_breaks_first_stands_first_then_the_two_drivers_then_the_cost(prices: Prices) -> None:
    lines = render_table(make(PlanInputs(), prices)).splitlines()
    assert "500,000 people a day, 1.5 sessions each, 8 minutes" in lines[0]
    assert prices.as_of.isoformat() in lines[1]
    assert lines[3].startswith("Breaks first: presence messages, at ")
    firsts = [line.strip().split("  ")[0] for line in lines if line.startswith("  ")]
    order = [
        firsts.index(name)
        for name in (
            "presence messages",
            "Writes a day",
            "Edge invocations a day",
            "Cost a month, as published",
            "if nothing broke, no offer",
            "Requests at peak",
            "Sockets at peak",
        )
    ]
    assert order == sorted(order)
    sections = [line.split("  ")[0] for line in lines if line[:1].isupper() and line.split("  ")[0].isupper()]
    assert sections == [
        "CAPACITY PLAN",
        "LIMITS",
        "INPUTS",
        "OTHER HOURS",
        "DAY",
        "REQUESTS",
        "ROWS WRITTEN",
        "DISK",
        "REALTIME MESSAGES",
        "COST",
        "YOURS TO TAKE",
        "COST BY SIZE",
        "TWELVE MONTHS",
        "LEVERS",
        "ASSUMED",
        "WHAT MOVES IT",
    ]


def test_a_small_day_is_within_every_limit(prices: Prices) -> None:
    text = render_table(make(PlanInputs(dau=100), prices))
    assert "Every limit holds." in text
    assert "OVER" not in text
    assert "Breaks first" not in text


def test_json_has_every_figure_and_what_follows_from_it(prices: Prices) -> None:
    plan = make(PlanInputs(), prices)
    text = to_json(plan)
    made = json.loads(text)
    assert text.endswith("}\n")
    assert made["inputs"]["mix"]["swiper"] == 0.45
    assert made["inputs"]["swipes_per_session"] == {"low": 25, "high": 60, "mean": 42.5}
    assert made["figures"]["peak"]["sockets"] == plan.figures.peak.sockets
    assert made["figures"]["cost"]["total"] == pytest.approx(plan.figures.cost.total)
    assert made["figures"]["endpoints"][0]["kind"] == "preflight"
    assert made["figures"]["limits"][0]["over"] is True
    assert len(made["figures"]["hours"]) == 24
    assert made["sensitivity"][0]["name"] == "dau"


def test_made_and_printed_in_a_moment(prices: Prices) -> None:
    """Some 70 plans are compared with each other: half a second on an idle machine, and this one is shared."""
    times = []
    for _ in range(3):
        start = time.process_time()
        render_table(make(PlanInputs(), prices))
        times.append(time.process_time() - start)
    assert min(times) < 2.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00000001, "~0"),
        (0.004, "0.004"),
        (0.42, "0.42"),
        (7.3, "7.3"),
        (9.999, "10"),
        (42.04, "42"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (999_600, "1 M"),
        (43_210_000, "43.2 M"),
        (1.3e9, "1.3 bn"),
        (3.78e12, "3.78 tn"),
        (-5, "-5"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
