"""The charts of the page, made with Bokeh: linked time axes, hover, shaded phases, SLO limit lines.

Nothing is loaded from outside: the script of the library stands in the page once (`library`), the data in `script`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.property.validation import validate
from bokeh.document import Document
from bokeh.embed import components
from bokeh.models import ColumnDataSource, DataRange1d, HoverTool, NumeralTickFormatter, PrintfTickFormatter, Range1d
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.models.tickers import BasicTicker
from bokeh.plotting import figure
from bokeh.resources import Resources

from harness.core.outcome import OUTCOMES, Outcome
from harness.core.slo import LatencySlo
from harness.core.tables import Phase, View
from reports.frames import Frames, latency_series, latency_table, throughput

HEIGHT = 270
MAX_POINTS = 600  # a series: more than a wide screen can show
WANTED_PER_SLOT = 40  # samples in a slot, so that its p95 is not just its maximum
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
NEAR = 3.0
"""Times the largest figure: a limit farther away is said, not drawn."""
MAX_OTHER_CHARTS = 8  # operations without an objective that still get a chart
# Okabe and Ito's palette, which every colour vision keeps apart; no hue carries a meaning alone (legend, dash, marker).
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a400", "#777777"
)  # fmt: skip
OUTCOME_COLOUR: dict[Outcome, str] = {
    Outcome.OK: BLUE,
    Outcome.CONFLICT: SKY,
    Outcome.SOFT_FAILURE: PURPLE,
    Outcome.REJECTED: YELLOW,
    Outcome.RATE_LIMITED: ORANGE,
    Outcome.QUOTA: "#a6611a",
    Outcome.AUTH: "#7b3294",
    Outcome.CLIENT_ERROR: "#5e4fa2",
    Outcome.SERVER_ERROR: VERMILION,
    Outcome.TIMEOUT: "#a50026",
    Outcome.NETWORK: "#000000",
    Outcome.GAVE_UP: GREY,
    Outcome.ABORTED: "#c7c7c7",
}
SHADE = {Phase.WARMUP: GREY, Phase.MEASURE: None, Phase.DRAIN: GREY}


@dataclass(frozen=True)
class Chart:
    title: str
    caption: str
    div: str  # HTML of the placeholder


@dataclass(frozen=True)
class Charts:
    library: str  # script elements of Bokeh itself
    script: str  # script element with the data
    charts: tuple[Chart, ...]


def draw(frames: Frames) -> Charts:
    """Every chart of a run; none for a run without samples."""
    if frames.samples.empty:
        return Charts(library="", script="", charts=())
    with validate(False):  # of what we set ourselves, each property of each model
        return _draw(frames)


def _draw(frames: Frames) -> Charts:
    axis = Range1d(start=0, end=max(_last_second(frames), 1))
    drawn = [
        _throughput(frames, axis),
        _sessions(frames, axis),
        _starts(frames, axis),
        _sockets(frames, axis),
        _frames(frames, axis),
    ]
    drawn[2:2] = [_latency(frames, axis, operation, view) for operation, view in _chosen(frames)]
    drawn += [_lag(frames, axis), _cpu(frames, axis)]
    kept = [one for one in drawn if one is not None]
    document = Document()
    with document.models.freeze():  # looked through once, not again with each chart
        for _, _, plot in kept:
            document.add_root(plot)
    script, divs = components(tuple(plot for _, _, plot in kept))
    charts = tuple(Chart(title, caption, div) for (title, caption, _), div in zip(kept, divs, strict=True))
    return Charts(library=Resources(mode="inline", components=["bokeh"]).render_js(), script=script, charts=charts)


Drawn = tuple[str, str, Any]


def _last_second(frames: Frames) -> float:
    ends = [window.end_s for window in frames.manifest.windows if window.phase is not Phase.DRAIN]
    return float(max([frames.samples["second"].max() + 1, *ends]))


def _slot(frames: Frames, samples_per_second: float) -> int:
    """Width of a slot in seconds: enough samples in each for a percentile, and not more slots than a screen shows."""
    length = _last_second(frames)
    wanted = max(length / MAX_POINTS, min(WANTED_PER_SLOT / max(samples_per_second, 0.001), length / 20))
    return next((width for width in WIDTHS_S if width >= wanted), WIDTHS_S[-1])


def _plot(frames: Frames, axis: Range1d, unit: str, label: str) -> Any:
    plot = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_range=axis,
        y_range=DataRange1d(start=0, range_padding=0.08),
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        active_drag=None,
        active_scroll=None,
        toolbar_location="above",
        output_backend="canvas",
        min_border_left=54,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar_inner = True
    plot.name = label
    short = _last_second(frames) <= 600
    plot.xaxis.formatter = PrintfTickFormatter(format="%d s") if short else NumeralTickFormatter(format="00:00:00")
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5)  # labels must not touch on a phone
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
    plot.yaxis.axis_label = unit
    for one in (plot.xaxis, plot.yaxis):
        one.axis_label_text_font_style = "normal"
        one.axis_label_text_font_size = "12px"
        one.major_label_text_font_size = "12px"
        one.minor_tick_line_color = None
    plot.grid.grid_line_color = "#e6e6e6"
    plot.outline_line_color = None
    for window in frames.manifest.windows:
        if colour := SHADE.get(window.phase):
            shade: dict[str, Any] = {"fill_color": colour, "fill_alpha": 0.12, "level": "underlay"}
            plot.add_layout(BoxAnnotation(left=window.start_s, right=window.end_s, **shade))
    for fault in (window for window in frames.manifest.chaos if window.kind == "chaos"):
        edge: dict[str, Any] = {"fill_alpha": 0.16, "line_color": ORANGE, "line_dash": [4, 3], "level": "underlay"}
        plot.add_layout(BoxAnnotation(left=fault.start_s, right=fault.end_s, fill_color=ORANGE, **edge))
    return plot


def _finish(plot: Any, tips: Sequence[tuple[str, str]], renderers: Iterable[Any]) -> Any:
    tool = HoverTool(
        tooltips=[("at", "@second{00:00:00}"), *tips],
        formatters={"@second": "numeral"},
        mode="vline",
        renderers=list(renderers)[:1],
    )
    plot.add_tools(tool)
    if plot.legend:
        legend = plot.legend[0]
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.label_text_font_size = "12px"
        legend.padding, legend.margin, legend.spacing = 2, 2, 8
        legend.border_line_color = None
        legend.ncols = 4 if len(legend.items) <= 4 else 3
        plot.add_layout(legend, "below")
    return plot


def _throughput(frames: Frames, axis: Range1d) -> Drawn | None:
    width = _slot(frames, float("inf"))
    table = throughput(frames, View.SERVER, width)
    if table.empty:
        return None
    plot = _plot(frames, axis, "attempts/s", "throughput")
    names = [outcome for outcome in OUTCOMES if str(outcome) in table.columns]
    source = ColumnDataSource({"second": table.index.to_numpy(), **{str(name): table[str(name)] for name in names}})
    areas = plot.varea_stack(
        [str(name) for name in names],
        x="second",
        source=source,
        color=[OUTCOME_COLOUR[name] for name in names],
        alpha=0.75,
        legend_label=[str(name) for name in names],
    )
    lines = plot.vline_stack([str(name) for name in names], x="second", source=source, line_alpha=0)
    _finish(plot, [(str(name), f"@{name}{{0,0.0}}/s") for name in names], lines or areas)
    return "Throughput by outcome", f"attempts per second, server view, {_every(width)}", plot


def _sessions(frames: Frames, axis: Range1d) -> Drawn | None:
    found = _arrivals(frames)
    if found is None:
        return None
    width, source = found
    plot = _plot(frames, axis, "sessions", "sessions")
    lines = [plot.step("second", "open", source=source, mode="after", color=GREEN, line_width=2, legend_label="open")]
    _finish(plot, [("open", "@open")], lines)
    return "Sessions open", f"at once, {_every(width)}", plot


def _starts(frames: Frames, axis: Range1d) -> Drawn | None:
    found = _arrivals(frames)
    if found is None:
        return None
    width, source = found
    plot = _plot(frames, axis, "sessions/s", "starts")
    lines = [
        plot.line("second", "started", source=source, color=BLUE, line_width=2, legend_label="started"),
        plot.line("second", "planned", source=source, color=GREY, line_dash="dashed", legend_label="planned"),
    ]
    _finish(plot, [("planned", "@planned{0.0}/s"), ("started", "@started{0.0}/s")], lines)
    return "Sessions started", f"per second, beside those planned, {_every(width)}", plot


def _arrivals(frames: Frames) -> tuple[int, ColumnDataSource] | None:
    """Slots with sessions planned and started a second, and open at the slot's beginning."""
    arrivals = frames.arrivals
    if arrivals.empty:
        return None
    width = _slot(frames, len(arrivals) / max(1.0, _last_second(frames)))
    edges = np.arange(0, _last_second(frames) + width, width)
    started = arrivals[arrivals["started_us"].notna()]
    begins = np.sort(started["started_us"].to_numpy(dtype="float64")) / 1e6
    ends = np.sort(started["ended_us"].astype("float64").fillna(np.inf).to_numpy()) / 1e6
    columns = {
        "second": edges[:-1],
        "planned": np.histogram(arrivals["planned_us"] / 1e6, edges)[0] / width,
        "started": np.histogram(begins, edges)[0] / width,
        "open": np.searchsorted(begins, edges[:-1], "right") - np.searchsorted(ends, edges[:-1], "right"),
    }
    return width, ColumnDataSource(columns)


