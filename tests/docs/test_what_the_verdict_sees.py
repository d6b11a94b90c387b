"""docs/what-the-verdict-sees.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "what-the-verdict-sees.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(test_[a-z0-9_]+)`\s+in\s+`(tests/[a-z0-9_/]+\.py)`", TEXT)


def test_every_test_that_it_names_exists() -> None:
    assert len(NAMED) > 30
    gone = [(test, path) for test, path in NAMED if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert gone == []
