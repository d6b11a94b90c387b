"""Options from the environment: HARNESS_RUN_TARGET is `--target` of `harness run`, and so on for all of them.

Not for what allows something (`--allow-production`): that is said for one command, not left behind in a shell. A
variable that is named like a command's and is none of its options would silently be ignored; it is refused.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence

import click
from click.core import ParameterSource

PREFIX = "HARNESS"
TYPED = "--allow-"
"""How options begin that are never taken from the environment."""


def variable(path: str, option: click.Option) -> str:
    """Name of an option's variable. `path`: the command's names, as in "trace diff"."""
    return f"{PREFIX}_{path}_{_spelled(option).lstrip('-')}".upper().replace("-", "_").replace(" ", "_")


def read_options_from_environment(root: click.Group) -> None:
    """Give every option of every command below `root` its variable, and every command's help a word about it."""
    for path, command in commands(root):
        named = [option for option in command.params if isinstance(option, click.Option) and _taken(option)]
        for option in named:
            option.envvar = option.envvar or variable(path, option)
        if named:
            example = named[0]
            command.epilog = (
                f"Every option can stand in the environment, too: {example.envvar} is {_spelled(example)}"
                f"{_but(command)} (docs/command-line.md)."
            )


def refuse_unknown(path: str, command: click.Command) -> None:
    """:raises click.UsageError: a variable is named like one of this command's options, and is none."""
    begin = f"{PREFIX}_{path}_".upper().replace("-", "_").replace(" ", "_")
    if not path or isinstance(command, click.Group):  # what begins like a group's may be of a command in it
        return
    known = {str(option.envvar) for option in command.params if isinstance(option, click.Option) and option.envvar}
    for name in sorted(os.environ):
        if name.startswith(begin) and name not in known and os.environ[name]:
            typed = any(name == variable(path, one) for one in command.params if isinstance(one, click.Option))
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"`harness {path} --help` lists the options"
            why = f"{_option(name, begin)} has to be typed" if typed else meant
            raise click.UsageError(f"the environment has {name}, which would be ignored: {why}; unset it")


def refuse_misnamed(root: click.Group, path: str) -> None:
    """:raises click.UsageError: an option of a group on the way to `path` has another variable than the one that is
    set."""
    group: click.Command = root
    way: list[str] = []
    for word in path.split():
        group = group.commands[word] if isinstance(group, click.Group) else group
        way.append(word)
        for one in group.params if isinstance(group, click.Group) else ():
            if not isinstance(one, click.Option) or not one.envvar:
                continue
            name = variable(" ".join(way), one)
            if name != one.envvar and os.environ.get(name):
                raise click.UsageError(
                    f"the environment has {name}, which would be ignored: did you mean {one.envvar}?; unset it"
                )


def source(error: click.ClickException) -> str:
    """Where a refused value came from, when it was the environment: a line for whoever looks for it; else nothing."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None:
        return ""
    came = error.ctx.get_parameter_source(error.param.name or "")
    return f"  where: {error.param.envvar} in the environment\n" if came is ParameterSource.ENVIRONMENT else ""


def asked_for(root: click.Group, arguments: Sequence[str]) -> tuple[str, click.Command]:
    """The command that these arguments name, as far as they do, and its path."""
    path = ""
    command: click.Command = root
    for word in arguments:
        below = command.commands.get(word) if isinstance(command, click.Group) else None
        if below is not None:
            path, command = f"{path} {word}".strip(), below
    return path, command


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below `group` with its path, groups included."""
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        yield path, command
        if isinstance(command, click.Group):
            yield from commands(command, path)


def _taken(option: click.Option) -> bool:
    return not _spelled(option).startswith(TYPED)


def _but(command: click.Command) -> str:
    typed = [
        _spelled(one) for one in command.params if isinstance(one, click.Option) and _spelled(one).startswith(TYPED)
    ]
    return f"; not {' and '.join(typed)}" if typed else ""


def _spelled(option: click.Option) -> str:
    return max(option.opts, key=len)


def _option(name: str, begin: str) -> str:
    return "--" + name.removeprefix(begin).lower().replace("_", "-")
