"""`harness rehearse`: a launch rehearsed against a deployment, from the plan to the clean-up."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import SEED, Finite, OutFolder
from harness.core.errors import UsageError
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.rehearse.state import RehearsalState

PAGE = "rehearsal.md"


@click.command()
@click.option("--dau", type=Finite(above=0), default=500_000.0, show_default=True, help="People a day.")
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--sessions-per-day", type=Finite(above=0), default=1.5, show_default=True, help="Per person.")
@click.option(
    "--minutes", "session_minutes", type=Finite(above=0), default=8.0, show_default=True, help="Of a session."
)
@click.option(
    "--hold", type=Finite(above=0, most=1000), default=15.0, show_default=True, help="Minutes at each step's peak."
)
@click.option("--scale", type=Finite(above=0, most=1), default=1.0, show_default=True, help="Share of the plan's peak.")
@click.option(
    "--step",
    "shares",
    multiple=True,
    type=Finite(above=0, most=1),
    default=(0.01, 0.1, 1.0),
    show_default=True,
    help="Shares of that, rising. Repeatable.",
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of schedules and behaviour.")
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML) instead of the shipped one.")
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes on this machine.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Making and removing people."
)
@click.option("--accepted", "accepted_file", type=click.Path(path_type=Path), help="Findings that do not count (TOML).")
@click.option(
    "--fail-on",
    type=click.Choice(["high", "medium", "low", "never"]),
    default="high",
    show_default=True,
    help="End before the load, with 40, when preflight finds something of this severity or above.",
)
@click.option("--keep", is_flag=True, help="Leave people and rows; `--resume` without it removes them.")
@click.option("--out", type=OutFolder(), help="Where the rehearsal goes; runs/rehearsal-TIME by default.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted rehearsal in --out.")
@click.option("--clean-up", "no_load", is_flag=True, help="No more load: remove what was made, also without --out.")
@click.option("--dry-run", is_flag=True, help="Say everything that would be sent and written, and send nothing.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def rehearse(target_file: str, **options: Any) -> None:
    """Rehearse a launch, from plan to clean-up.

    Plan, doctor, preflight, people, 1, 10 and 100 % of the peak, verdict, cost, clean-up.

    A step is left out when the smaller ones say that it would miss its objectives, or that the generator would give
    way. People are made with the target's tag and removed with everything that they wrote. One file, rehearsal.json in
    --out, is all that a rehearsal remembers: --resume goes on where it was interrupted, --clean-up gives the rest up.
    """
    from harness.cli import progress
    from harness.cli.preflight import accepted_in
    from harness.config.load import load_slo_file, load_target
    from harness.core.people import email_pattern
    from harness.load.alive import BEAT
    from harness.plan import PlanInputs, load_prices, make
    from harness.record.held import held
    from harness.rehearse import ask, conduct, state
    from harness.run.run_request import RunRequest
    from reports import rehearsal as told_by

    if options["no_load"] and (options["keep"] or options["dry_run"]):
        raise click.UsageError("--clean-up goes with neither --keep nor --dry-run")
    options["resume"] |= options["no_load"] and options["out"] is not None and (options["out"] / state.FILE).exists()
    target = load_target(target_file)
    slos = load_slo_file(options["slo_file"]) if options["slo_file"] else load_slo_file()
    asked = state.AskedRehearsal(
        target=target.name,
        url=target.url,
        people=f"{email_pattern(target.people)}, tag {target.people.tag}",
        dau=options["dau"],
        sessions_per_day=options["sessions_per_day"],
        session_minutes=options["session_minutes"],
        hold_minutes=options["hold"],
        scale=options["scale"],
        shares=options["shares"],
        seed=options["seed"],
    )
    folder = _folder(options["out"], resume=options["resume"], dry=options["dry_run"])
    now = state.RehearsalState(asked=asked)
    if not options["dry_run"]:
        context = click.get_current_context()
        context.with_resource(held(folder, "rehearsal"))
        context.with_resource(BEAT.kept(os.environ))  # people are made for an hour, in a container that is looked at
    if options["resume"] and not options["dry_run"]:
        now = state.resumed(folder, asked, to_clean_up=options["no_load"])
        asked = now.asked
    inputs = PlanInputs().changed(
        dau=asked.dau, sessions_per_day=asked.sessions_per_day, session_minutes=asked.session_minutes
    )
    prices = load_prices()
    made = make(inputs, prices)
    if options["dry_run"]:
        with tempfile.TemporaryDirectory(prefix="harness-dry-run-") as draft:
            steps = ask.steps_of(asked, made, inputs, Path(draft))
        for line in ask.announcement(target, asked, steps, folder):
            click.echo(visible(line))
        click.echo("dry run: nothing was sent, nothing was written")
        return
    work = conduct.Rehearsal(
        request=RunRequest(
            profile=(steps := ask.steps_of(asked, made, inputs, folder))[-1].profile,
            source="harness rehearse",
            slos=slos.slo,
            catch_all=slos.catch_all,
            database=slos.database,
            out=folder,
            target=target,
            seed=asked.seed,
            processes=options["processes"],
            allow_production=options["allow_production"],
        ),
        target=target,
        steps=steps,
        folder=folder,
        judge=lambda run, step: told_by.judged_step(run, step, inputs, prices),
        told=lambda line: click.echo(visible(line)),
        watcher=progress.watcher,
        accepted=accepted_in(options["accepted_file"]),
        fail_on=options["fail_on"],
        keep=options["keep"],
        no_load=options["no_load"],
        concurrency=options["concurrency"],
    )
    try:
        now = conduct.conduct(work, now)
    except BaseException:
        again = f"harness rehearse --resume --out {folder}"
        click.echo(visible(f"go on with: {again}, and the same options"), err=True)
        click.echo(
            visible(
                f"no more load, and remove what was made: harness rehearse --clean-up --out {folder} --target FILE"
            ),
            err=True,
        )
        raise
    _write(folder, now)
    click.echo(visible(told_by.answer(now)))
    click.echo(visible(f"page: {folder / PAGE}"))
    sys.exit(int(conduct.exit_code(now)))


def _folder(out: Path | None, *, resume: bool, dry: bool) -> Path:
    from harness.rehearse.state import FILE

    if out is None:
        if resume:
            raise click.UsageError("--resume needs --out, the folder of the interrupted rehearsal")
        return Path("runs") / f"rehearsal-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if (out / FILE).exists() and not resume and not dry:
        raise UsageError(
            "this folder holds a rehearsal already",
            where=str(out),
            remedy="go on with it (--resume), or choose another folder",
        )
    return out


def _write(folder: Path, now: RehearsalState) -> None:
    from harness.core.secret_filter import WORDS
    from harness.record.streams import replacing
    from reports.rehearsal import page

    with replacing(folder / PAGE) as draft:
        draft.write_text(WORDS.known(page(now)), encoding="utf-8")
