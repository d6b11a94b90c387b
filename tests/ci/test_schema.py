"""The published schema of verdict.json: true of what is written, strict enough to refuse what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reports.compare import compare
from reports.frames import load
from reports.render import verdict_json
from reports.render.verdict_schema import ADDRESS
from reports.verdict import judge, judge_frames
from tests.reports import build

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "schema" / "verdict-1.json"
RECORDS = sorted((ROOT / "tests" / "data" / "records").glob("*/verdict.json"))


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    found = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    assert found["$id"] == ADDRESS
    return Draft202012Validator(found)


def test_it_is_what_the_code_says() -> None:
    command = [sys.executable, "scripts/verdict_schema.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, "run: python scripts/verdict_schema.py"


@pytest.mark.parametrize("slow", [1.0, 3.5])
def test_verdicts_that_are_written_validate(schema: Draft202012Validator, slow: float) -> None:
    now = load(build.realistic(slow=slow))
    against = compare(now, [load(build.realistic(seed=s, run_id=f"base-{s}")) for s in (2, 3)])
    schema.validate(json.loads(verdict_json.render(judge_frames(now, against))))


def test_so_do_those_of_a_run_in_which_nothing_answered(schema: Draft202012Validator) -> None:
    """Percentiles that fall on failures are infinite, and null in JSON."""
    data = json.loads(verdict_json.render(judge(build.realistic(bad=0.5))))
    schema.validate(data)
    assert any(row["value"] is None for row in data["slos"])


def test_so_do_those_of_a_run_without_a_sample(schema: Draft202012Validator) -> None:
    schema.validate(json.loads(verdict_json.render(judge(build.Run(build.manifest(build.DEFAULT_SLOS)).fit()))))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.parent.name)
def test_so_do_those_that_earlier_versions_wrote(schema: Draft202012Validator, path: Path) -> None:
    """Within a version fields are only added, so an older file lacks some; it has none of another type."""
    data = json.loads(path.read_text(encoding="utf-8"))
    errors = [one for one in schema.iter_errors(data) if one.validator != "required"]
    assert errors == []


@pytest.mark.parametrize(
    "broken", [{"exit_code": "0"}, {"verdict": "maybe"}, {"slos": None}, {"version": 2}, {"reasons": "one"}]
)
def test_what_is_no_verdict_does_not(schema: Draft202012Validator, broken: dict[str, Any]) -> None:
    data = json.loads(verdict_json.render(judge(build.realistic()))) | broken
    assert not schema.is_valid(data)


def test_a_reader_lets_later_fields_pass(schema: Draft202012Validator) -> None:
    schema.validate(json.loads(verdict_json.render(judge(build.realistic()))) | {"a_later_field": 1})
