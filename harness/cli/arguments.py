"""What every command asks of its arguments before it looks at any of them, and the forms of addresses.

An empty value is nearly always a variable that a CI job forgot to set: `--target "$TARGET"` would then silently mean
"no target". No option and no argument of ours has a use for one.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from harness.cli import environment

LATEST = "latest"
RUNS = "runs"
"""Where runs are, unless the variable of `harness run --out` says otherwise."""
SEED = click.IntRange(0, 10**15)
"""As a profile's own; a larger one would stand in a record that nobody can read."""


class CommandLine(click.Group):
    """The root: refuses empty values anywhere behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before = ""
        for given in args:
            option, equals, value = given.partition("=") if given.startswith("--") else ("", "", "")
            if (equals and not value.strip()) or not given.strip():
                name = option or (before if before.startswith("-") else "an argument")
                raise click.UsageError(
                    f"{_shown(name)} is empty; if it comes from a variable, that variable is not set. "
                    "Give a value, or leave it out"
                )
            before = given
        if not ctx.resilient_parsing:
            path, command = environment.asked_for(self, args)
            environment.refuse_misnamed(self, path)
            environment.refuse_unknown(path, command)
        return super().parse_args(ctx, args)


def _shown(text: str) -> str:
    return text if text.isprintable() and len(text) <= 80 else f"{text!r:.80}"


class HttpUrl(click.ParamType[str]):
    """scheme://host[:port], as in a target file. `bare`: host:port alone means http."""

    name = "url"

    def __init__(self, *, bare: bool = False) -> None:
        self._bare = bare

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from harness.core.target import checked_url

        text = str(value)
        try:
            return checked_url(f"http://{text}" if self._bare and "://" not in text else text)
        except ValueError as error:
            given = "the URL (not shown, it may hold a secret)" if "@" in text else f"{text!r:.120}"
            self.fail(f"{given}: {error}", param, ctx)


class HostPort(click.ParamType[str]):
    """host:port or [host]:port, not resolved."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from harness.core.target import checked_url

        text = str(value)
        try:
            if checked_url(f"http://{text}") != f"http://{text}" or not text[-1].isdigit() or ":" not in text:
                raise ValueError("host or port is missing")
        except ValueError as error:
            self.fail(f"not an address: {text!r:.120}: {error}; give HOST:PORT", param, ctx)
        return text


class Finite(click.ParamType[float]):
    """A number that is one: not nan, not inf; above `above`, at most `most`."""

    name = "number"

    def __init__(self, *, above: float = -math.inf, most: float = math.inf) -> None:
        self._above, self._most = above, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r:.120} is not a number", param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r:.120} is not finite; give a number", param, ctx)
        if not self._above < number <= self._most:
            until = f" and at most {self._most:g}" if math.isfinite(self._most) else ""
            self.fail(f"{number:g} must be above {self._above:g}{until}", param, ctx)
        return number


class OutFolder(click.ParamType[Path]):
    """A folder in which runs are made. Nothing is made here, only looked whether it could be."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from harness.config.text_file import usable_folder

        return usable_folder(Path(value), param.opts[-1] if param else "--out")


class OutFile(click.ParamType[Path]):
    """A file that is going to be written. Nothing is written here, only looked whether it could be."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from harness.config.text_file import writable

        return writable(Path(value), "file")


class RunFolder(click.ParamType[Path]):
    """The folder of a run; `latest` is the newest one in runs/, by the instant in its name."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if value != LATEST:
            return Path(value)
        from harness.core.errors import UsageError

        folder = _runs_folder()
        if found := _runs(folder):
            return found[-1]
        raise UsageError(
            f"{LATEST} is the newest run in {folder}, and there is none",
            where=str(folder),
            remedy="make one with `harness run smoke`, name a run's folder, or say with HARNESS_RUN_OUT where runs are",
        )

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """`latest`, the runs there are, newest first; any folder where none of them begins so."""
        known = [LATEST, *(str(run) for run in reversed(_runs(_runs_folder())))]
        fitting = [CompletionItem(name) for name in known if name.startswith(incomplete)]
        return fitting or [CompletionItem(incomplete, type="dir")]


class TomlName(click.ParamType[str]):
    """A file, or the bare name of one in a folder; completion offers the names. Nothing is read here."""

    name = "path"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from harness.config.load import PROFILES, TARGETS

        folder = PROFILES if self._kind == "profile" else TARGETS
        names = sorted(path.stem for path in folder.glob("*.toml")) if folder.is_dir() else []
        fitting = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return fitting or [CompletionItem(incomplete, type="file")]


def _runs_folder() -> Path:
    return Path(os.environ.get("HARNESS_RUN_OUT") or RUNS)


def _runs(folder: Path) -> list[Path]:
    """The runs in a folder, the oldest first: their names begin with the instant, in UTC."""
    return sorted(path.parent for path in folder.glob("[0-9]*Z-*/manifest.json"))
