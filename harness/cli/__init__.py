"""The commands. Thin: they load files, call the rooms, print, and exit with the verdict's code.

The roof of the house: only here, and only inside commands, does `harness` reach up to `reports` and `sandbox`.
That also keeps `harness --help` fast.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from harness import __version__
from harness.core.errors import ExitCode, HarnessError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Load tests and chaos for MoviNesta: does it hold, what breaks first, did tonight's build get slower?

    The exit code is the verdict: 0 pass, 2 usage, 10 SLO missed, 11 data lost or doubled, 12 regression,
    20 inconclusive, 30 aborted, 40 target not ready or not allowed, 70 internal error.
    """


@cli.command()
@click.argument("profile", required=False)
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, a sandbox is started."
)
@click.option("--url", help="A sandbox that already runs on this machine, instead of --target.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of schedule and behaviour; the profile's by default.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--slo", "slo_file", type=click.Path(), help="SLO file (TOML) instead of the shipped one.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    show_default="as many as the phones need",
    help="Worker processes on this machine.",
)
@click.option("--proxy", metavar="URL", help="API of a chaos proxy or Toxiproxy that runs; by default one is started.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the sandbox started here.")
@click.option(
    "--baseline", multiple=True, type=click.Path(path_type=Path), help="Compare with this run afterwards. Repeatable."
)
@click.option("--master", "master_port", type=click.IntRange(1, 65535), help="Serve workers elsewhere on this port.")
@click.option("--expect-workers", type=click.IntRange(min=1), default=1, show_default=True, help="With --master.")
@click.option("--worker", "master_address", metavar="HOST:PORT", help="Be a worker of the master at that address.")
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
    from harness.config.load import load_profile, load_slos, load_target
    from harness.run import supervisor as rehearsal
    from harness.run.run_request import RunRequest

    if options["target_file"] and options["url"]:
        raise click.UsageError("--target and --url exclude each other")
    run_request = RunRequest(
        profile=load_profile(profile),
        source=profile,
        slos=load_slos(options["slo_file"]) if options["slo_file"] else load_slos(),
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
    _judge(folder, options["baseline"], html=not options["no_html"])


def _judge(folder: Path, baselines: Sequence[Path] = (), *, force: bool = False, html: bool = True) -> NoReturn:
    """Write and show the report of a closed record; leave with its code."""
    from reports import render_terminal
    from reports.report import report

    verdict = report(folder, baselines, force=force, html=html)
    render_terminal.write(verdict, folder, sys.stdout, html=html)
    sys.exit(verdict.exit_code)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
def report(folder: Path) -> None:
    """Judge RUN again and render its report, from the record alone."""
    _judge(folder)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--target", "target_file", type=click.Path(), help="Target file (TOML): read its data again first.")
@click.option("--url", help="A sandbox on this machine to read again, instead of --target.")
def check(folder: Path, target_file: str | None, url: str | None) -> None:
    """Was anything lost or doubled in RUN? Exit 11 when it was.

    Holds the run's ledger against what the target stores: as it was read right after the run, or read anew with
    --target or --url. A run without any such reading is not checked, and exits 20.
    """
    from harness.record.store import open_run
    from harness.run import checking
    from reports import render_terminal
    from reports.integrity.check import integrity

    if target_file and url:
        raise click.UsageError("--target and --url exclude each other")
    checking.read_again(folder, target_file, url)
    found = integrity(open_run(folder))
    click.echo("\n".join(render_terminal.integrity(found)))
    codes = {"held": ExitCode.PASS, "broken": ExitCode.DATA, "not checked": ExitCode.INCONCLUSIVE}
    sys.exit(int(codes[found.status]))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("baselines", type=click.Path(path_type=Path), metavar="BASELINE...", nargs=-1, required=True)
@click.option(
    "--also", type=click.Path(path_type=Path), multiple=True, help="A further run of RUN's build. Repeatable."
)
@click.option("--force", is_flag=True, help="Compare runs of different profiles or environments all the same.")
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Only lay the runs side by side, in this file; exit 0."
)
def compare(folder: Path, baselines: tuple[Path, ...], also: tuple[Path, ...], force: bool, page: Path | None) -> None:
    """p95 per operation of RUN against one or more BASELINE runs; exit 12 when an operation regressed.

    A longer tail alone takes several runs to tell from a noisy night: three with --also against seven baselines.

    With --html the runs may differ, in their retry policy for example: the page says in what, and shows what each
    run's faults did to it. It judges nothing.
    """
    from harness.record.store import open_run

    if page is not None:
        from reports.report import side_by_side

        laid = side_by_side((folder, *also, *baselines), page)
        click.echo(f"{len(laid.ids)} runs side by side: {page}")
        return

    from reports import render_terminal
    from reports.compare import compare as compared
    from reports.frames import load

    run, *others = (load(open_run(one)) for one in (folder, *also))
    found = compared(run, [load(open_run(baseline)) for baseline in baselines], also=others, force=force)
    click.echo("\n".join(render_terminal.comparison(found)))
    sys.exit(int(ExitCode.REGRESSION if found.regressed else ExitCode.PASS))


