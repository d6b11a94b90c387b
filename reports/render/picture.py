"""One latency over time as a small SVG: what the first screen shows beside its answers. (pure)

The height follows the data; the limit is a line where it is near enough to be seen, else it is named in the caption.
Colours come from the page's style sheet, so light, dark and print follow by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.phase_window import Window
from harness.core.slo import LatencySlo
from harness.core.tables import Phase, View
from reports.frames import Frames, latency_series
from reports.past import Series
from reports.text import ms

WIDTH, HEIGHT = 600.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 8.0, 20.0, 22.0
NEAR = 3.0
"""A limit up to so many times the largest figure is drawn."""
SLOTS, WANTED = 40, 20
"""At most so many slots, and about so many samples in each."""
Scale = Callable[[float], float]
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class Line:
    """points: of a polyline without a gap."""

    points: str


@dataclass(frozen=True)
class Shade:
    """A stretch of time; kind: `idle` (no objective reads it) or `fault`."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True)
class Tick:
    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Picture:
    """Coordinates of a drawing of `WIDTH` by `HEIGHT`. `limit_y`: None where the limit is not drawn."""

    title: str
    caption: str
    lines: tuple[Line, ...]
    failures: tuple[float, ...]  # x of slots whose p95 is a failure
    shades: tuple[Shade, ...]
    ticks: tuple[Tick, ...]
    top_text: str
    limit_y: float | None
    limit_text: str

    @property
    def text(self) -> str:
        """For who cannot see it."""
        return f"{self.title}: {self.caption}"


def picture(frames: Frames, operation: str, view: str, percentile: float = 95.0) -> Picture | None:
    """p95 of one operation over the run; None with no sample of it."""
    chosen = frames.of(operation, view)
    if chosen.empty:
        return None
    end = _end(frames)
    rate = float(chosen["count"].sum()) / end
    wanted = max(end / SLOTS, 1.0, min(WANTED / rate, end / 10))
    width = next((one for one in WIDTHS_S if one >= wanted), WIDTHS_S[-1])
    table = latency_series(frames, operation, View(view), width)
    middle = table["second"].to_numpy(dtype="float64") + width / 2
    p95 = table["p95"].to_numpy(dtype="float64")
    finite = p95[np.isfinite(p95)]
    largest = float(finite.max()) if len(finite) else 0.0
    limit = _limit(frames, operation, view)
    near = limit is not None and largest > 0 and limit <= NEAR * largest
    top = max(largest, limit if near and limit is not None else 0.0, 1e-6) * 1.06

    def x(second: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(second, end) / end, 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 1)

    said = "" if limit is None else f", the limit is {ms(limit)}" if near else f", far below its limit of {ms(limit)}"
    return Picture(
        title=f"{operation} ({view})",
        caption=f"p95 of every {'second' if width == 1 else f'{width:g} s'}, at most {ms(round(largest, 1))}{said}",
        lines=tuple(Line(points) for points in _runs(middle.tolist(), p95.tolist(), x, y)),
        failures=tuple(x(float(at)) for at in middle[np.isinf(p95)]),
        shades=tuple(_shades(frames, x)),
        ticks=(
            Tick(x(0), "0 s", "start"),
            Tick(x(end / 2), _clock(end / 2), "middle"),
            Tick(x(end), _clock(end), "end"),
        ),
        top_text=ms(round(largest, 1)),
        limit_y=y(limit) if near and limit is not None else None,
        limit_text=f"limit {ms(limit)}" if limit is not None else "",
    )


def trend(series: Series, limit: float | None, width: float = 100.0, height: float = 24.0) -> tuple[str, float | None]:
    """`points` of a polyline over the runs, and the limit's height where it is near; the last point is this run's."""
    largest = max(series.values)
    near = limit is not None and limit <= NEAR * largest
    top = max(largest, limit if near and limit is not None else 0.0) * 1.08
    steps = max(1, len(series.values) - 1)
    points = " ".join(
        f"{width * place / steps:.1f},{height - height * value / top:.1f}" for place, value in enumerate(series.values)
    )
    return points, round(height - height * limit / top, 1) if near and limit is not None else None


def _end(frames: Frames) -> float:
    ends = [window.end_s for window in frames.manifest.windows if window.phase is not Phase.DRAIN]
    return float(max([frames.samples["second"].max() + 1, *ends, 1.0]))


def _limit(frames: Frames, operation: str, view: str) -> float | None:
    limits = [
        slo.limit_ms
        for slo in frames.manifest.slos
        if isinstance(slo, LatencySlo) and (slo.operation, str(slo.view)) == (operation, view)
    ]
    return min(limits, default=None)


def _runs(at: Sequence[float], values: Sequence[float], x: Scale, y: Scale) -> list[str]:
    lines: list[list[str]] = [[]]
    for second, value in zip(at, values, strict=True):
        if not math.isfinite(value):
            lines.append([])
            continue
        lines[-1].append(f"{x(float(second))},{y(float(value))}")
    return [" ".join(line if len(line) > 1 else line * 2) for line in lines if line]


def _shades(frames: Frames, x: Scale) -> list[Shade]:
    windows: list[tuple[Window, str]] = [
        (window, "idle") for window in frames.manifest.windows if window.phase is not Phase.MEASURE
    ]
    shades = [Shade(x(one.start_s), round(x(one.end_s) - x(one.start_s), 1), kind) for one, kind in windows]
    faults = [one for one in frames.manifest.chaos if one.kind == "chaos"]
    return shades + [Shade(x(one.start_s), round(x(one.end_s) - x(one.start_s), 1), "fault") for one in faults]


def _clock(second: float) -> str:
    whole = round(second)
    return f"{whole} s" if whole < 600 else f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
