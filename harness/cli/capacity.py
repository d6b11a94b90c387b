"""`harness capacity`: the largest arrival rate that a target carries within every SLO."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import SEED, Finite, HttpUrl, OutFolder
from harness.cli.run import known_switches
from harness.core.counted import counted
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.capacity.search import Capacity, SearchLimits
    from harness.capacity.state import SearchState
    from harness.run.run_request import RunRequest
    from reports.capacity.answer import CapacityAnswer

ANSWER, PAGE = "answer.json", "capacity.html"
OWN_HIGHEST = 20.0
"""Sessions/s that a sandbox on this machine is tried with at most, unless --max-rate says more."""


@click.command()
@click.argument("profile", default="smoke")
@click.option(
    "--target",
    "target_files",
    multiple=True,
    type=click.Path(),
    help="Target file (TOML); twice with --interleave. Without one, a sandbox is started.",
)
@click.option("--url", "urls", multiple=True, type=HttpUrl(), help="A sandbox that runs here, instead of --target.")
@click.option("--interleave", is_flag=True, help="Test two deployments by turns, and say which one carries more.")
@click.option("--start", type=Finite(above=0, most=1e6), default=1.0, show_default=True, help="First rate, sessions/s.")
@click.option(
    "--max-rate", type=Finite(above=0, most=1e6), help="Never more than so many sessions/s; also the target's limits."
)
@click.option(
    "--within", type=Finite(above=0, most=1), default=0.08, show_default=True, help="How narrow: high / low - 1."
)
@click.option(
    "--steps", type=click.IntRange(1, 100), default=20, show_default=True, help="At most so many runs a side."
)
@click.option(
    "--confirm", type=click.IntRange(1, 3), default=2, show_default=True, help="Runs at both ends that agree."
)
@click.option("--settle", "settle_s", type=Finite(above=0, most=3600), help="Seconds until a step is measured.")
@click.option(
    "--measure", "measure_s", type=Finite(above=0, most=3600), default=60.0, show_default=True, help="Seconds."
)
@click.option(
    "--cool", "cool_s", type=Finite(above=0, most=3600), default=5.0, show_default=True, help="Seconds between."
)
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML) instead of the shipped one.")
@click.option("--dau", type=Finite(above=0), help="People a day that it has to carry: exit 10 when it does not.")
@click.option("--seed", type=SEED, help="The profile's by default.")
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes on this machine.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the sandbox started here.")
@click.option("--out", type=OutFolder(), help="Where the search goes; runs/capacity-TIME by default.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted search in --out.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def capacity(profile: str, target_files: tuple[str, ...], urls: tuple[str, ...], **options: Any) -> None:
    """The largest arrival rate within every SLO.

    Of PROFILE; and what gives way first.

    Whole runs, one after the other: the rate is doubled until a step fails, then halved in between; the ends of the
    answer are run again. A step in which the generator is in doubt is repeated, and is no failure of the target. Each
    step is settling, measuring, draining and a pause, within the limits of the target file. Writes answer.json and
    capacity.html. Exit 0 with an answer, 20 without, 10 when it is less than --dau needs.
    """
    from harness.capacity import step_profile
    from harness.capacity.hunt import Hunt, hunt
    from harness.capacity.search import SearchLimits
    from harness.capacity.state import Asked, SearchState, resumed
    from harness.cli import progress
    from harness.config.load import load_profile, load_slo_file
    from harness.load.alive import BEAT
    from harness.record.held import held
    from harness.run.resumed_state import digest
    from reports.capacity_run import judged_step
    from reports.text import seconds

    known_switches(options["quirks"])
    slos = load_slo_file(options["slo_file"]) if options["slo_file"] else load_slo_file()
    asked_profile = load_profile(profile)
    timing = step_profile.timing_for(asked_profile, options["settle_s"], options["measure_s"], options["cool_s"])
    sides = _sides(profile, asked_profile, slos, target_files, urls, options)
    highest = _highest(sides.values(), options["max_rate"], timing)
    start = min(options["start"], highest)
    limits = SearchLimits(
        start=start,
        highest=highest,
        lowest=min(0.05, start),
        within=options["within"],
        steps=options["steps"],
        confirm=options["confirm"],
    )
    asked = Asked(
        profile=asked_profile.name,
        targets=tuple(_name(request) for request in sides.values()),
        urls=tuple("" if request.target is None else request.target.url for request in sides.values()),
        profile_digest=digest(asked_profile),
        objectives_digest=digest(slos),
        **{key: getattr(limits, key) for key in ("start", "lowest", "highest", "within", "steps", "tries", "confirm")},
        **{key: getattr(timing, key) for key in ("settle_s", "measure_s", "cool_s")},
        seed=asked_profile.seed if options["seed"] is None else options["seed"],
    )
    folder = _folder(options["out"], resume=options["resume"])
    context = click.get_current_context()
    context.with_resource(held(folder, "search"))
    context.with_resource(BEAT.kept(os.environ))
    click.echo(f"a step takes up to {seconds(timing.step_s)}; {_how_many(limits, len(sides))}")
    state = resumed(folder, asked) if options["resume"] else SearchState(asked=asked)
    sides = {name: _into(request, folder) for name, request in sides.items()}
    try:
        state, answers = hunt(
            Hunt(
                sides=sides,
                limits=limits,
                timing=timing,
                folder=folder,
                judge=judged_step,
                told=lambda line: click.echo(visible(line)),
                watcher=progress.watcher,
            ),
            state,
        )
    except (KeyboardInterrupt, HarnessError):
        click.echo(visible(f"go on with: harness capacity --resume --out {folder}, and the same options"), err=True)
        raise
    answer = _answer(state, answers, options["dau"])
    _write(folder, answer)
    sys.exit(int(_told(answer, folder, needed=options["dau"] is not None)))


def _sides(
    source: str, profile: Any, slos: Any, target_files: Sequence[str], urls: Sequence[str], options: dict[str, Any]
) -> dict[str, RunRequest]:
    """A request for each deployment, by its name in the answer; "" for the only one."""
    from harness.capacity.step_profile import objectives, people_for
    from harness.config.load import load_target
    from harness.run.run_request import RunRequest

    deployments: list[dict[str, Any]] = [{"target": load_target(file)} for file in target_files]
    deployments += [{"sandbox_url": url} for url in urls]
    wanted = 2 if options["interleave"] else 1
    if len(deployments) != wanted and not (wanted == 1 and not deployments):
        raise UsageError(
            f"{len(deployments)} deployments were named, {wanted} {'are' if wanted == 2 else 'is'} needed",
            where="--target, --url",
            remedy="name two with --interleave, and one or none without it",
        )
    if not deployments:
        people = people_for(profile, options["max_rate"] or OWN_HIGHEST)
        size = profile.sandbox.model_copy(update={"people": max(profile.sandbox.people, people)})
        profile = profile.model_copy(update={"people": people, "sandbox": size})
        deployments = [{"quirks": options["quirks"]}]
    elif options["quirks"]:
        raise UsageError("--quirk needs the sandbox that is started here", remedy="leave out --target and --url")
    names = ("A", "B") if wanted == 2 else ("",)
    return {
        name: RunRequest(
            profile=profile,
            source=source,
            slos=objectives(slos.slo),
            catch_all=slos.catch_all,
            database=None,
            out=Path(),
            seed=options["seed"],
            processes=options["processes"],
            allow_production=options["allow_production"],
            **one,
        )
        for name, one in zip(names, deployments, strict=True)
    }


def _highest(requests: Any, asked: float | None, timing: Any) -> float:
    """Sessions/s beyond which no step may go: people, the target's limits, --max-rate."""
    from harness.capacity.step_profile import at_rate, highest_rate
    from harness.run.plan_limits import largest_scale

    found = [] if asked is None else [asked]
    for request in requests:
        own = request.target is None and request.sandbox_url is None
        people = highest_rate(request.profile)
        if asked is not None and asked > people:
            raise UsageError(
                f"--max-rate {asked:g} needs more than the profile's "
                f"{counted(request.profile.people, 'person', 'people')}; they are "
                f"enough for {people:.3g} sessions/s",
                where=f"profile {request.profile.name}, people",
                remedy="provision more people and raise `people` in the profile, or lower --max-rate",
            )
        found.append(min(people, OWN_HIGHEST) if own and asked is None else people)
        limits = request.target.limits.get(request.target.host) if request.target is not None else None
        if limits is not None:
            rate = min(found)
            allowed = largest_scale(at_rate(request.profile, rate, timing, request.seed), request.profile.seed, limits)
            if allowed is None:
                raise UsageError(
                    "the target's limits allow no rate at all",
                    where=f"target {request.target.name}, limits",
                    remedy="raise requests_per_second and phones there if its owner agrees",
                )
            found.append(rate * min(1.0, allowed))
    return min(found)


