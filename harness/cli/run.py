"""`harness run`: a rehearsal, judged and reported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from harness.cli import ci, judging
from harness.cli.arguments import SEED, Finite, HostPort, HttpUrl, OutFolder, RunFolder, TomlName
from harness.core.errors import UsageError
from harness.core.run_token import TOKEN_ENV, new_token, token_from
from harness.core.secret_filter import WORDS
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.core.profile import Profile


@click.command()
@click.argument("profile", required=False, type=TomlName("profile"))
@click.option(
    "--target", "target_file", type=TomlName("target"), help="Target file (TOML). Without one, a sandbox is started."
)
@click.option("--url", type=HttpUrl(), help="A sandbox that already runs on this machine, instead of --target.")
@click.option("--seed", type=SEED, help="Seed of schedule and behaviour; the profile's by default.")
@click.option(
    "--scale",
    type=Finite(above=0),
    default=1.0,
    help="So many times the profile's sessions per second, and phones.",
)
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
    "--baseline",
    multiple=True,
    type=RunFolder(),
    metavar="RUN",
    help="Compare with this run afterwards, or a name: last-good, the newest ones like it that passed (of --history, "
    "else of --out); main, or branch:NAME, those of that branch in --history. Repeatable.",
)
@click.option(
    "--baseline-optional",
    is_flag=True,
    help="Run also where a baseline is missing or not alike: the verdict then says so, and is inconclusive at best.",
)
@click.option("--master", "master_port", type=click.IntRange(1, 65535), help="Serve workers elsewhere on this port.")
@click.option("--expect-workers", type=click.IntRange(min=1), default=1, show_default=True, help="With --master.")
@click.option("--bind", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Where --master listens.")
@click.option(
    "--worker",
    "master_address",
    type=HostPort(),
    metavar="HOST:PORT",
    help="Be a worker of the master at that address.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=1, max=86_400),
    help="Seconds that --master waits for its workers (60 by default), or --worker for its master (5).",
)
@click.option(
    "--no-observe", is_flag=True, help="Leave the database's own statistics alone (needs a connection string)."
)
@click.option(
    "--preflight", is_flag=True, help="Ask first what is open, slow or missing (harness preflight); high findings: 40."
)
@click.option(
    "--accepted",
    "accepted_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Findings of --preflight that do not count (TOML).",
)
@click.option(
    "--jitter",
    type=Finite(above=0, most=3600),
    metavar="SECONDS",
    help="Spread what phones do together over so many seconds (docs/herds.md); the profile's by default.",
)
@click.option("--no-fit", is_flag=True, help="Run all of PROFILE, also where a sandbox started here carries less.")
@click.option("--rebalance", is_flag=True, help="Let the other workers take over what a lost worker has not begun.")
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="HARNESS_HISTORY",
    help="Remember the run in this history (harness history); also HARNESS_HISTORY.",
)
@click.option("--web", metavar="[HOST:]PORT", help="Locust's page with the verdict so far; for others: with a login.")
@click.option("--fault-buttons", is_flag=True, help="With --web: a few faults can be switched on there.")
@click.option("--otlp", metavar="URL", help="Send live metrics to this OpenTelemetry endpoint (OTLP/HTTP).")
@click.option("--no-html", is_flag=True, help="Leave report.html out; `harness report RUN` makes it later.")
@click.option("-v", "--verbose", is_flag=True, help="Show the run's log (run.log) as it is written.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
@click.pass_context
def run(context: click.Context, /, profile: str | None, **options: Any) -> None:
    """Run PROFILE, judge it, write the report.

    PROFILE is a shipped name such as smoke, or a file. With no target it starts a sandbox of its own and removes it
    afterwards. Master and workers share a token: the master prints one, or both have it in HARNESS_TOKEN.
    """
    from harness.load.alive import BEAT

    with ci.refusals(), BEAT.kept(os.environ):  # the report of a long run takes minutes, too
        _run(context, profile, options)


def _run(context: click.Context, profile: str | None, options: dict[str, Any]) -> NoReturn:
    _refuse_what_would_be_ignored(context, profile)
    if options["master_address"]:
        _serve(options)
    if not profile:
        raise click.UsageError("which profile? For example: harness run smoke")
    known_switches(options["quirks"])

    from harness.cli import progress
    from harness.config import slo_reach as reach
    from harness.config.load import load_profile, load_slo_file, load_target
    from harness.config.text_file import usable_folder, writable
    from harness.history.store import HistoryStore
    from harness.run import supervisor as rehearsal
    from harness.run.baselines import SANDBOX, as_recorded, opened
    from harness.run.run_request import RunRequest

    if options["target_file"] and options["url"]:
        raise click.UsageError("--target and --url exclude each other")
    slos = load_slo_file(options["slo_file"]) if options["slo_file"] else load_slo_file()
    asked = _jittered(_scaled(load_profile(profile), options["scale"]), options["jitter"])
    reach.refuse(asked, slos.slo, options["slo_file"])
    shown = _shown(options)
    run_request = RunRequest(
        profile=asked,
        source=profile,
        slos=slos.slo,
        catch_all=slos.catch_all,
        database=slos.database,
        assistant=slos.assistant,
        out=options["out"],
        target=load_target(options["target_file"]) if options["target_file"] else None,
        sandbox_url=options["url"],
        seed=options["seed"],
        processes=options["processes"],
        master_port=options["master_port"],
        expect_workers=options["expect_workers"],
        bind=options["bind"],
        wait_s=options["wait_s"] or 60.0,
        token=_token_for_workers(options) if options["master_port"] else "",
        rebalance=options["rebalance"],
        fit=not options["no_fit"],
        observe=not options["no_observe"],
        preflight=options["preflight"],
        accepted=_accepted(options["accepted_file"], asked, options),
        proxy=options["proxy"],
        quirks=options["quirks"],
        allow_production=options["allow_production"],
        **shown,
    )
    environment = run_request.target.environment if run_request.target is not None else "sandbox"
    if (
        history := options["history"]
    ) is not None:  # one that is damaged, or cannot be, is refused before anything is sent
        if history.exists():
            HistoryStore(writable(history, "history")).close()
        else:
            usable_folder(history.parent, "--history")
    baselines = opened(
        options["baseline"],
        run_request.out,
        as_recorded(asked, run_request.target),
        environment,
        target=run_request.target.name if run_request.target is not None else SANDBOX,
        seed=run_request.seed,
        history=options["history"],
        optional=options["baseline_optional"],
    )
    with progress.watcher() as watcher:
        for note in (*baselines.notes, *([baselines.problem] if baselines.problem else [])):
            watcher.stage(note)
        folder = rehearsal.rehearse(run_request, watcher, watcher.detail if options["verbose"] else None)
    judging.judge(
        folder,
        baselines.folders,
        html=not options["no_html"],
        history=options["history"],
        also=baselines.also,
        uncompared=baselines.problem,
        remarks=baselines.notes,
    )


def _accepted(path: Path | None, profile: Profile, options: dict[str, Any]) -> Any:
    """:raises UsageError: nobody asks for what it is about, or it cannot be read."""
    from harness.config.load import load_model
    from harness.preflight.accepted import AcceptedFile

    if path is None:
        return ()
    if not (options["preflight"] or profile.preflight):
        raise UsageError(
            "--accepted without --preflight would be ignored", where="harness run", remedy="add --preflight"
        )
    return load_model(path, "file of accepted findings", AcceptedFile).accepted


def _shown(options: dict[str, Any]) -> dict[str, Any]:
    """Where the run shows itself while it goes on. :raises UsageError: it may not, or not so."""
    from harness.run.web_page import otlp_target, web_page

    if options["fault_buttons"] and (options["web"] is None or options["master_port"]):
        raise UsageError(
            "--fault-buttons needs --web, and all workers on this machine, where the proxy is", where="harness run"
        )
    found: dict[str, Any] = {}
    if options["web"] is not None:
        found["web"] = web_page(options["web"], os.environ, fault_buttons=options["fault_buttons"])
    if options["otlp"] is not None:
        found["otlp"] = otlp_target(options["otlp"], os.environ)
    return found


def known_switches(quirks: Sequence[str]) -> None:
    """Refuse a switch that no sandbox has, before one is started for it."""
    if not quirks:
        return
    from sandbox.switches import SwitchError, Switches

    try:
        Switches.parse(quirks)
    except SwitchError as error:
        raise UsageError(str(error), where="--quirk", remedy="`harness sandbox quirks` lists them") from None


_WORKERS_OWN = {"master_address", "target_file", "url", "out", "wait_s"}
_MASTERS_OWN = {"expect_workers": "--expect-workers", "bind": "--bind", "wait_s": "--wait"}


def _refuse_what_would_be_ignored(context: click.Context, profile: str | None) -> None:
    """An option that means nothing beside the others was meant to do something."""
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    set_ = given | {
        name for name in context.params if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT
    }
    names = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    if "master_address" in set_:
        ignored = sorted(str(names[name]) for name in given - _WORKERS_OWN - {"profile"})
        if profile or ignored:
            what = [*([f"PROFILE {profile}"] if profile else []), *ignored]
            raise UsageError(
                f"a worker takes its orders from its master, so this would be ignored: {', '.join(what)}",
                where="harness run --worker",
                remedy="give it to the master; a worker needs --target or --url alone",
            )
        return
    if "master_port" not in set_:
        ignored = [option for name, option in _MASTERS_OWN.items() if name in given]
        if ignored:
            raise UsageError(
                f"{', '.join(ignored)} without --master or --worker would be ignored",
                where="harness run",
                remedy="add --master PORT; for more processes on this machine alone: --processes N",
            )
    elif "processes" in given:
        raise UsageError(
            "--processes and --master exclude each other: the master's workers are started by hand",
            where="harness run",
            remedy="start so many with `harness run --worker`, and name their number with --expect-workers",
        )


def _serve(options: dict[str, Any]) -> NoReturn:
    from harness.run.worker import work

    code = work(
        options["master_address"],
        options["target_file"],
        options["url"],
        options["out"],
        allow_production=options["allow_production"],
        wait_s=options["wait_s"] or 5.0,
        say=lambda text: click.echo(visible(text), err=True),
    )
    sys.exit(code)


def _token_for_workers(options: dict[str, Any]) -> str:
    """That of the environment, or a new one, which is told here and nowhere else."""
    if token := token_from(os.environ):
        WORDS.learn(token)
        return token
    token = new_token()
    host = "THIS-MACHINE" if options["bind"] in ("0.0.0.0", "::", "*") else options["bind"]
    where = f"[{host}]" if ":" in host else host
    click.echo(
        f"workers need this run's token, which is shown here once:\n"
        f"  {TOKEN_ENV}={token} harness run --worker {where}:{options['master_port']} --target FILE",
        err=True,
    )
    WORDS.learn(token)  # from here on it is a secret like any other
    return token


def _jittered(profile: Profile, jitter_s: float | None) -> Profile:
    """With another spread of its herds. :raises UsageError: the arrivals end before it is over."""
    from pydantic import ValidationError

    if jitter_s is None:
        return profile
    try:
        herds = {**dict(profile.herds), "jitter_s": jitter_s}
        return type(profile).model_validate({**dict(profile), "herds": herds})
    except ValidationError as error:
        said = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
        raise click.UsageError(f"--jitter {jitter_s:g} makes a profile that cannot be: {said}") from error


def _scaled(profile: Profile, factor: float) -> Profile:
    from pydantic import ValidationError

    from harness.core.scaled_profile import scaled

    try:
        return scaled(profile, factor)
    except ValidationError as error:
        said = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
        raise click.UsageError(f"--scale {factor:g} makes a profile that cannot be: {said}") from error
