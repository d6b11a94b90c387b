"""A page that code makes: written anew, or only looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def rewrite(page: Path, written: Callable[[str], str]) -> int:
    """Write what `written` makes of the page, or with --check only say whether it is as it should be: the exit code."""
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    after = written(before)
    if "--check" in sys.argv[1:]:
        return int(after != before)
    page.write_text(after, encoding="utf-8")
    return 0