def _how_many(limits: SearchLimits, sides: int) -> str:
    """Steps, as they are announced."""
    usual = limits.usual_steps * sides
    return f"usually {usual} of them, {max(usual, limits.steps * sides)} at most"


def _name(request: RunRequest) -> str:
    if request.target is not None:
        return request.target.name
    return request.sandbox_url or f"sandbox {' '.join(request.quirks)}".strip()


def _folder(out: Path | None, *, resume: bool) -> Path:
    from harness.capacity.state import FILE

    if out is None:
        if resume:
            raise click.UsageError("--resume needs --out, the folder of the interrupted search")
        return Path("runs") / f"capacity-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if (out / FILE).exists() and not resume:
        raise UsageError(
            "this folder holds a search already",
            where=str(out),
            remedy="go on with it (--resume), or choose another folder",
        )
    return out


def _into(request: RunRequest, folder: Path) -> RunRequest:
    from dataclasses import replace

    return replace(request, out=folder)


def _answer(state: SearchState, answers: dict[str, Capacity], dau: float | None) -> CapacityAnswer:
    from harness.capacity.worth import worth
    from harness.plan import PlanInputs, load_prices
    from reports.capacity import answer as put

    inputs, prices = PlanInputs(), load_prices()
    if dau is not None:
        inputs = inputs.changed(dau=dau)
    sides = []
    for (side, found), target in zip(answers.items(), state.asked.targets, strict=True):
        steps = state.of(side)
        low, high = (
            None if rate is None else worth(rate, put.requests_at(steps, rate), inputs, prices)
            for rate in (found.low, found.high)
        )
        sides.append(put.side_answer(side, target, steps, found, low, high))
    return put.CapacityAnswer(profile=state.asked.profile, sides=tuple(sides), compared=put.compared(sides))


