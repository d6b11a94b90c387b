"""`harness run`: a rehearsal, judged and reported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import judging
from harness.cli.arguments import HostPort, HttpUrl, OutFolder


@click.command()
@click.argument("profile", required=False)
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, a sandbox is started."
)
@click.option("--url", type=HttpUrl(), help="A sandbox that already runs on this machine, instead of --target.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of schedule and behaviour; the profile's by default.")
@click.option("--out", type=OutFolder(), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML) instead of the shipped one.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    show_default="as many as the phones need",
    help="Worker processes on this machine.",
)
@click.option(
    "--proxy",
    type=HttpUrl(),
    metavar="URL",
    help="API of a chaos proxy or Toxiproxy that runs; by default one is started.",
)
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the sandbox started here.")
@click.option(
    "--baseline", multiple=True, type=click.Path(path_type=Path), help="Compare with this run afterwards. Repeatable."
)
@click.option("--master", "master_port", type=click.IntRange(1, 65535), help="Serve workers elsewhere on this port.")
@click.option("--expect-workers", type=click.IntRange(min=1), default=1, show_default=True, help="With --master.")
@click.option(
    "--worker",
    "master_address",
    type=HostPort(),
    metavar="HOST:PORT",
    help="Be a worker of the master at that address.",
)
@click.option("--rebalance", is_flag=True, help="Let the other workers take over what a lost worker has not begun.")
@click.option("--no-html", is_flag=True, help="Leave report.html out; `harness report RUN` makes it later.")
@click.option("-v", "--verbose", is_flag=True, help="Show the run's log (run.log) as it is written.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def run(profile: str | None, **options: Any) -> None:
    """Run PROFILE (a shipped name such as smoke, or a file), judge it, write the report.

    With no target it starts a sandbox of its own and removes it afterwards.
    """
    if options["master_address"]:
        from harness.run.worker import work

        sys.exit(work(options["master_address"], options["target_file"], options["url"], options["out"]))
    if not profile:
        raise click.UsageError("which profile? For example: harness run smoke")

    from harness.cli import progress
    from harness.config import slo_reach as reach
    from harness.config.load import load_profile, load_slo_file, load_target
    from harness.run import supervisor as rehearsal
    from harness.run.run_request import RunRequest

    if options["target_file"] and options["url"]:
        raise click.UsageError("--target and --url exclude each other")
    slos = load_slo_file(options["slo_file"]) if options["slo_file"] else load_slo_file()
    asked = load_profile(profile)
    reach.refuse(asked, slos.slo, options["slo_file"])
    run_request = RunRequest(
        profile=asked,
        source=profile,
        slos=slos.slo,
        catch_all=slos.catch_all,
        out=options["out"],
        target=load_target(options["target_file"]) if options["target_file"] else None,
        sandbox_url=options["url"],
        seed=options["seed"],
        processes=options["processes"],
        master_port=options["master_port"],
        expect_workers=options["expect_workers"],
        rebalance=options["rebalance"],
        proxy=options["proxy"],
        quirks=options["quirks"],
        allow_production=options["allow_production"],
    )
    with progress.watcher() as watcher:
        folder = rehearsal.rehearse(run_request, watcher, watcher.detail if options["verbose"] else None)
    judging.judge(folder, options["baseline"], html=not options["no_html"])
