"""Model and measurement side by side. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from harness.plan.beside import APART, Beside, BesideRow, LeverFigure
from harness.plan.layout import heading, paragraph, table
from harness.plan.text import number


def beside(found: Beside) -> list[RenderableType]:
    """The shipped behaviour."""
    month = [
        (row.name, number(row.planned), number(row.measured), _ratio(row.ratio), _mark(row.ratio), row.unit)
        for row in found.month
    ]
    parted = list(dict.fromkeys(found.parted))
    told = (
        f"They part by more than {APART:.0%} at: {', '.join(parted)}."
        if parted
        else f"They agree within {APART:.0%} everywhere."
    )
    head = ("", "by model", "measured", "", "")
    return [
        heading("MODEL BESIDE MEASURED", "one session as shipped"),
        paragraph(found.source),
        table(head, [*map(_row, found.session), *map(_row, found.endpoints)]),
        "",
        paragraph("This plan's month, by model and with the measured factors:"),
        table(head, month),
        paragraph(told, style="bold" if parted else ""),
    ]


def _row(row: BesideRow) -> tuple[str, ...]:
    interval = f"{number(row.low)} - {number(row.high)}" if row.low is not None and row.high is not None else ""
    return row.name, number(row.modelled), number(row.measured), _ratio(row.ratio), _mark(row.ratio), interval


def _ratio(ratio: float | None) -> str:
    return "new" if ratio is None else f"{ratio:.2f} x"


def _mark(ratio: float | None) -> str:
    return "APART" if ratio is None or abs(ratio - 1) > APART else ""


def levers(title: str, rows: Sequence[LeverFigure]) -> list[RenderableType]:
    """The plan's month with these levers, by model and by measured factors."""
    cells = []
    for row in rows:
        apart = row.modelled is not None and abs(row.measured - row.modelled) > APART * abs(row.modelled)
        model = "no model" if row.modelled is None else number(row.modelled)
        cells.append((row.name, number(row.shipped), model, number(row.measured), "APART" if apart else "", row.unit))
    return [
        heading("LEVERS, BY MODEL AND MEASURED", "this plan's month"),
        paragraph(title),
        table(("", "shipped", "by model", "measured", ""), cells),
    ]
