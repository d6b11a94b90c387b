"""Plain lines for a terminal: columns and paragraphs of 80 columns. (pure)"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from harness.core.visible import visible

WIDTH = 80


def columns(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Two columns to the left, the others to the right; the second gives way when the line gets too long."""
    table = [head, *(tuple(map(visible, cells)) for cells in rows)]
    widths = [max(len(cells[index]) for cells in table) for index in range(len(head))]
    over = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    if over > 0:
        widths[1] = max(16, widths[1] - over)
    lines = []
    for cells in table:
        name = cells[1] if len(cells[1]) <= widths[1] else cells[1][: widths[1] - 1] + "…"
        rest = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
        lines.append("  ".join([cells[0].ljust(widths[0]), name.ljust(widths[1]), *rest]).rstrip())
    return lines


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Words in lines of at most 80 columns."""
    words = visible(" ".join(text.split()))
    return textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
