"""`harness init`: a project of one's own beside nothing but an installed harness."""

from __future__ import annotations

import shlex
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
def init(folder: Path) -> None:
    """Make a project of your own in FOLDER (here by default).

    Writes a profile, an SLO file, a target file and a README; overwrites nothing. Prints the two commands that run it
    and show the verdict again.
    """
    _refuse_overwriting(folder)
    made: list[Path] = []
    try:
        for source, name in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, (PROJECT / source).read_text(encoding="utf-8"))
            made.append(path)
    except (HarnessError, OSError):
        for path in made:
            path.unlink(missing_ok=True)  # else the next try would find them there
        raise
    for path in made:
        click.echo(visible(f"wrote {path}"), err=True)
    if folder.absolute() != Path().absolute():
        click.echo(visible(f"cd {shlex.quote(str(folder))}"))
    for command in FIRST:
        click.echo(command)


def _refuse_overwriting(folder: Path) -> None:
    from harness.config.text_file import usable_folder

    usable_folder(folder, "FOLDER")
    there = [name for name in FILES.values() if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise UsageError(
            f"already there, and not overwritten: {', '.join(there)}",
            where=str(folder),
            remedy="name another folder, or move them away",
        )
