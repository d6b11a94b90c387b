"""The real command line, called in this process: what it says and how it leaves."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from unittest.mock import patch

from harness.cli import main

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def harness(*arguments: str | Path) -> tuple[int, str]:
    """Exit code, and all that was said. What no command may do is an AssertionError."""
    told = io.StringIO()
    with (
        patch.object(sys, "argv", ["harness", *map(str, arguments)]),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
    ):
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
    said = told.getvalue()
    assert code != 70, (arguments, said[-3000:])
    assert "Traceback" not in said, (arguments, said[-3000:])
    return code, said


def assert_printable(said: str, *about: object) -> None:
    """Nothing in it that a terminal obeys."""
    found = CONTROL.search(said)
    assert found is None, (about, said[max(0, found.start() - 200) : found.end() + 50])
