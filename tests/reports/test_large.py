"""What a report costs grows with its record slowly, and a day's record is judged and drawn like a minute's.

The records are those of `benchmarks/large_report.py`, small. Bars are ratios of CPU time within one test, so that they
mean the same on every machine; each report is made in a process of its own, as the benchmark does.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.core.tables import View
from harness.record.store import open_run
from reports.frames import latency_series, load, throughput
from reports.render.picture import picture
from reports.report import REPORT, VERDICT, report

FILE = Path(__file__).parents[2] / "benchmarks" / "large_report.py"
_spec = importlib.util.spec_from_file_location("large_report", FILE)
assert _spec is not None
assert _spec.loader is not None
large_report: Any = importlib.util.module_from_spec(_spec)
sys.modules["large_report"] = large_report
sys.path.insert(0, str(FILE.parent))  # as a script has it
_spec.loader.exec_module(large_report)
ROOT, Size, asked, build = large_report.ROOT, large_report.Size, large_report.asked, large_report.build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAY_S = 24 * 3600
LITTLE = Size(samples=20_000, seconds=240, operations=60, workers=2, messages=100)
LARGE = Size(samples=1_000_000, seconds=2_880, operations=60, workers=20, messages=5_000)
TIMES = 2.0
"""CPU time of the large one's report over the little one's; 1.3 as measured, 4.2 when names were text."""
BYTES_A_ROW = 120
"""By which the process may grow for each row more, all tables together; 60 as measured."""


def test_a_million_samples_take_little_more_than_a_report_of_none(tmp_path: Path) -> None:
    took, rows = {}, {}
    for name, size in (("little", LITTLE), ("large", LARGE)):
        folder = tmp_path / name
        build(folder, size)
        run = open_run(folder)
        rows[name] = sum(part.rows for part in (run.manifest.parts or {}).values())
        took[name] = min((asked(str(FILE), ROOT, folder) for _ in range(2)), key=lambda one: one["cpu"])
    assert rows["large"] > 2_000_000
    assert took["large"]["cpu"] <= TIMES * took["little"]["cpu"], took
    grown = (took["large"]["peak"] - took["little"]["peak"]) / (rows["large"] - rows["little"])
    assert grown <= BYTES_A_ROW, took


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("soak") / "run"
    build(folder, Size(samples=60_000, seconds=DAY_S, operations=4, workers=2, messages=200), lag_each_s=1)
    return folder


def test_a_record_of_a_day_is_judged_and_drawn_over_the_whole_day(soak: Path) -> None:
    verdict = report(soak)
    assert verdict.exit_code == 0, verdict.reasons
    assert verdict.facts.measured_s == pytest.approx(DAY_S - 1200)
    windowed = [row for row in verdict.slos if row.windows is not None]
    assert len(windowed) == len(verdict.slos), "every objective was looked at window by window"
    assert all(len(row.windows.trace) == 60 for row in windowed if row.windows is not None)
    assert any(row.windows.worst_start_s > DAY_S / 4 for row in windowed if row.windows is not None)
    read = json.loads((soak / VERDICT).read_text(encoding="utf-8"))
    assert read["facts"]["measured_s"] == verdict.facts.measured_s
    page = (soak / REPORT).read_text(encoding="utf-8")
    assert re.search(r'"end":86(39\d|400)', page), "the charts' axis reaches the end of the day"
    assert len(page) < 4_000_000


def test_the_charts_of_a_day_have_few_points_and_reach_its_end(soak: Path) -> None:
    frames = load(open_run(soak))
    assert frames.window == (600.0, DAY_S - 600.0)
    attempts = throughput(frames, View.SERVER, 300)
    assert len(attempts) == DAY_S / 300
    told = pd.concat([frames.samples, frames.aborted])
    assert round(attempts.to_numpy().sum() * 300) == told.loc[told["view"] == View.SERVER, "count"].sum()
    series = latency_series(frames, "operation_0", View.E2E, 300)
    assert series["second"].iloc[-1] == DAY_S - 300
    assert (series["samples"] > 0).mean() > 0.95
    drawn = picture(frames, "operation_0", View.E2E)
    assert drawn is not None
    assert drawn.ticks[1].text.startswith(("11:59:", "12:00:"))
    assert drawn.ticks[2].text.startswith(("23:59:", "24:00:")), "the last sample, or a little later"
    assert "of every 3600 s" in drawn.caption
    assert sum(len(line.points.split()) for line in drawn.lines) == 24
    assert len(frames.gauges) == DAY_S


def test_a_slow_hour_of_a_day_is_found_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    size = Size(samples=60_000, seconds=DAY_S, operations=4, workers=2, messages=0)
    build(folder, size, lag_each_s=1, slow=(15 * 3600, 16 * 3600))
    verdict = report(folder, html=False)
    row = next(row for row in verdict.slos if row.operations == ("operation_0",) and row.view is View.E2E)
    assert row.status == "fail", row.note
    assert row.windows is not None
    assert 15 * 3600 - 600 <= row.windows.worst_start_s <= 16 * 3600