def _write(folder: Path, answer: CapacityAnswer) -> None:
    from harness.core.secret_filter import WORDS
    from harness.record.streams import replacing
    from reports.render import capacity_page

    for name, text in ((ANSWER, answer.model_dump_json(indent=1) + "\n"), (PAGE, capacity_page.render(answer))):
        with replacing(folder / name) as draft:
            draft.write_text(WORDS.known(text), encoding="utf-8")


def _told(answer: CapacityAnswer, folder: Path, *, needed: bool) -> ExitCode:
    """Print the answer; what it means for the caller."""
    for side in answer.sides:
        click.echo(visible(side.sentence))
        if side.first_to_give_way:
            click.echo(visible(f"  first to give way: {side.first_to_give_way}"))
        knee = f"{side.knee:.3g} sessions/s; " if side.knee else ""
        click.echo(visible(f"  knee: {knee}{side.knee_note}"))
        for line in side.data_broken:
            click.echo(visible(f"  data: {line}"))
    if answer.compared:
        click.echo(visible(answer.compared))
    click.echo(visible(f"page: {folder / PAGE}"))
    if any(side.kind == "unknown" for side in answer.sides):
        return ExitCode.INCONCLUSIVE
    short = [side for side in answer.sides if side.worth_low is None or side.worth_low.headroom < 1]
    if needed and short:
        # Where nothing failed, nobody knows how much more it carries.
        known = any(side.worth_high is not None and side.worth_high.headroom < 1 for side in short)
        return ExitCode.SLO_MISSED if known else ExitCode.INCONCLUSIVE
    return ExitCode.PASS
