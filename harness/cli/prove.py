"""`harness prove`: seeded defects and mutants through whole runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.arguments import SEED, OutFolder


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each defect.")
@click.option("--healthy", type=click.IntRange(min=0), default=50, show_default=True, help="Runs without a defect.")
@click.option("--only", multiple=True, metavar="NAME", help="This defect alone; with --mutants a glob. Repeatable.")
@click.option("--fast", is_flag=True, help="Four defects, one seed, one healthy run.")
@click.option("--baseline", "baselines", multiple=True, type=click.Path(path_type=Path), help="Of an earlier proof.")
@click.option("--out", type=OutFolder(), default=Path("runs/prove"), show_default=True, help="Where the proof goes.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Runs side by side, of those that measure no time.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted proof in --out; what answered stays.")
@click.option("--list", "listed", is_flag=True, help="Name the defects and their gates, or the mutants; run nothing.")
@click.option("--mutants", is_flag=True, help="Mutants instead of defects: each call of the app spoiled in each way.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Of the mutants N, drawn by --seed.")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of --sample, and of changed fields.")
@click.option(
    "--together",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Mutants in one run, of parts of the app that do not touch; what it does not name is run alone.",
)
@click.option(
    "--confirm",
    "confirmed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Of those that a run with others killed, run N alone as well.",
)
@click.option("--controls", type=click.IntRange(min=1), default=1, show_default=True, help="Healthy runs before them.")
def prove(seeds: int, healthy: int, fast: bool, mutants: bool, **options: Any) -> None:
    """Run seeded defects through whole runs: is each caught?

    And are healthy runs left alone? Some 50 seconds a run; everything takes hours. Writes prove.md and prove.json to
    the folder of --out. Exit 0 only when every defect was caught by its gate and no healthy run raised an alarm; 10
    otherwise.

    With --mutants, a proxy spoils one call in one way in each run, for all calls of the app and all ways that make
    sense (--list). Writes mutants.md and mutants.jsonl. Exit 0 when 95 % of those that may not live are killed, and the
    healthy runs before them passed.
    """
    of_mutants = {name: options.pop(name) for name in ("sample", "seed", "controls", "together", "confirmed")}
    if mutants:
        from harness.prove.mutants.command import prove_mutants

        shared = {name: options[name] for name in ("only", "out", "listed", "resume", "jobs")}
        sys.exit(prove_mutants(say=click.echo, **of_mutants, **shared))
    from harness.prove.command import prove as proven

    few = fast and not options["only"]
    sys.exit(proven(seeds=1 if few else seeds, healthy=1 if few else healthy, fast=fast, say=click.echo, **options))
