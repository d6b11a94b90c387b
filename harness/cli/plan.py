"""`harness plan`: from people a day to load, limits and cost."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from harness.cli.arguments import Finite, OutFile
from harness.cli.output_file import write_whole
from harness.core.errors import UsageError
from harness.core.visible import visible


@click.command()
@click.option("--dau", type=float, help="People a day; 500,000 by default.")
@click.option("--sessions-per-day", type=float, help="Per person; 1.5 by default.")
@click.option("--minutes", "session_minutes", type=float, help="Mean length of a session; 8 by default.")
@click.option("--mix", "mix_file", type=click.Path(path_type=Path), help="TOML with [mix] and any other input.")
@click.option("--prices", "price_file", type=click.Path(path_type=Path), help="Price file instead of the shipped one.")
@click.option("--lever", "levers", multiple=True, metavar="NAME=VALUE", help="Set a lever of the app; repeatable.")
@click.option(
    "--measured",
    "measured",
    type=click.Path(path_type=Path),
    help="A run's folder, or what `harness levers` wrote: shown beside the model.",
)
@click.option("--json", "as_json", is_flag=True, help="Every figure as JSON.")
@click.option("--write", "out", type=OutFile(), help="Write the busiest hour as a profile; a file of yours stays.")
@click.option("--force", is_flag=True, help="With --write: overwrite the file.")
@click.option(
    "--hold",
    type=Finite(above=0, most=10_000),
    default=15.0,
    show_default=True,
    help="Minutes at the peak, with --write.",
)
@click.option(
    "--scale", type=Finite(above=0, most=1_000), default=1.0, show_default=True, help="Share of the peak, with --write."
)
def plan(
    mix_file: Path | None,
    price_file: Path | None,
    levers: tuple[str, ...],
    measured: Path | None,
    as_json: bool,
    out: Path | None,
    force: bool,
    hold: float,
    scale: float,
    **given: float | None,
) -> None:
    """From people a day to what breaks first, and cost.

    With --write, a profile of the busiest hour as well. Levers: docs/plan.md.
    """
    from harness import plan as planning
    from harness.cli import plan_measured

    if out is not None and out.exists() and not force:
        raise UsageError(
            "the file is there, and was not overwritten", where=str(out), remedy="name another one, or add --force"
        )
    changes = planning.load_changes(mix_file) if mix_file else {}
    changes |= {name: value for name, value in given.items() if value is not None}
    inputs = planning.PlanInputs().changed(**changes)
    prices = planning.load_prices(price_file) if price_file else planning.load_prices()
    settings = planning.parse_levers(levers)
    found = plan_measured.read(measured, settings, inputs, prices) if measured else None
    modelled = {name: value for name, value in settings.items() if found is None or planning.LEVERS[name].modelled}
    made = planning.make(inputs, prices, modelled)
    if out is not None:
        write_whole(out, planning.profile_toml(made, made.inputs, minutes=hold, scale=scale))
        click.echo(visible(f"profile: {out}"), err=True)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if as_json:
        click.echo(planning.to_json(made, measured=found), nl=False)
    else:
        more = found.sections() if found else ()
        click.echo(planning.render_table(made, colour=colour, more=more), nl=False)