@cli.command()
@click.argument("profile")
@click.option("--fault", "name", help="Name of the [[chaos]] entry; needed when PROFILE has several.")
@click.option("--shortest", type=float, default=5.0, show_default=True, help="Seconds.")
@click.option("--longest", type=float, default=60.0, show_default=True, help="Seconds.")
@click.option("--within", type=float, default=5.0, show_default=True, help="How narrow the answer should be, seconds.")
@click.option("--recover", "recover_s", type=float, default=60.0, show_default=True, help="Time to recover, seconds.")
@click.option("--runs", type=click.IntRange(1, 20), default=6, show_default=True, help="At most so many.")
@click.option(
    "--target", "target_file", type=click.Path(), help="Target file (TOML). Without one, each run has its own sandbox."
)
@click.option("--seed", type=click.IntRange(min=0), help="The same in every run; the profile's by default.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes on this machine.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Switch of the sandboxes started here.")
def tip(profile: str, name: str | None, **options: Any) -> None:
    """The shortest fault of PROFILE that the target does not recover from.

    Runs PROFILE with its fault shorter and longer. Each run lasts warm-up, 45 s of calm, the fault, the time to recover
    and 40 s more. Exit 20 when a run cannot tell.
    """
    from harness.cli import progress
    from harness.config.load import load_profile, load_slos, load_target
    from harness.run import supervisor as rehearsal
    from harness.run import tipping_point as tipping
    from harness.run.run_request import RunRequest
    from reports.recovery.fate import fate
    from reports.report import report

    asked = load_profile(profile)
    fault = tipping.chosen(asked, name, profile)
    target = load_target(options["target_file"]) if options["target_file"] else None
    if not 0 < options["shortest"] <= options["longest"]:
        raise click.UsageError("--shortest must be above 0 and at most --longest")

    def probe(seconds: float) -> tipping.TippingProbe:
        run_request = RunRequest(
            profile=tipping.lasting(asked, fault, seconds, options["recover_s"]),
            source=profile,
            slos=load_slos(),
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
    found = tipping.find(probe, told=lambda done: click.echo(done.text), **limits)
    click.echo(f"{fault.name} ({fault.fault}) at {tipping.load_of(asked)}: {found.text}")
    sys.exit(int(ExitCode.PASS if found.known else ExitCode.INCONCLUSIVE))


@cli.command()
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each defect.")
@click.option("--healthy", type=click.IntRange(min=0), default=50, show_default=True, help="Runs without a defect.")
@click.option("--only", multiple=True, metavar="NAME", help="This defect alone. Repeatable.")
@click.option("--fast", is_flag=True, help="Four defects, one seed, one healthy run.")
@click.option("--baseline", "baselines", multiple=True, type=click.Path(path_type=Path), help="Of an earlier proof.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/prove"), show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Runs side by side, of those that measure no time.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted proof in --out; what answered stays.")
@click.option("--list", "listed", is_flag=True, help="Name the defects and their gates, and run nothing.")
def prove(seeds: int, healthy: int, fast: bool, **options: Any) -> None:
    """Run seeded defects through whole runs: is each caught, and are healthy runs left alone?

    Some 50 seconds a run; everything takes hours. Writes prove.md and prove.json to the folder of --out. Exit 0 only
    when every defect was caught by its gate and no healthy run raised an alarm; 10 otherwise.
    """
    from harness.prove.command import prove as proven

    few = fast and not options["only"]
    sys.exit(proven(seeds=1 if few else seeds, healthy=1 if few else healthy, fast=fast, say=click.echo, **options))


@cli.command()
@click.option("--dau", type=float, help="People a day; 500,000 by default.")
@click.option("--sessions-per-day", type=float, help="Per person; 1.5 by default.")
@click.option("--minutes", "session_minutes", type=float, help="Mean length of a session; 8 by default.")
@click.option("--mix", "mix_file", type=click.Path(path_type=Path), help="TOML with [mix] and any other input.")
@click.option("--prices", "price_file", type=click.Path(path_type=Path), help="Price file instead of the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="Every figure as JSON.")
@click.option("--write", "out", type=click.Path(path_type=Path), help="Write the busiest hour as a profile.")
@click.option("--hold", type=float, default=15.0, show_default=True, help="Minutes at the peak, with --write.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Share of the peak, with --write.")
def plan(
    mix_file: Path | None,
    price_file: Path | None,
    as_json: bool,
    out: Path | None,
    hold: float,
    scale: float,
    **given: float | None,
) -> None:
    """From people a day to requests, sockets, rows, limits and cost; and a profile of the peak."""
    from harness import plan as planning

    changes = planning.load_changes(mix_file) if mix_file else {}
    changes |= {name: value for name, value in given.items() if value is not None}
    inputs = planning.PlanInputs().changed(**changes)
    made = planning.make(inputs, planning.load_prices(price_file) if price_file else planning.load_prices())
    if out is not None:
        out.write_text(planning.profile_toml(made, inputs, minutes=hold, scale=scale), encoding="utf-8")
        click.echo(f"profile: {out}", err=True)
    click.echo(planning.to_json(made) if as_json else planning.render_table(made), nl=False)


@cli.group()
def sandbox() -> None:
    """A MoviNesta as shipped, on this machine, to run against."""


@sandbox.command("up")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--people", type=int, default=200, show_default=True)
@click.option("--catalogue", type=int, default=600, show_default=True, help="Titles.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Named switch; `harness sandbox quirks`.")
@click.option(
    "--realtime", multiple=True, metavar="NAME=VALUE", help="Realtime setting, or plan=free; docs/sandbox.md."
)
@click.option("--data", type=click.Path(), help="Keep the database in this folder.")
def sandbox_up(**options: Any) -> None:
    """Start the sandbox and stay until Ctrl-C."""
    from sandbox.command import main as serve

    arguments = [f"--{name}={options[name]}" for name in ("port", "host", "people", "catalogue", "seed")]
    arguments += [f"--quirk={quirk}" for quirk in options["quirks"]]
    arguments += [f"--realtime={setting}" for setting in options["realtime"]]
    arguments += [f"--database={options['data']}"] if options["data"] else []
    sys.exit(serve(arguments))


@sandbox.command("quirks")
def sandbox_quirks() -> None:
    """List the sandbox's named switches."""
    from sandbox.quirks import describe

    click.echo(describe())


@sandbox.command("keys")
def sandbox_keys() -> None:
    """Print an environment file with a sandbox's secrets, for processes that do not share its loopback.

    Fresh ones, or those that follow from SANDBOX_JWT_SECRET and SANDBOX_PASSWORD where they are set. Keep it private:
    harness sandbox keys > .env
    """
    from sandbox.env_file import environment
    from sandbox.options import SandboxOptions

    for name, value in environment(SandboxOptions()).items():
        click.echo(f"{name}={value}")


@cli.group()
def users() -> None:
    """Synthetic people on a target: made before a rehearsal, removed after it."""


@users.command("provision")
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many there should be in the end.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def users_provision(target_file: str, count: int, concurrency: int, allow_production: bool) -> None:
    """Create the people that are missing. Safe to repeat and to interrupt."""
    from harness import provision
    from harness.config.load import load_target

    target = load_target(target_file)
    click.echo(provision.provision(target, count, concurrency=concurrency, allow_production=allow_production))


@users.command("cleanup")
@click.option("--target", "target_file", type=click.Path(), required=True, help="Target file (TOML).")
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only say who would be removed.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def users_cleanup(target_file: str, concurrency: int, dry_run: bool, allow_production: bool) -> None:
    """Remove the people that `provision` made with this target's tag, and nobody else."""
    from harness import provision
    from harness.config.load import load_target

    target = load_target(target_file)
    click.echo(provision.cleanup(target, concurrency=concurrency, dry_run=dry_run, allow_production=allow_production))


@cli.group()
def chaos() -> None:
    """Faults between the phones and the target."""


@chaos.command("proxy")
@click.option("--upstream", help="Make a proxy to HOST:PORT, or to https://HOST as a reverse proxy.")
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="Where that proxy listens; 0 is a free port.")
@click.option("--name", default="target", show_default=True, help="Its name in the API.")
@click.option("--api", default="127.0.0.1:8474", show_default=True, help="Where the Toxiproxy-compatible API listens.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every draw: the same seed hits the same ones.")
@click.option("--lease", "lease_s", type=float, help="Seconds after which any fault ends unless it is renewed.")
@click.option("--allow-remote", is_flag=True, help="Listen elsewhere than on loopback. The API has no password.")
@click.option("--metrics", is_flag=True, help="Serve GET /metrics for Prometheus.")
def chaos_proxy(**options: Any) -> None:
    """Run the fault-injecting proxy and stay until Ctrl-C."""
    from chaos.proxy.command import Options, run

    options["upstream"] = options["upstream"] or ""

    def ready(where: Mapping[str, Any]) -> None:
        click.echo(f"API: {where['api']}")
        for name, address in where["proxies"].items():
            click.echo(f"proxy {name}: {address} -> {options['upstream']}")
        click.echo("Ctrl-C stops it; `harness chaos clear` ends every fault at once.", err=True)

    sys.exit(run(Options(**options), ready))


@chaos.command("clear")
@click.option("--api", default="http://127.0.0.1:8474", show_default=True, help="URL of the proxy's API.")
def chaos_clear(api: str) -> None:
    """End every fault of a running proxy at once."""
    from chaos.client import ClientError, Toxiproxy
    from harness.core.errors import TargetError

    with Toxiproxy(api if "://" in api else f"http://{api}") as server:
        try:
            click.echo(f"{server.clear()} faults ended")
        except ClientError as error:
            raise TargetError(str(error)) from None


def main() -> None:
    """Entry point: every error becomes one message and its documented exit code."""
    try:
        sys.exit(cli(standalone_mode=False) or int(ExitCode.PASS))
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(int(ExitCode.ABORTED))
    except click.ClickException as error:
        error.show()
        sys.exit(int(ExitCode.USAGE))
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.ABORTED))
    except HarnessError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(int(error.exit_code))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.PASS))
    except Exception:
        click.echo("error: this is a fault of the harness itself; please report it with what follows", err=True)
        traceback.print_exc()
        sys.exit(int(ExitCode.INTERNAL))
