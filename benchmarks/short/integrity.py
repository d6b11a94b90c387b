"""The check of 100,000 writes over pandas' reading and sorting of the same files: `integrity.py` in short."""

from __future__ import annotations

import tempfile
from pathlib import Path

import integrity as long_form
import pandas as pd

from harness.core.phase_window import Window
from harness.core.tables import Phase
from harness.record.store import RunFiles
from harness.record.versions import RECORD_VERSION
from reports.integrity.check import checks
from short.judging import Turn
from short.turns import by_turns, cpu
from tests.reports import build as made

WRITES = 100_000
TURNS = 9


def looked() -> dict[str, list[Turn]]:
    """From files to findings, which have to be those that were planted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        long_form.build(folder, WRITES)
        window = Window(phase=Phase.MEASURE, start_s=0.0, end_s=86_400.0)
        run = RunFiles(folder, made.manifest(windows=(window,), record_version=RECORD_VERSION))

        def check() -> None:
            found = checks(run, long_form.RUN_TAG, long_form.ZERO_EPOCH_S, long_form.READ_AT, torn=frozenset())
            counts = {one.id: one.count for one in found if one.count}
            if counts != long_form.PLANTED:
                raise RuntimeError(f"planted were {long_form.PLANTED}, and found {counts}")

        def sort() -> None:
            for path in (*folder.glob("*.parquet"), *(folder / "stored").glob("*.parquet")):
                rows = pd.read_parquet(path)
                rows.sort_values([one for one in ("person", "sequence", "created_at") if one in rows])

        return {"integrity": by_turns(cpu(check), cpu(sort, 2), TURNS)}
