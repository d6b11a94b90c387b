"""How many cases a fuzz test tries: a slice in the fast suite, more under `-m slow`, all of them where FUZZ=full.

The whole counts take from minutes to an hour; they are for whoever changes what reads inputs:

    FUZZ=full pytest -m slow -s tests/fuzz

FUZZ_SEED=n draws other cases.
"""

from __future__ import annotations

import os


def cases(usual: int, full: int) -> int:
    """The number of cases of a slow test."""
    return full if os.environ.get("FUZZ") == "full" else usual


def seed() -> int:
    return int(os.environ.get("FUZZ_SEED", "1"))


LIMIT_S = 7200 if os.environ.get("FUZZ") == "full" else 300
"""The time limit of a slow test, for `pytest.mark.timeout`."""
