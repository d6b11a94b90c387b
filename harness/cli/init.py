"""`harness init`: a project of one's own beside nothing but an installed harness."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import click

from harness.cli.output_file import write_whole
from harness.core.errors import HarnessError, UsageError
from harness.core.visible import visible

PROJECT = Path(__file__).parent / "project"
FILES = {
    "README.md": "README.md",
    "profiles/first.toml": "profiles/first.toml",
    "slo.toml": "slo.toml",
    "targets/staging.toml": "targets/staging.toml",
    "gitignore": ".gitignore",  # under its own name it would apply here
}
"""What is copied, and what it is called there."""
FIRST = ("harness run profiles/first.toml --slo slo.toml", "harness report latest")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--ci", "system", type=click.Choice(["github", "gitlab"]), help="Its workflow files as well.")
def init(folder: Path, system: str | None) -> None:
    """Make a project of your own in FOLDER (here by default).

    Writes a profile, an SLO file, a target file and a README, with --ci also what `harness ci init` writes; overwrites
    nothing. Prints the two commands that run it and show the verdict again.
    """
    from harness.ci.workflows import PACKAGE, Project, written

    texts = {name: (PROJECT / source).read_text(encoding="utf-8") for source, name in FILES.items()}
    texts |= {str(path): text for path, text in written(system, Project()).items()} if system else {}
    _refuse_overwriting(folder, texts)
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
            made.append(path)
    except (HarnessError, OSError):
        for path in made:
            path.unlink(missing_ok=True)  # else the next try would find them there
        raise
    for path in made:
        click.echo(visible(f"wrote {path}"), err=True)
    if system:
        click.echo(f"variable that your CI needs: {PACKAGE}, what pip is to install", err=True)
    if folder.absolute() != Path().absolute():
        click.echo(visible(f"cd {shlex.quote(str(folder))}"))
    for command in FIRST:
        click.echo(command)


def _refuse_overwriting(folder: Path, names: Iterable[str]) -> None:
    from harness.config.text_file import usable_folder

    usable_folder(folder, "FOLDER")
    there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise UsageError(
            f"already there, and not overwritten: {', '.join(there)}",
            where=str(folder),
            remedy="name another folder, or move them away",
        )
