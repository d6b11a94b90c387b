"""The page of a capacity search: throughput against latency, good work and errors, and every step in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.embed import components
from bokeh.models import ColumnDataSource, DataRange1d, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure
from bokeh.resources import Resources
from markupsafe import Markup

from harness.capacity.step import Step
from reports import text
from reports.capacity.answer import CapacityAnswer, SideAnswer
from reports.render.charts import BLUE, GREEN, GREY, HEIGHT, ORANGE, PURPLE, SKY, VERMILION, Chart
from reports.render.html import MARK, environment

WORD_LOOK = {"pass": ("circle", GREEN), "fail": ("x", VERMILION), "inconclusive": ("square", GREY)}
LINES = (BLUE, ORANGE, PURPLE, SKY)


def render(answer: CapacityAnswer) -> str:
    """As one page that opens offline."""
    drawn = [(side, title, caption, plot) for side in answer.sides for title, caption, plot in _charts(side)]
    script, divs = components(tuple(plot for *_, plot in drawn)) if drawn else ("", ())
    charts: dict[str, list[Chart]] = {}
    for (side, title, caption, _), div in zip(drawn, divs, strict=True):
        charts.setdefault(side.side, []).append(Chart(title, caption, div))
    return (
        environment()
        .get_template("capacity.html")
        .render(
            answer=answer,
            charts=charts,
            library=Markup(Resources(mode="inline", components=["bokeh"]).render_js()) if drawn else "",
            script=Markup(script),
            markup=Markup,
            marks=MARK,
            text=text,
        )
    )


Drawn = tuple[str, str, Any]


def _charts(side: SideAnswer) -> list[Drawn]:
    steps = sorted((step for step in side.steps if step.requests is not None), key=lambda step: step.rate)
    if not steps:
        return []
    return [_latency(side, steps), _work(side, steps), _errors(side, steps)]


def _plot(side: SideAnswer, unit: str, label: str) -> Any:
    plot = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_range=DataRange1d(start=0, range_padding=0.05),
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
    plot.name = label
    plot.xaxis.axis_label = "requests/s that were sent"
    plot.yaxis.axis_label = unit
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
    for one in (plot.xaxis, plot.yaxis):
        one.axis_label_text_font_style = "normal"
        one.minor_tick_line_color = None
    plot.grid.grid_line_color = "#e6e6e6"
    plot.outline_line_color = None
    if side.requests_low is not None and side.requests_high is not None:
        look: dict[str, Any] = {"fill_color": ORANGE, "fill_alpha": 0.2, "level": "underlay"}
        plot.add_layout(BoxAnnotation(left=side.requests_low, right=side.requests_high, **look))
    return plot


def _finish(plot: Any) -> Any:
    if plot.legend:
        legend = plot.legend[0]
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.border_line_color = None
        legend.ncols = 3
        plot.add_layout(legend, "below")
    return plot


def _points(plot: Any, steps: Sequence[Step], values: Sequence[float | None], tip: str) -> None:
    """A mark for each step, by its word; hover says which."""
    for word, (marker, colour) in WORD_LOOK.items():
        chosen = [(step, value) for step, value in zip(steps, values, strict=True) if step.word == word]
        chosen = [(step, value) for step, value in chosen if value is not None]
        if not chosen:
            continue
        source = ColumnDataSource(
            {
                "x": [step.requests for step, _ in chosen],
                "y": [value for _, value in chosen],
                "rate": [step.rate for step, _ in chosen],
                "reason": [step.reason or step.word for step, _ in chosen],
            }
        )
        marks = plot.scatter(
            "x", "y", source=source, marker=marker, size=10, color=colour, line_width=2, legend_label=word
        )
        tips = [("sessions/s", "@rate{0.00}"), (tip, "@y{0,0.[00]}"), ("", "@reason")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[marks]))


def _latency(side: SideAnswer, steps: list[Step]) -> Drawn:
    """Each latency objective as a share of its limit, so that all fit one axis."""
    plot = _plot(side, "value / limit", f"latency {side.side}")
    names = list(dict.fromkeys(one.name for step in steps for one in step.figures if one.limit > 1))
    for name, colour in zip(names, LINES * 4, strict=False):
        found = [(step.requests, _share(step, name)) for step in steps]
        line = [(x, y) for x, y in found if y is not None]
        if line:
            plot.line([x for x, _ in line], [y for _, y in line], color=colour, line_width=2, legend_label=name)
    worst = [
        max((share for name in names if (share := _share(step, name)) is not None), default=None) for step in steps
    ]
    _points(plot, steps, worst, "value / limit")
    plot.add_layout(Span(location=1.0, dimension="width", line_color=VERMILION, line_dash=[8, 3], line_width=2))
    return "Latency against throughput", "objectives as a share of their limits; 1 is the limit", _finish(plot)


def _share(step: Step, name: str) -> float | None:
    return next((one.value / one.limit for one in step.figures if one.name == name and one.value is not None), None)


def _work(side: SideAnswer, steps: list[Step]) -> Drawn:
    plot = _plot(side, "operations/s", f"work {side.side}")
    for values, colour, label in (
        ([step.operations for step in steps], GREY, "all that ended"),
        ([step.good for step in steps], BLUE, "good, within their bounds"),
    ):
        line = [(step.requests, value) for step, value in zip(steps, values, strict=True) if value is not None]
        plot.line([x for x, _ in line], [y for _, y in line], color=colour, line_width=2, legend_label=label)
    _points(plot, steps, [step.good for step in steps], "good/s")
    return "Good work against throughput", "where it falls behind what is sent, work is done for nobody", _finish(plot)


def _errors(side: SideAnswer, steps: list[Step]) -> Drawn:
    plot = _plot(side, "% of operations", f"errors {side.side}")
    shares = [None if step.error_share is None else step.error_share * 100 for step in steps]
    _points(plot, steps, shares, "%")
    return "Errors against throughput", "operations that did not end well", _finish(plot)
