"""A number and its noun: `1 run`, `2,000 runs`. (pure)"""

from __future__ import annotations


def counted(number: float, one: str, many: str = "") -> str:
    """`number` with thousands apart and the noun in its right form; `many` where that is not `one` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
