"""`harness history`: what earlier runs came to, and when an operation changed."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import RunFolder
from harness.core.counted import counted
from harness.core.errors import ExitCode
from harness.core.visible import in_json, visible

if TYPE_CHECKING:
    from harness.history.model import Night

FILE = Path("runs/history.db")
BARS = "▁▂▃▄▅▆▇█"
SHOWN = 20


@click.group()
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=FILE,
    show_default=True,
    envvar="HARNESS_HISTORY",
    help="The history (SQLite); also HARNESS_HISTORY.",
)
@click.pass_context
def history(context: click.Context, path: Path) -> None:
    """Runs remembered, and since when an operation is slower."""
    context.obj = path


@history.command()
@click.argument("runs", type=RunFolder(), metavar="RUN...", nargs=-1, required=True)
@click.option("--commit", default="", help="Of the app that was tested; else as the CI system says.")
@click.option("--branch", default="", help="Likewise.")
@click.pass_obj
def add(path: Path, runs: tuple[Path, ...], commit: str, branch: str) -> None:
    """Judge each RUN from its record and remember it. What is there already stays as it is."""
    from harness.history.store import HistoryStore
    from harness.record.store import open_run
    from reports.frames import load
    from reports.judged_before import regressed_before
    from reports.night import night_of
    from reports.report import judged

    with HistoryStore(path) as store:
        for folder in runs:
            frames = load(open_run(folder).checked())
            regressed = regressed_before(
                folder
            )  # against runs that may be gone: alone it would pass, and be a baseline
            night = night_of(frames, judged(folder), os.environ, commit=commit, branch=branch)
            if regressed and night.exit_code == ExitCode.PASS:
                night = night.model_copy(
                    update={"exit_code": int(ExitCode.REGRESSION), "verdict": "fail", "sentence": regressed}
                )
            new = store.add(night, _record_of(folder, night))
            click.echo(visible(f"{night.run_id}: {'added' if new else 'was there'} ({night.verdict})"))


@history.command("list")
@click.option("--profile", help="Runs of this profile alone.")
@click.option("--target", help="Runs against this target alone.")
@click.option("--last", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="How many, the newest.")
@click.pass_obj
def list_(path: Path, profile: str | None, target: str | None, last: int) -> None:
    """Runs, the newest last, and commits that passed and failed."""
    from harness.history.choose import flaky
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        nights, accepted = store.nights(profile, target), store.accepted()
    for night in nights[-last:]:
        verdict = f"{night.verdict}{', accepted' if night.run_id in accepted else ''}"
        what = f"{night.profile} on {night.target}  {_what(night)}".rstrip()
        click.echo(visible(f"{night.started_at[:16]}  {verdict:12}  {night.run_id}  {what}"))
    click.echo(f"{counted(len(nights), 'run')}, {sum(night.exit_code == 0 for night in nights)} passed; times are UTC")
    for line in flaky(nights):
        click.echo(visible(line))


@history.command()
@click.argument("run_id", metavar="RUN_ID")
@click.pass_obj
def show(path: Path, run_id: str) -> None:
    """One run: verdict and the figures of every operation. The beginning of its id is enough."""
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        night = store.night(run_id)
    click.echo(visible(f"{night.run_id}  {night.verdict} (exit {night.exit_code})  {_what(night)}"))
    click.echo(visible(night.sentence))
    for row in night.operations:
        figures = "  ".join(f"{name} {_ms(getattr(row, name))}" for name in ("p50", "p95", "p99"))
        click.echo(
            visible(
                f"  {row.operation} ({row.view}): {figures}  {counted(row.samples, 'sample')}, {row.failed:,} failed"
            )
        )


@history.command()
@click.argument("operation")
@click.option(
    "--view",
    type=click.Choice(["server", "e2e", "delivery"]),
    default="server",
    show_default=True,
    help="Of a request, of what a person does, or of what Realtime brings.",
)
@click.option("--profile", help="Of this profile; needed where the history has several.")
@click.option("--target", help="Of this target; likewise.")
@click.pass_obj
def trend(path: Path, operation: str, view: str, profile: str | None, target: str | None) -> None:
    """p95 of OPERATION over the runs, and since which run it is another.

    Changes are found as docs/history.md says, of all operations together: with 1 % chance that one of them is said to
    have changed where nothing did, from four runs on either side, and not for less than 10 % or 5 ms.
    """
    from harness.core.errors import UsageError
    from harness.core.frozen_model import closest
    from harness.history import told
    from harness.history.series import changes, every_series
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        nights = [night for night in store.nights(profile, target) if night.complete]
        accepted = store.accepted()
    series = sorted({night.series for night in nights})
    if len(series) > 1:
        named = "; ".join(f"--profile {one} --target {other}" for one, other, _ in series)
        raise UsageError("these runs are of several kinds", where=str(path), remedy=f"choose one: {named}")
    plans = every_series(nights)
    runs = max(plans.values(), key=lambda one: one[-1].started_at, default=[])
    found = [(night, value) for night in runs if (value := _p95(night, operation, view)) is not None]
    if not found:
        names = {row.operation for night in runs for row in night.operations if row.view == view}
        raise UsageError(f"no run has a p95 of {operation} ({view})", where=str(path), remedy=closest(operation, names))
    values = [value for _, value in found]
    click.echo(f"{operation} ({view}), p95 over {counted(len(found), 'run')}: {_spark(values)}")
    for night, value in found[-SHOWN:]:
        click.echo(visible(f"  {night.started_at[:16]}  {_ms(value):>10}  {night.verdict:12} {_what(night)}"))
    all_of_them = changes(runs)
    for change in all_of_them.of(operation, view):
        click.echo(visible(told.of_one(change)))
    for together in all_of_them.together:
        click.echo(visible(told.of_all(together)))
    if other := len(nights) - len(runs):
        click.echo(f"{counted(other, 'run')} of another plan: not compared")
    if stale := _stale(runs, accepted):
        click.echo(visible(stale))


@history.command("changes")
@click.option("--profile", help="Runs of this profile alone.")
@click.option("--target", help="Runs against this target alone.")
@click.pass_obj
def changes_(path: Path, profile: str | None, target: str | None) -> None:
    """Operations that changed over the runs.

    And since when; flaky commits and stale baselines. In Markdown; under GitHub also in the step's summary.
    """
    from harness.cli.ci import add_to_summary
    from harness.history.series import every_series
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        nights, accepted = store.nights(profile, target), store.accepted()
    kinds = every_series(nights)
    said: list[str] = []
    for (name, on, *_, plan), runs in kinds.items():
        lines = _changes_of(runs, accepted)
        several = sum(one.series == runs[0].series for one, *_ in kinds.values()) > 1
        head = f"{name} on {on}" + (f", plan {plan[:8]}" if several else "")
        said.append(f"{head}, {counted(len(runs), 'run')}: {'' if lines else 'no operation changed'}")
        said += [f"- {line}" for line in lines]
    for line in said or ["no run in this history"]:
        click.echo(visible(line))
    add_to_summary("Since when is what slower?", said)


def _changes_of(runs: Sequence[Night], accepted: Collection[str]) -> list[str]:
    """Of runs of one kind and plan."""
    from harness.history import told
    from harness.history.choose import flaky
    from harness.history.series import changes

    found = changes(runs)
    lines = [told.named(one) for one in found.alone]
    lines += [told.of_all(one) for one in found.together]
    stale = _stale([night for night in runs if night.complete], accepted)
    return [*lines, *flaky(runs), *([stale] if stale else [])]


@history.command()
@click.option("--keep", type=click.IntRange(min=1), required=True, help="Of each profile and target, the newest.")
@click.pass_obj
def prune(path: Path, keep: int) -> None:
    """Forget older runs.

    But not those that are the baseline of a kept one: the newest nine that passed of each plan and branch.
    """
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        click.echo(f"{counted(store.prune(keep), 'run')} forgotten")


@history.command()
@click.argument("run_id", metavar="RUN_ID")
@click.pass_obj
def accept(path: Path, run_id: str) -> None:
    """Take RUN_ID, and no run before it, as the baseline.

    For a change that is wanted although it is slower (exit 12). The beginning of its id is enough; `harness history
    forget` takes it back.
    """
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        night = store.accept(run_id)
    click.echo(visible(f"{night.run_id}: accepted; later runs are compared with it, and with what passes from then on"))


@history.command()
@click.argument("run_ids", metavar="RUN_ID...", nargs=-1, required=True)
@click.pass_obj
def forget(path: Path, run_ids: tuple[str, ...]) -> None:
    """Forget these runs, that no later one is compared with.

    The beginning of an id is enough.
    """
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        named = [store.named(one) for one in run_ids]
        store.forget(named)
    for one in named:
        click.echo(visible(f"{one}: forgotten"))


@history.command()
@click.argument("other", type=click.Path(path_type=Path), metavar="FILE")
@click.pass_obj
def merge(path: Path, other: Path) -> None:
    """Take over the runs of another history FILE.

    Of a CI cache, or an artifact.
    """
    from harness.history.store import HistoryStore

    HistoryStore(other, make=False).close()  # before ours is made
    with HistoryStore(path) as store:
        click.echo(f"{counted(store.merge(other), 'run')} added")


@history.command()
@click.pass_obj
def export(path: Path) -> None:
    """Every run as a line of JSON on standard output."""
    from harness.history.store import HistoryStore

    with HistoryStore(path, make=False) as store:
        for night in store.nights():
            click.echo(in_json(night.model_dump_json()))


def _p95(night: Night, operation: str, view: str) -> float | None:
    return next((row.p95 for row in night.operations if row.operation == operation and row.view == view), None)


def _stale(nights: Sequence[Night], accepted: Collection[str]) -> str:
    """A series whose last good run is long ago compares with an old build."""
    from harness.history.choose import is_good

    good = [place for place, night in enumerate(nights) if is_good(night, accepted)]
    behind = len(nights) - 1 - good[-1] if good else len(nights)
    return f"the last {counted(behind, 'run')} did not pass: a baseline is from before them" if behind >= 5 else ""


def _what(night: Night) -> str:
    parts = [night.commit[:12], night.branch]
    return " ".join(part for part in parts if part)


def _ms(value: float | None) -> str:
    return "no answer" if value is None else f"{value:,.1f} ms"


def _spark(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))] for value in values)


def remember(path: Path, folder: Path, verdict: Any) -> None:
    """Keep a run that was just judged (`harness run --history`)."""
    from harness.history.store import HistoryStore
    from harness.record.store import open_run
    from reports.frames import load
    from reports.night import night_of

    with HistoryStore(path) as store:
        night = night_of(load(open_run(folder).checked()), verdict, os.environ)
        store.add(night, _record_of(folder, night))


def _record_of(folder: Path, night: Night) -> bytes | None:
    """What a later run can be compared with; None for a run that is no baseline. One that is only slower may be
    accepted as one."""
    from harness.history.packed import pack

    return pack(folder) if night.exit_code in (ExitCode.PASS, ExitCode.REGRESSION) and night.complete else None
