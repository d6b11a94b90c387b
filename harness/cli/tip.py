"""`harness tip`: the shortest fault that the target does not recover from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.arguments import SEED, Finite, OutFolder
from harness.cli.run import known_switches
from harness.core.errors import ExitCode
from harness.core.visible import visible


@click.command()
@click.argument("profile")
@click.option("--fault", "name", help="Name of the [[chaos]] entry; needed when PROFILE has several.")
@click.option("--shortest", type=Finite(above=0, most=86_400), default=5.0, show_default=True, help="Seconds.")
@click.option("--longest", type=Finite(above=0, most=86_400), default=60.0, show_default=True, help="Seconds.")
@click.option(
    "--within",
    type=Finite(above=0, most=86_400),
    default=5.0,
    show_default=True,
    help="How narrow the answer should be, seconds.",
)
@click.option(
    "--recover",
    "recover_s",
    type=Finite(above=0, most=86_400),
    default=60.0,
    show_default=True,
    help="Time to recover, seconds.",
)
@click.option("--runs", type=click.IntRange(1, 20), default=6, show_default=True, help="At most so many.")
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, each run has its own sandbox."
)
@click.option("--seed", type=SEED, help="The same in every run; the profile's by default.")
@click.option("--out", type=OutFolder(), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes on this machine.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the sandboxes started here.")
def tip(profile: str, name: str | None, **options: Any) -> None:
    """Find the shortest fault that is not recovered from.

    Runs PROFILE with its fault shorter and longer. Each run lasts warm-up, 45 s of calm, the fault, the time to recover
    and 40 s more. Exit 20 when a run cannot tell.
    """
    from harness.cli import progress
    from harness.config.load import load_profile, load_slo_file, load_target
    from harness.run import supervisor as rehearsal
    from harness.run import tipping_point as tipping
    from harness.run.run_request import RunRequest
    from reports.fate import fate
    from reports.report import report

    known_switches(options["quirks"])
    asked, slos = load_profile(profile), load_slo_file()
    fault = tipping.chosen(asked, name, profile)
    target = load_target(options["target_file"]) if options["target_file"] else None
    if not 0 < options["shortest"] <= options["longest"]:
        raise click.UsageError("--shortest must be above 0 and at most --longest")

    def probe(seconds: float) -> tipping.TippingProbe:
        run_request = RunRequest(
            profile=tipping.lasting(asked, fault, seconds, options["recover_s"]),
            source=profile,
            slos=slos.slo,
            catch_all=slos.catch_all,
            database=slos.database,
            assistant=slos.assistant,
            out=options["out"],
            target=target,
            seed=options["seed"],
            processes=options["processes"],
            quirks=options["quirks"],
        )
        with progress.watcher() as watcher:
            folder = rehearsal.rehearse(run_request, watcher)
        return fate(report(folder), seconds, options["recover_s"])

    limits = {key: options[key] for key in ("shortest", "longest", "within", "runs")}
    found = tipping.find(probe, told=lambda done: click.echo(visible(done.text)), **limits)
    click.echo(visible(f"{fault.name} ({fault.fault}) at {tipping.load_of(asked)}: {found.text}"))
    sys.exit(int(ExitCode.PASS if found.known else ExitCode.INCONCLUSIVE))
