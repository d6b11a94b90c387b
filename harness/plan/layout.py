"""Tables, headings and paragraphs of 80 columns, drawn by rich; colours only where they are asked for. (pure)"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 80
INDENT = 2
OVER = "OVER"
"""A cell that must not be overlooked."""
Section = Sequence[RenderableType]


def heading(title: str, remark: str = "") -> Text:
    """A section's name, and what holds for all of it."""
    return Text.assemble((title, "bold"), (f"  {remark}" if remark else "", "dim"))


def paragraph(text: str, *, indent: int = INDENT, style: str = "") -> RenderableType:
    """Text that wraps at spaces."""
    return Padding(Text(text, style=style), (0, 0, 0, indent))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    """Columns under a head: the first to the left, figures to the right. A cell beyond the head is a remark; only
    remarks wrap, and only inside their own column.
    """
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=any(head), header_style="dim")
    for place, name in enumerate(head):
        made.add_column(name, justify="right" if place else "left", no_wrap=True)
    made.add_column("", justify="left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell, style="bold red" if cell == OVER else "") for cell in row))
    return Padding(made, (0, 0, 0, INDENT))


def drawn(sections: Iterable[Section], *, colour: bool) -> str:
    """The sections with an empty line between them, and one line end at the end.

    Without `colour` plain text without a single control character: for files and pipes.
    """
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    parts = []
    for section in sections:
        with console.capture() as captured:
            for renderable in section:
                console.print(renderable)
        parts.append("\n".join(line.rstrip() for line in captured.get().splitlines()))
    return "\n\n".join(parts) + "\n"
