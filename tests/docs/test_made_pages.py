"""Pages that are made from code are as the code would make them, and what they are made from is complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.column_words import COLUMNS, TABLES, words
from harness.core.operation_names import NAMES_OF_VIEW, REALTIME_NAMES
from harness.core.operation_words import DELIVERIES, OPERATIONS, REALTIME
from harness.core.tables import SCHEMAS, View
from harness.evidence import tables as evidence
from harness.observe.tables import SCHEMAS as OBSERVED

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", ["columns_page.py", "operations_page.py", "which_profile_page.py"])
def test_the_page_is_as_the_code_makes_it(script: str) -> None:
    command = [sys.executable, f"scripts/{script}", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=100).returncode == 0, f"run: make docs ({script})"


def test_every_column_is_explained_and_nothing_else() -> None:
    schemas = SCHEMAS | OBSERVED
    assert set(TABLES) == set(schemas)
    for table, schema in schemas.items():
        assert all(words(table, column) for column in schema.names)
    unknown = [
        f"{table}.{column}"
        for table, columns in COLUMNS.items()
        for column in columns
        if column not in schemas[table].names
    ]
    assert unknown == []


def test_every_operation_is_explained_and_nothing_else() -> None:
    assert set(OPERATIONS) == NAMES_OF_VIEW[View.E2E]
    assert set(DELIVERIES) == NAMES_OF_VIEW[View.DELIVERY]
    assert {name for name in REALTIME_NAMES if not any(name.startswith(f"{one}_") for one in REALTIME)} == set(REALTIME)


def test_the_list_has_every_name_that_an_slo_may_judge() -> None:
    page = (ROOT / "docs" / "slo.md").read_text(encoding="utf-8")
    plain = {name for view, names in NAMES_OF_VIEW.items() for name in names if view is not View.SERVER}
    plain |= NAMES_OF_VIEW[View.SERVER] - REALTIME_NAMES | set(REALTIME)
    assert [name for name in sorted(plain) if f"\n| `{name}` |" not in page] == []


def test_every_table_that_is_read_from_the_target_has_its_row() -> None:
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    files = {table.file for table in vars(evidence).values() if isinstance(table, evidence.StoredTable)}
    assert len(files) > 25
    assert [name for name in sorted(files) if f"\n| `{name}` |" not in page] == []