SOCKET_LINES = (("sockets", GREEN, "solid"), ("channels", BLUE, "dashed"), ("conversations", ORANGE, "dotted"))
FRAME_COLOUR = (BLUE, GREEN, ORANGE, PURPLE, SKY, YELLOW, VERMILION, GREY)


def _sockets(frames: Frames, axis: Range1d) -> Drawn | None:
    """Gauges of Realtime; the most within a slot."""
    table = frames.gauges
    present = [line for line in SOCKET_LINES if line[0] in table.columns]
    if not present:
        return None
    width = _slot(frames, float("inf"))
    slots = table.groupby(table.index // width * width).max()
    source = ColumnDataSource({"second": slots.index.to_numpy(), **{n: slots[n].to_numpy() for n, _, _ in present}})
    plot = _plot(frames, axis, "open", "sockets")
    lines = [
        plot.step("second", n, source=source, mode="after", color=c, line_dash=dash, line_width=2, legend_label=n)
        for n, c, dash in present
    ]
    _finish(plot, [(name, f"@{name}") for name, _, _ in present], lines)
    return "Realtime: sockets and channels", f"open at once, {_every(width)}", plot


def _frames(frames: Frames, axis: Range1d) -> Drawn | None:
    """Frames received by kind."""
    table = frames.gauges
    names = [str(name) for name in table.columns if str(name).startswith("frames ")]
    if not names:
        return None
    width = _slot(frames, float("inf"))
    slots = table[names].groupby(table.index // width * width).sum() / width
    kinds = {name: name.removeprefix("frames ") for name in names}
    source = ColumnDataSource({"second": slots.index.to_numpy(), **{kinds[n]: slots[n].to_numpy() for n in names}})
    plot = _plot(frames, axis, "frames/s", "frames")
    lines = [
        plot.line("second", kinds[n], source=source, color=colour, line_width=2, legend_label=kinds[n])
        for n, colour in zip(names, FRAME_COLOUR, strict=False)
    ]
    _finish(plot, [(kinds[n], f"@{{{kinds[n]}}}{{0,0.0}}/s") for n in names], lines)
    return "Realtime: frames received", f"per second by kind, {_every(width)}", plot


def _chosen(frames: Frames) -> list[tuple[str, View]]:
    """What to draw: every operation with a latency objective, then the slowest of the rest."""
    judged = [(slo.operation, slo.view) for slo in frames.manifest.slos if isinstance(slo, LatencySlo)]
    table = latency_table(frames).sort_values(["p95", "p50"], ascending=False)
    present = [(str(name), View(view)) for name, view in zip(table["operation"], table["view"], strict=True)]
    others = [pair for pair in present if pair not in judged]
    return [pair for pair in dict.fromkeys(judged) if pair in present] + others[:MAX_OTHER_CHARTS]


def _latency(frames: Frames, axis: Range1d, operation: str, view: View) -> Drawn:
    number = frames.of(operation, view)["count"].sum()
    width = _slot(frames, float(number) / _last_second(frames))
    table = latency_series(frames, operation, view, width)
    plot = _plot(frames, axis, "ms", f"{operation} {view}")
    finite = table.replace(np.inf, np.nan)
    source = ColumnDataSource({"second": table["second"].to_numpy(), **{n: finite[n] for n in ("p50", "p95", "p99")}})
    source.add([int(number) for number in table["samples"]], "samples")
    source.add([_or_failed(value) for value in table["p95"]], "p95_text")
    lines = [
        plot.line("second", "p95", source=source, color=BLUE, line_width=2, legend_label="p95"),
        plot.line("second", "p50", source=source, color=GREEN, line_dash="dotted", line_width=2, legend_label="p50"),
        plot.line("second", "p99", source=source, color=GREY, line_dash="dashed", legend_label="p99"),
    ]
    plot.scatter("second", "p95", source=source, size=4, color=BLUE, legend_label="p95")
    failing = table[np.isinf(table["p95"])]
    if len(failing):
        marks = ColumnDataSource({"second": failing["second"].to_numpy(), "zero": [0.0] * len(failing)})
        look: dict[str, Any] = {"marker": "x", "size": 10, "line_width": 2, "color": VERMILION}
        plot.scatter("second", "zero", source=marks, legend_label="p95 is a failure", **look)
    far = _limits(plot, frames, operation, view, float(finite[["p95", "p99"]].max().max()))
    tips = [("p50", "@p50{0,0.0} ms"), ("p95", "@p95_text"), ("p99", "@p99{0,0.0} ms"), ("samples", "@samples")]
    return f"{operation} · {view}", f"latency, {_every(width)}{far}", _finish(plot, tips, lines)


def _limits(plot: Any, frames: Frames, operation: str, view: View, largest: float) -> str:
    """Draw the limits that are near what was measured; those that are far are returned, to be said instead: the axis
    would have to reach them, and leave the figures on the floor."""
    far = ""
    for slo in frames.manifest.slos:
        if isinstance(slo, LatencySlo) and (slo.operation, slo.view) == (operation, view):
            if not slo.limit_ms <= NEAR * largest:
                far += f", far below the limit of p{slo.percentile:g}, {slo.limit_ms:,.0f} ms"
                continue
            limit = Span(location=slo.limit_ms, dimension="width", line_color=VERMILION, line_width=2, line_dash=[8, 3])
            plot.add_layout(limit)
            # A glyph in the legend, and a reason for the axis to reach the limit: annotations count for neither.
            label = f"p{slo.percentile:g} limit {slo.limit_ms:,.0f} ms"
            plot.line([0, 1], [slo.limit_ms] * 2, color=VERMILION, line_width=2, line_dash=[8, 3], legend_label=label)
    return far


def _lag(frames: Frames, axis: Range1d) -> Drawn | None:
    health = frames.health
    if health.empty:
        return None
    return _per_worker(
        frames, axis, health.assign(value=health["lag_p99_us"] / 1000.0), "ms", "Generator: loop lag p99"
    )


def _cpu(frames: Frames, axis: Range1d) -> Drawn | None:
    health = frames.health
    if health.empty:
        return None
    return _per_worker(frames, axis, health.assign(value=health["cpu_share"] * 100.0), "% of a core", "Generator: CPU")


def _per_worker(frames: Frames, axis: Range1d, health: pd.DataFrame, unit: str, title: str) -> Drawn:
    """Median and worst worker per slot: at most two lines, however many workers there are."""
    width = _slot(frames, float("inf"))
    slots = health.assign(second=health["second"] // width * width).groupby("second")["value"]
    reported = pd.DataFrame({"median": slots.median(), "worst": slots.max()})
    every = range(int(reported.index.min()), int(reported.index.max()) + width, width)
    table = reported.reindex(pd.Index(every, name="second")).reset_index()  # a gap where nobody reported
    plot = _plot(frames, axis, unit, title)
    source = ColumnDataSource({column: table[column].to_numpy() for column in table.columns})
    lines = [
        plot.line("second", "worst", source=source, color=VERMILION, line_dash="dashed", legend_label="worst worker"),
        plot.line("second", "median", source=source, color=BLUE, line_width=2, legend_label="median worker"),
    ]
    tips = [("median", "@median{0,0.0} " + unit), ("worst", "@worst{0,0.0} " + unit)]
    return title, f"per worker process, {_every(width)}", _finish(plot, tips, lines)


def _every(width_s: int) -> str:
    return "every second" if width_s == 1 else f"every {width_s} s"


def _or_failed(value: float) -> str:
    if np.isnan(value):
        return "no samples"
    return "a failure" if np.isinf(value) else f"{value:,.1f} ms"
