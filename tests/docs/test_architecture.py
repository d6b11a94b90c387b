"""docs/architecture.md names files that exist, and the ways it tells are as short as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.core import tables

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("harness", "scenarios", "chaos", "reports", "sandbox", "benchmarks", "tests", "docs", "deploy")
NAMED = re.compile(rf"`((?:{'|'.join(PACKAGES)})/[^`\s<>*]*)`")
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named(text: str) -> list[str]:
    """Files and folders that a document names with their path, in backticks."""
    return NAMED.findall(text)


def section(title: str) -> str:
    """What stands under the heading that begins so, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}.*?$(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def rows(table: str) -> list[str]:
    """The rows of a Markdown table, without its head."""
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def missing(text: str) -> list[str]:
    return [path for path in named(text) if not (ROOT / path).exists()]


def test_every_file_that_it_names_exists() -> None:
    assert len(named(TEXT)) > 100
    assert missing(TEXT) == []


def test_a_planted_file_is_missed() -> None:
    assert missing("see `harness/core/ids.py` and `harness/core/no_such_file.py`") == ["harness/core/no_such_file.py"]


@pytest.mark.parametrize("document", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_no_document_names_a_file_that_is_gone(document: Path) -> None:
    assert missing(document.read_text(encoding="utf-8")) == []


def test_every_package_is_explained() -> None:
    packages = {path.parent for name in ("harness", "harness/client") for path in (ROOT / name).glob("*/__init__.py")}
    assert {path.relative_to(ROOT).as_posix() for path in packages} <= set(named(TEXT))


def test_a_swipe_batch_passes_at_most_forty_files() -> None:
    passed = set(named(section("The way of a swipe batch")))
    assert 25 < len(passed) <= 40


def test_every_table_of_ways_has_one_file_a_row() -> None:
    for title in ("The way of a swipe batch", "The way of a fault", "The way of a message"):
        for row in rows(section(title)):
            assert len(named(row)) == 1, row


def test_a_stranger_has_twenty_questions_answered() -> None:
    questions = rows(section("Where is it decided"))
    assert len(questions) >= 20
    assert all(named(row) for row in questions)


def test_a_run_directory_is_told_in_full() -> None:
    """Every table of the record, and everything else that a run writes."""
    told = section("A run directory")
    for table in tables.SCHEMAS:
        assert f"{table}.parquet" in told
    for name in (
        "manifest.json",
        "order.json",
        "run.log",
        "locust.log",
        "chaos.jsonl",
        "stored/",
        "workers/",
        "verdict.json",
    ):
        assert name in told
