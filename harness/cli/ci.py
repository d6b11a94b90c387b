"""`harness ci`: workflow files for GitHub and GitLab; and what a run tells the CI system that it runs in."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import RunFolder
from harness.cli.output_file import write_whole
from harness.core.counted import counted
from harness.core.errors import HarnessError, UsageError
from harness.core.secret_filter import WORDS
from harness.core.visible import visible

if TYPE_CHECKING:
    from harness.ci.annotations import Annotation
    from harness.ci.environment import CiEnvironment
    from reports.verdict import Verdict

KEPT = "ci"
"""Beside the runs: the newest one's files under names that do not change, for a CI system's configuration."""

KEPT_FILES = ("verdict.json", "junit.xml", "summary.md", "comment.md", "metrics.txt", "report.html")


@click.group()
def ci() -> None:
    """Workflow files and comments for GitHub and GitLab."""


@ci.command()
@click.argument("system", type=click.Choice(["github", "gitlab"]))
@click.option("--target", type=click.Path(path_type=Path), help="Target file of your project; without one: a sandbox.")
@click.option(
    "--preview",
    type=click.Path(path_type=Path),
    help="Target file of a change's own deployment: compared with --target.",
)
@click.option("--install", multiple=True, metavar="COMMAND", help="Shell line that installs the harness. Repeatable.")
@click.option("--branch", default="main", show_default=True, help="Whose runs are the baseline of a change.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Root of your project.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def init(
    system: str,
    target: Path | None,
    preview: Path | None,
    install: tuple[str, ...],
    branch: str,
    into: Path,
    force: bool,
) -> None:
    """Write workflow files into a repository.

    Smoke on each change, and the change against its base (harness ab) where there are two deployments; a nightly that
    remembers; a rehearsal behind an approval.
    """
    from harness.ci.workflows import PACKAGE, Project, secrets_of, written

    if preview is not None and target is None:
        raise click.UsageError("--preview needs --target, with which it is compared")
    named = [_target_file(into / one, one) for one in (target, preview) if one is not None]
    secrets = tuple(dict.fromkeys(name for one in named for name in secrets_of(one)))
    project = Project(
        install or _install(system, into),
        target.as_posix() if target else "",
        secrets,
        branch,
        preview=preview.as_posix() if preview else "",
        own_code=_is_checkout(into),
    )
    files = {into / path: text for path, text in written(system, project).items()}
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise UsageError(
            f"there already: {', '.join(there)}; nothing was written",
            where="harness ci init",
            remedy="look at them first; --force overwrites them",
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
        click.echo(visible(f"wrote {path} ({counted(len(text.splitlines()), 'line')})"))
    if any(PACKAGE in line for line in project.install):
        click.echo(f"variable that your CI needs: {PACKAGE}, what pip is to install (or say --install)")
    if secrets:
        click.echo(f"secrets that your CI needs: {', '.join(secrets)}")
    if system == "gitlab":
        click.echo("include it from .gitlab-ci.yml: `include: [{local: .gitlab/harness.yml}]`")


@ci.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
def comment(folder: Path) -> None:
    """Post RUN's comment on this job's pull request.

    It replaces the one of the run before.

    Needs HARNESS_CI_TOKEN, and the variables that GitHub or GitLab sets in a job.
    """
    from harness.ci.comments import upsert
    from harness.ci.environment import TOKEN, detect

    job = detect(os.environ)
    if job is None or not job.can_comment:
        raise UsageError(
            "this is no CI job of a pull or merge request, or it has no token",
            where="the environment",
            remedy=f"run it in a job of a pull request, with {TOKEN} set",
        )
    path = folder / "comment.md"
    if not path.is_file():
        raise UsageError(
            "this run has no comment.md",
            where=str(folder),
            remedy=f"`harness report {folder}` in the same job writes it",
        )
    click.echo(f"comment {upsert(job, path.read_text(encoding='utf-8'))}")


def tell_ci(folder: Path, verdict: Verdict, baselines: Sequence[Path]) -> None:
    """Under GitHub or GitLab: annotations, the step's summary, the comment, metrics. Elsewhere nothing.

    Never changes the verdict: what cannot be written or posted is said, and keeps nothing else back.
    """
    from harness.ci.environment import detect

    job = detect(os.environ)
    if job is not None:
        for part in _parts(job, folder, verdict, baselines):
            attempt(part)


def attempt(part: Callable[[], object]) -> None:
    """One of the things that a CI system is told."""
    try:
        part()
    except (HarnessError, OSError) as error:
        click.echo(f"the CI system could not be told: {visible(WORDS.text(str(error)))}", err=True)


@contextlib.contextmanager
def refusals(*, compared: bool = False) -> Iterator[None]:
    """What ends a command before there is a verdict is told to the CI system as well. compared: it is `harness ab`."""
    try:
        yield
    except (HarnessError, click.ClickException) as error:
        _refused(error.format_message() if isinstance(error, click.ClickException) else str(error), compared)
        raise


def _outdate(job: CiEnvironment, compared: bool) -> None:
    """A comment on an earlier commit says so, lest its verdict be taken for this one's."""
    from harness.ci.comments import outdate
    from harness.ci.marker import COMPARED, NAME
    from reports.render.ci_comment import as_url

    commit = commit_of(os.environ)
    of = f" of commit {commit[:12]}" if commit else ""
    where = f" ([the job]({as_url(job.job_url)}) says why)" if job.job_url else ""
    note = f"**Out of date**: the run{of} ended without a verdict{where}. What follows is about an earlier commit."
    outdate(job, lambda mark: mark.startswith(f"<!-- {NAME}: {COMPARED} ") == compared, note)


