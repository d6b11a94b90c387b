"""docs/integrity.md lists each rule of reading, with the severities that it has in code."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from harness.client.checks.rules import RULES
from harness.core.read_log import ReadSeverity
from reports.integrity.reads_texts import RULES as TEXTS

TEXT = (Path(__file__).parents[2] / "docs" / "integrity.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z-]+)` \(([^)]*)\) \|.*?\| ([a-z, ]+) \|", re.M)
ROWS = {rule: (ids, severities) for rule, ids, severities in ROW.findall(TEXT)}


def test_every_rule_has_its_row() -> None:
    assert sorted(ROWS) == sorted(rule.id for rule in RULES)


def test_the_row_names_the_rules_invariant_and_severities() -> None:
    for rule in RULES:
        ids, severities = ROWS[rule.id]
        assert TEXTS[rule.id].id.split()[0] in ids
        source = inspect.getsource(sys.modules[rule.check.__module__])
        used = {one.value for one in ReadSeverity if f"ReadSeverity.{one.name}" in source}
        assert set(severities.split(", ")) == used, rule.id
