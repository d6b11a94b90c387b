"""`harness ab`: two deployments under the same load at the same time; is the second one slower?"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import ci
from harness.cli.arguments import SEED, HttpUrl, OutFolder, TomlName
from harness.cli.run import known_switches
from harness.core.errors import ExitCode, UsageError
from harness.core.secret_filter import WORDS
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.ci.environment import CiEnvironment
    from harness.core.profile import Profile
    from harness.run.run_request import RunRequest
    from reports.ab.model import AbAnswer

SIDES = ("base", "head")
FILES = ("answer.json", "junit.xml", "summary.md", "comment.md")


@click.command()
@click.argument("profile", default="pull-request", type=TomlName("profile"))
@click.option("--base", "base_file", type=TomlName("target"), help="Target file (TOML) of what there was before.")
@click.option("--head", "head_file", type=TomlName("target"), help="Target file (TOML) of the change.")
@click.option("--base-url", type=HttpUrl(), help="A sandbox that runs on this machine, instead of --base.")
@click.option("--head-url", type=HttpUrl(), help="A sandbox that runs on this machine, instead of --head.")
@click.option(
    "--base-code",
    type=click.Path(path_type=Path, file_okay=False),
    help="Checkout of the harness whose sandbox is the base; by default this one's.",
)
@click.option(
    "--head-code",
    type=click.Path(path_type=Path, file_okay=False),
    help="Checkout of the harness whose sandbox is the head; by default this one's.",
)
@click.option("--base-quirk", "base_quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the base's sandbox.")
@click.option("--head-quirk", "head_quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the head's sandbox.")
@click.option("--rounds", type=click.IntRange(1, 20), default=2, show_default=True, help="Of PROFILE, on both.")
@click.option("--seed", type=SEED, help="The first of the rounds' seeds; the profile's by default.")
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML): what it names has to be answered.")
@click.option("--out", type=OutFolder(), default=Path("runs"), show_default=True, help="Where the comparison goes.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def ab(profile: str, **options: Any) -> None:
    """Is the head slower than the base?

    Loads both at the same time with PROFILE, round after round, and compares each operation by its median and its 95th
    percentile: what the machine or a neighbour does meets both, and cancels. For a pull request: the base commit's
    deployment against the change's. A side that names no target and no sandbox gets a sandbox of its own.

    Exit 12 when an operation is slower (by more than 20 % and 5 ms, and no chance), 20 when an increase of 30 % in what
    the SLO file names can be neither told nor excluded, else 0.
    """
    with ci.refusals(compared=True):
        _ab(profile, options)


def _ab(source: str, options: dict[str, Any]) -> None:
    from harness.ab.conduct import Pair, conduct
    from harness.cli import progress
    from harness.config import slo_reach as reach
    from harness.config.load import load_profile, load_slo_file
    from harness.core.child_environment import child_environment
    from harness.record.store import open_run
    from reports.ab.judge import answer
    from reports.ab.rounds import Round
    from reports.frames import load
    from reports.render import ab as shown

    asked = load_profile(source)
    slos = load_slo_file(options["slo_file"]) if options["slo_file"] else load_slo_file()
    reach.refuse(asked, slos.slo, options["slo_file"])
    sides = {side: _side(side, asked, source, options) for side in SIDES}
    names = {side: _name(side, request, options) for side, request in sides.items()}
    if names["base"] == names["head"] and (options["base_file"] or options["base_url"]):
        raise UsageError(
            "base and head are the same deployment", where=names["base"], remedy="name another one with --head"
        )
    folder = options["out"] / f"ab-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    pair = Pair(
        sides=sides,
        where={side: _where(side, options) for side in SIDES},
        profile=source,
        options=_of_runs(options),
        environ=child_environment(os.environ, *_secrets(options)),
        rounds=options["rounds"],
        seed=asked.seed if options["seed"] is None else options["seed"],
        folder=folder,
        watcher=progress.watcher,
    )
    made = conduct(pair)
    rounds = [Round(*(load(open_run(one[side])) for side in SIDES)) for one in made]
    found = answer(rounds, names["base"], names["head"], _data_broken(made))
    _write(folder, found)
    click.echo("\n".join(shown.terminal(found)))
    click.echo(visible(f"records:   {folder}"))
    _tell_ci(folder, found)
    sys.exit(found.exit_code)


def _side(side: str, profile: Profile, source: str, options: dict[str, Any]) -> RunRequest:
    """What is started or found for a side. :raises UsageError: its options contradict each other."""
    from harness.config.load import load_target
    from harness.run.run_request import RunRequest

    file, url = options[f"{side}_file"], options[f"{side}_url"]
    code, quirks = options[f"{side}_code"], options[f"{side}_quirks"]
    if file and url:
        raise click.UsageError(f"--{side} and --{side}-url exclude each other")
    if (file or url) and (code or quirks):
        raise click.UsageError(
            f"--{side}-code and --{side}-quirk need the sandbox that is started here: leave out --{side}, --{side}-url"
        )
    if code is None:
        known_switches(quirks)
    return RunRequest(
        profile=profile,
        source=source,
        slos=(),
        out=Path(),
        target=load_target(file) if file else None,
        sandbox_url=url,
        sandbox_code=code,
        quirks=quirks,
        allow_production=options["allow_production"],
    )


def _name(side: str, request: RunRequest, options: dict[str, Any]) -> str:
    if request.target is not None:
        return request.target.name
    if request.sandbox_url is not None:
        return request.sandbox_url
    code = f" of {request.sandbox_code}" if request.sandbox_code is not None else ""
    switches = f" with {' '.join(request.quirks)}" if request.quirks else ""
    return f"sandbox{code}{switches}"


def _where(side: str, options: dict[str, Any]) -> tuple[str, ...]:
    file, url = options[f"{side}_file"], options[f"{side}_url"]
    return ("--target", file) if file else ("--url", url) if url else ()


def _of_runs(options: dict[str, Any]) -> tuple[str, ...]:
    more = ("--slo", str(options["slo_file"])) if options["slo_file"] else ()
    return ("--no-html", "--no-observe", *more, *(("--allow-production",) if options["allow_production"] else ()))


def _secrets(options: dict[str, Any]) -> tuple[str, ...]:
    """The environment variables that the target files name: a run of either gets these, and nothing else of ours."""
    from harness.ci.workflows import secrets_of
    from harness.config.load import load_target

    files = [options[f"{side}_file"] for side in SIDES if options[f"{side}_file"]]
    return tuple(name for file in files for name in secrets_of(load_target(file).model_dump(mode="json")))


def _data_broken(made: Sequence[Mapping[str, Path]]) -> list[str]:
    """Runs that lost or doubled something, whichever side it was: no question of this command, and not to be missed."""
    found = []
    for number, runs in enumerate(made, start=1):
        for side, folder in runs.items():
            try:
                verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):  # its own log says why it has none
                continue
            if int(ExitCode.DATA) in verdict["exit_codes"]:
                found.append(f"Data was lost or doubled in the {side}'s run of round {number}: {folder}.")
    return found


def _write(folder: Path, found: AbAnswer) -> None:
    from harness.record.streams import replacing
    from reports.render import ab as shown

    command = shlex.join(["harness", *sys.argv[1:]])
    texts = (
        found.model_dump_json(indent=1) + "\n",
        shown.junit(found),
        shown.summary(found),
        shown.comment(found, command=command, job_url=_job_url(), commit=ci.commit_of(os.environ) if _job() else ""),
    )
    for name, text in zip(FILES, texts, strict=True):
        with replacing(folder / name) as draft:
            draft.write_text(WORDS.known(text), encoding="utf-8")


def _job() -> CiEnvironment | None:
    from harness.ci.environment import detect

    return detect(os.environ)


def _job_url() -> str:
    job = _job()
    return job.job_url if job is not None else ""


def _tell_ci(folder: Path, found: AbAnswer) -> None:
    """As `harness.cli.ci.tell_ci`, of a comparison."""
    from reports.render import ab as shown

    job = _job()
    if job is None:
        return
    ci.attempt(lambda: ci.keep(folder, folder.absolute().parent / ci.KEPT / "ab", FILES))
    summary, comment = ((folder / name).read_text(encoding="utf-8") for name in ("summary.md", "comment.md"))
    for part in ci.told(job, shown.remarks(found), summary, comment):
        ci.attempt(part)
