"""A little chart for a table's cell: points of an SVG polyline, the limit at a fixed height. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 100.0, 24.0
LIMIT_Y = 12.0
"""Where the limit lies: half way, so that what is over it is in the upper half; twice the limit and more at the top."""


def points(trace: Sequence[float | None]) -> tuple[str, ...]:
    """`points` attributes, one for each run of values without a gap; a value is a multiple of the limit."""
    lines: list[list[str]] = [[]]
    for number, value in enumerate(trace):
        if value is None:
            lines.append([])
            continue
        x = WIDTH * number / max(1, len(trace) - 1)
        y = HEIGHT - min(HEIGHT - 1.0, value * (HEIGHT - LIMIT_Y)) - 0.5
        lines[-1].append(f"{x:.1f},{max(0.5, y):.1f}")
    return tuple(" ".join(line if len(line) > 1 else line * 2) for line in lines if line)