def _refused(said: str, compared: bool) -> None:
    """A command that was refused, beside the change and in the step's summary: there is no run that could say it."""
    from harness.ci.annotations import Annotation, commands
    from harness.ci.environment import detect

    job = detect(os.environ)
    if job is None:
        return
    if job.can_comment:
        attempt(lambda: _outdate(job, compared))
    if job.system != "github":
        return
    said = WORDS.text(said)
    for line in commands([Annotation("error", "harness run ended without a verdict", visible(said))]):
        click.echo(line)
    if job.summary:
        text = "## ❌ No verdict\n\n" + "\n".join(f"    {visible(line)}" for line in said.split("\n")) + "\n"
        try:
            append(Path(job.summary), text)
        except OSError as problem:
            click.echo(f"the step's summary could not be written: {problem.strerror}", err=True)


def add_to_summary(title: str, lines: Sequence[str]) -> None:
    """Under GitHub: words of ours or of a history, as literal text, behind what the step's summary holds. `lines` that
    begin with a dash are items of a list."""
    from harness.ci.environment import detect
    from reports.render.summary import md

    job = detect(os.environ)
    if job is None or job.system != "github" or not job.summary or not lines:
        return
    text = [f"- {md(line[2:])}" if line.startswith("- ") else f"\n{md(line)}\n" for line in lines]
    try:
        append(Path(job.summary), WORDS.text("\n".join([f"### {md(title)}", *text, ""])))
    except OSError as problem:
        click.echo(f"the step's summary could not be written: {problem.strerror}", err=True)


def _parts(
    job: CiEnvironment, folder: Path, verdict: Verdict, baselines: Sequence[Path]
) -> Iterator[Callable[[], object]]:
    from reports.render import ci_comment, open_metrics, summary
    from reports.render.ci_annotations import remarks

    command = WORDS.text(shlex.join(["harness", *sys.argv[1:]]))
    compare = shlex.join(["harness", "compare", str(folder), *map(str, baselines)]) if baselines else ""
    text = WORDS.known(
        ci_comment.render(verdict, command=command, compare=compare, job_url=job.job_url, commit=commit_of(os.environ))
    )
    yield lambda: (folder / "comment.md").write_text(text, encoding="utf-8")
    yield lambda: (folder / "metrics.txt").write_text(WORDS.known(open_metrics.render(verdict)), encoding="utf-8")
    yield lambda: keep(folder, folder.absolute().parent / KEPT, KEPT_FILES)
    yield from told(job, remarks(verdict), WORDS.known(summary.render(verdict)), text)


def told(
    job: CiEnvironment, remarks: Sequence[Annotation], summary: str, comment: str
) -> Iterator[Callable[[], object]]:
    """What the system shows by itself: remarks beside the change, the step's summary, the comment."""
    from harness.ci.annotations import commands

    if job.system == "github":
        for line in commands(remarks):
            click.echo(WORDS.known(line))
        if job.summary:
            yield lambda: append(Path(job.summary), summary)
    if job.can_comment:
        yield lambda: _post(job, comment)


def commit_of(environ: Mapping[str, str]) -> str:
    """The newest commit of what is built, for a comment that may outlive it; empty where nobody says. On GitHub a
    request's variable names a merge that nobody made, the event its own commit."""
    found = environ.get("GITHUB_SHA") or environ.get("CI_COMMIT_SHA", "")
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        found = str(event["pull_request"]["head"]["sha"])
    return found if re.fullmatch("[0-9a-f]{7,64}", found) else ""


def _post(job: CiEnvironment, comment: str) -> None:
    from harness.ci.comments import upsert

    try:
        click.echo(f"comment {upsert(job, comment)} on #{job.change}", err=True)
    except HarnessError as error:
        click.echo(visible(f"warning: {error.what}; {error.remedy}"), err=True)


def append(path: Path, text: str) -> None:
    """To the step's summary, as much of it as fits beside what is there."""
    from harness.ci.limits import SUMMARY_BYTES, within

    there = path.stat().st_size if path.exists() else 0
    with path.open("a", encoding="utf-8") as file:
        file.write(within(text + "\n", SUMMARY_BYTES - there))


def keep(folder: Path, kept: Path, names: Sequence[str]) -> None:
    """Copy the files of those names from `folder` to `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    for name in names:
        (kept / name).unlink(missing_ok=True)  # of the run before: none of it may be taken for this one's
        if (folder / name).is_file():
            shutil.copyfile(folder / name, kept / name)


def _target_file(path: Path, named: Path) -> dict[str, Any]:
    """:raises UsageError: it cannot be read."""
    from harness.config.load import read_toml

    try:
        return read_toml(path, "target file")
    except UsageError as error:
        raise UsageError(
            error.what,
            where=str(named),
            remedy="name one as your project holds it, from its root; docs/targets.md shows how to write it",
        ) from error


def _is_checkout(into: Path) -> bool:
    """Whether the harness itself, sandbox included, is the project's code."""
    from harness.config.load import read_toml

    try:
        return bool(read_toml(into / "pyproject.toml", "project file")["project"]["name"] == "movinesta-harness")
    except (UsageError, LookupError, TypeError):
        return False


def _install(system: str, into: Path) -> tuple[str, ...]:
    """A checkout of the harness itself brings its own lock file."""
    from harness.ci.workflows import FROM_CHECKOUT, FROM_CHECKOUT_GITLAB, FROM_PACKAGE

    if not _is_checkout(into):
        return FROM_PACKAGE
    return FROM_CHECKOUT if system == "github" else FROM_CHECKOUT_GITLAB
