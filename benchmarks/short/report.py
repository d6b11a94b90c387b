"""A report of 100,000 samples over reading and grouping its record by pandas: `benchmarks/large_report.py` in short."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from large_report import Size, build

from reports.report import report
from short.judging import Turn
from short.turns import by_turns, cpu

SIZE = Size(samples=100_000, seconds=600, operations=30, workers=4, messages=1_000)
TURNS = 2


def looked() -> dict[str, list[Turn]]:
    """From the record to the four files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        build(folder, SIZE)

        def read() -> None:
            for path in folder.glob("*.parquet"):
                rows = pd.read_parquet(path)
                if "operation" in rows:
                    rows.groupby(["second", "operation", "view", "outcome"], observed=True)["count"].sum().sort_index()

        return {"report": by_turns(cpu(lambda: report(folder)), cpu(read, 5), TURNS)}
