"""`harness levers`: what settings of the app change in what the service has to carry, measured by turns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import SEED, Finite, HttpUrl, OutFolder, TomlName
from harness.core.counted import counted
from harness.core.errors import EndedByHand, UsageError
from harness.core.visible import visible, visible_lines

if TYPE_CHECKING:
    from harness.levers.answer import LeversAnswer
    from harness.levers.state import LeversState
    from harness.levers.table import Lever
    from harness.run.run_request import RunRequest

PAGE = "levers.html"
SHORT_S, WHOLE_S = 4.0, 40.0
"""How long sessions begin in one piece."""


@click.command()
@click.argument("names", nargs=-1, metavar="[LEVER]...")
@click.option("--list", "listed", is_flag=True, help="Name the levers and what they set; measure nothing.")
@click.option("--all", "everything", is_flag=True, help="All levers of the table.")
@click.option("--with", "together", multiple=True, metavar="A+B", help="A combination as well. Repeatable.")
@click.option("--short", is_flag=True, help="Pieces of seconds: everything in under half an hour on two cores.")
@click.option(
    "--rounds",
    type=click.IntRange(2, 50),
    show_default="2 of many levers, more of few",
    help="How often each is measured; few levers need more to know their own scatter.",
)
@click.option("--dau", type=Finite(above=0), default=500_000.0, show_default=True, help="People a day, for dollars.")
@click.option("--seed", type=SEED, help="Of the first round; the profile's by default.")
@click.option("--profile", type=TomlName("profile"), default="levers", show_default=True, help="What a piece does.")
@click.option("--target", "target_file", type=TomlName("target"), help="Target file; levers of phones alone.")
@click.option("--url", type=HttpUrl(), help="A sandbox that runs here; levers of phones alone.")
@click.option("--prices", "price_file", type=click.Path(path_type=Path), help="Price file instead of the shipped one.")
@click.option("--out", type=OutFolder(), help="Where everything goes; runs/levers-TIME by default.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted comparison in --out, or add to it.")
@click.option("--json", "as_json", is_flag=True, help="Print levers.json instead of the table.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def levers(names: tuple[str, ...], **options: Any) -> None:
    """What settings of the app would save, measured.

    And what people would see of it.

    Each LEVER is measured by turns with the shipped behaviour: short runs with the same seed, one after the other,
    against one sandbox, so that what the machine does meets both sides. Writes levers.json, levers.html and pieces.json
    to the folder of --out, after every piece. Ctrl-C keeps what was measured; --resume goes on.
    """
    from harness.levers import table

    if options["listed"]:
        _list(table.LEVERS)
        return
    asked = table.chosen((*names, *options["together"]), everything=options["everything"])
    if options["everything"] and options["short"]:
        asked = _in_time(asked, names)
    if not asked:
        raise click.UsageError("which lever? --list names them; --all measures all")
    request = _request(options)
    if request.target is not None or request.sandbox_url is not None:
        asked = _of_phones(asked)
    _measure(asked, request, options)


def _list(levers: Sequence[Lever]) -> None:
    for one in levers:
        sets = ", ".join(f"{key}={value}" for key, value in one.told.items()) or "nothing"
        switches = f"; sandbox: {' '.join(one.switches)}" if one.switches else ""
        click.echo(f"{one.name}: {one.what}\n    sets {sets}{switches}; beside {one.group.name}: {one.group.what}")


def _in_time(asked: Sequence[Lever], names: Sequence[str]) -> tuple[Lever, ...]:
    """Without those that need two more sandboxes, unless they were named."""
    left_out = [one.name for one in asked if one.switches and one.name not in names]
    if left_out:
        click.echo(f"left out of the short form, because they need two sandboxes more: {', '.join(left_out)}", err=True)
    return tuple(one for one in asked if one.name not in left_out)


def _of_phones(asked: Sequence[Lever]) -> tuple[Lever, ...]:
    """:raises UsageError: none of them can be pulled without a sandbox of its own."""
    possible = tuple(one for one in asked if one.phones_only)
    left_out = [one.name for one in asked if not one.phones_only]
    if left_out and possible:
        click.echo(f"left out, because they need a sandbox started here: {', '.join(left_out)}", err=True)
    if not possible:
        raise UsageError(
            f"{', '.join(left_out)} cannot be measured there: switches are of a sandbox that is started here",
            where="--target, --url",
            remedy="leave both out, or choose levers of phones alone",
        )
    return possible


def _request(options: dict[str, Any]) -> RunRequest:
    from harness.config.load import load_profile, load_target
    from harness.levers.runner import lasting
    from harness.run.run_request import RunRequest

    if options["target_file"] and options["url"]:
        raise click.UsageError("--target and --url exclude each other")
    profile = load_profile(options["profile"])
    return RunRequest(
        profile=lasting(profile, SHORT_S if options["short"] else WHOLE_S),
        source=options["profile"],
        slos=(),
        out=Path(),
        target=load_target(options["target_file"]) if options["target_file"] else None,
        sandbox_url=options["url"],
        seed=profile.seed if options["seed"] is None else options["seed"],
        processes=1,
        allow_production=options["allow_production"],
    )


def _measure(asked: Sequence[Lever], request: RunRequest, options: dict[str, Any]) -> None:
    from harness.cli import progress
    from harness.levers import state as states
    from harness.levers.runner import LeversJob, measure
    from harness.levers.turns import enough, minutes, turns
    from harness.record.held import held
    from harness.run.resumed_state import digest

    folder = _folder(options["out"], resume=options["resume"])
    load_s = request.profile.phases.measure_s
    facts = states.Asked(
        profile=request.profile.name,
        target=request.target.name if request.target else request.sandbox_url or "sandbox",
        seed=request.seed or 0,
        load_s=load_s,
        url=request.target.url if request.target else "",
        profile_digest=digest(request.profile),
    )
    click.get_current_context().with_resource(held(folder, "comparison"))
    names = tuple(one.name for one in asked)
    if options["resume"]:
        state = states.resumed(folder, facts, options["rounds"] or 0, names)
        asked = _again(state)
    else:
        state = states.LeversState(asked=facts, rounds=options["rounds"] or enough(len(asked)), levers=names)
    todo = turns(asked, state.rounds, facts.seed)
    own = request.target is None and request.sandbox_url is None
    left = state.left(todo)
    each = state.pieces[-1].took_s if state.pieces else None
    length = minutes(left, load_s + _session_s(request), own_sandbox=own, piece_s=each)
    click.echo(
        f"{counted(len(asked), 'lever')}, {counted(state.rounds, 'round')}: {counted(len(left), 'piece')} of about "
        f"{load_s + _session_s(request):.0f} s of load, about {length:.0f} min in all; results in {folder}",
        err=True,
    )

    def told(line: str) -> None:
        click.echo(visible(line), err=True)

    def note(now: LeversState) -> None:
        _write(folder, _answered(now, asked, options))

    job = LeversJob(request, todo, folder, progress.watcher, told, note)
    try:
        state = measure(job, state)
    except (KeyboardInterrupt, EndedByHand):
        if (done := states.load(folder)).pieces:  # the signal may have come before the last of them was told of
            note(done)
        click.echo(visible(f"go on with: harness levers --resume --out {folder}, and the same options"), err=True)
        raise
    found = _answered(state, asked, options)
    _write(folder, found)
    _tell(found, folder, as_json=options["as_json"])


def _session_s(request: RunRequest) -> float:
    """The longest session of the shipped profile takes about so long."""
    return min(9.0, request.profile.phases.drain_s)


def _again(state: LeversState) -> tuple[Lever, ...]:
    """The levers of an interrupted comparison, with those that are new."""
    from harness.levers.table import chosen

    return chosen(state.levers)


def _folder(out: Path | None, *, resume: bool) -> Path:
    from harness.levers.state import FILE

    if out is None:
        if resume:
            raise click.UsageError("--resume needs --out, the folder of the interrupted comparison")
        return Path("runs") / f"levers-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if (out / FILE).exists() and not resume:
        raise UsageError(
            "this folder holds a comparison already",
            where=str(out),
            remedy="go on with it (--resume), or choose another folder",
        )
    return out


def _answered(state: LeversState, asked: Sequence[Lever], options: dict[str, Any]) -> LeversAnswer:
    from harness import plan
    from harness.levers.answer import answer
    from harness.levers.money import priced

    prices = plan.load_prices(options["price_file"]) if options["price_file"] else plan.load_prices()
    planned = plan.make(plan.PlanInputs().changed(dau=options["dau"]), prices)
    return priced(answer(state, asked, dau=options["dau"]), planned, prices)


def _write(folder: Path, found: LeversAnswer) -> None:
    from harness.core.secret_filter import WORDS
    from harness.levers.answer import FILE
    from harness.record.streams import replacing
    from reports.render import levers_page

    for name, text in ((FILE, found.model_dump_json(indent=1) + "\n"), (PAGE, levers_page.render(found))):
        with replacing(folder / name) as draft:
            draft.write_text(WORDS.known(text), encoding="utf-8")


def _tell(found: LeversAnswer, folder: Path, *, as_json: bool) -> None:
    from harness.levers.text import rendered

    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    click.echo(visible_lines(rendered(found)))
    click.echo(visible(f"page: {folder / PAGE}"))
