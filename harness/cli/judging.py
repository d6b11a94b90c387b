"""`harness report`, `check` and `compare`: a verdict from records alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness.cli.arguments import HttpUrl, OutFile, RunFolder
from harness.cli.history import remember
from harness.core.counted import counted
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.interrupts import Interrupted
from harness.core.visible import visible, visible_lines

if TYPE_CHECKING:
    from reports.verdict import Verdict


def judge(
    folder: Path,
    baselines: Sequence[Path] = (),
    *,
    also: Sequence[Path] = (),
    force: bool = False,
    html: bool = True,
    history: Path | None = None,
    uncompared: str = "",
    remarks: Sequence[str] = (),
) -> NoReturn:
    """Write and show the report of a closed record, tell the CI system, remember the run where `history` says so; leave
    with its code. `also`, `uncompared`, `remarks`: as `reports.report.report`."""
    from harness.cli.ci import tell_ci
    from reports.render import terminal
    from reports.report import NotWritten, report

    unwritten: NotWritten | None = None
    try:
        try:
            verdict = report(
                folder,
                baselines,
                also=also,
                force=force,
                html=html,
                uncompared=uncompared,
                remarks=remarks,
                history=history,
            )
        except NotWritten as error:  # a full disk hides no verdict
            verdict, unwritten = error.verdict, error
        terminal.write(verdict, folder, sys.stdout, html=html and unwritten is None)
        tell_ci(folder, verdict, baselines)
        if history is not None:
            _remember(history, folder, verdict)
    except Interrupted as error:
        error.while_(
            "while the report was written", record=str(folder), remedy=f"`harness report {folder}` writes it anew"
        )
        raise
    if unwritten is not None:
        click.echo(visible_lines(f"error: {unwritten}"), err=True)
        sys.exit(verdict.exit_code or int(unwritten.exit_code))
    sys.exit(verdict.exit_code)


def _remember(history: Path, folder: Path, verdict: Verdict) -> None:
    """A history that cannot be written changes no verdict; it is said, with what adds the run later."""
    try:
        remember(history, folder, verdict)
    except HarnessError as error:
        click.echo(
            visible(f"warning: the run is not in the history: {error.what}; `harness history add {folder}` adds it"),
            err=True,
        )


@click.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
def report(folder: Path) -> None:
    """Judge RUN again and render its report, from its record alone.

    `latest` is the newest run in runs/. RUN is compared with what it was compared with before, as far as that is still
    there; else the report says which runs are gone, and one that was slower than they were is inconclusive.
    """
    from reports.judged_before import GONE, judged_before, regressed_before

    before, regressed = judged_before(folder), regressed_before(folder)
    judge(
        folder,
        before.folders,
        also=before.also,
        remarks=(before.note,) if before.note else (),
        uncompared=f"{GONE}{regressed.removesuffix('.')}" if regressed else "",
    )


@click.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
@click.option("--target", "target_file", type=click.Path(), help="Target file (TOML): read its data again first.")
@click.option("--url", type=HttpUrl(), help="A sandbox on this machine to read again, instead of --target.")
@click.option("--allow-production", is_flag=True, help="Needed for a target whose environment is production.")
def check(folder: Path, target_file: str | None, url: str | None, allow_production: bool) -> None:
    """Was anything lost or doubled in RUN? Exit 11 when it was.

    Holds the run's ledger against what the target stores: as it was read right after the run, or read anew with
    --target or --url. A run without any such reading is not checked, and exits 20.
    """
    from harness.record.store import open_run
    from harness.run import checking
    from reports.integrity.check import integrity
    from reports.render import terminal

    if target_file and url:
        raise click.UsageError("--target and --url exclude each other")
    checking.read_again(folder, target_file, url, allow_production=allow_production)
    found = integrity(open_run(folder).checked())
    click.echo("\n".join(terminal.integrity(found)))
    codes = {"held": ExitCode.PASS, "broken": ExitCode.DATA, "not checked": ExitCode.INCONCLUSIVE}
    sys.exit(int(codes[found.status]))


@click.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
@click.argument("baselines", type=RunFolder(), metavar="BASELINE...", nargs=-1, required=True)
@click.option(
    "--also", type=RunFolder(), metavar="RUN", multiple=True, help="A further run of RUN's build. Repeatable."
)
@click.option("--force", is_flag=True, help="Compare runs of different profiles or environments all the same.")
@click.option("--html", "page", type=OutFile(), help="Write the comparison as a page to this file; exit 0.")
def compare(folder: Path, baselines: tuple[Path, ...], also: tuple[Path, ...], force: bool, page: Path | None) -> None:
    """p95 per operation of RUN against one or more BASELINE runs.

    Exit 12 when an operation regressed. A regression is more than 15 % and 5 ms, told from "no change" by how far runs
    of one build differ, all operations judged together. Three runs (--also) against seven baselines tell the most; one
    against one tells only a large change from a noisy night.

    What changed comes first, the largest effect on top; operations with an objective are always there. With --html the
    runs may differ, in their retry policy for example: the page says in what, and what each run's faults did to it.
    """
    from harness.record.store import open_run

    if page is not None:
        from reports.report import side_by_side

        laid = side_by_side((folder, *also, *baselines), page, also=len(also))
        click.echo(visible(f"{counted(len(laid.ids), 'run')} side by side: {page}"))
        return

    from reports.compare import compare as compared
    from reports.frames import load
    from reports.render import terminal

    _refuse_twice([open_run(one).manifest.run_id for one in (folder, *also, *baselines)])
    run, *others = (load(open_run(one)) for one in (folder, *also))
    found = compared(run, [load(open_run(baseline)) for baseline in baselines], also=others, force=force)
    click.echo("\n".join(terminal.comparison(found)))
    sys.exit(int(ExitCode.REGRESSION if found.regressed else ExitCode.PASS))


def _refuse_twice(ids: Sequence[str]) -> None:
    """:raises UsageError: a run is named twice, or its copy: it would count as two, and chance as less than it is."""
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise UsageError(
            f"named twice: {', '.join(twice)}",
            where="harness compare",
            remedy="name each run once, whatever its copies",
        )
