"""The command line: one command, or group of commands, a file; this module only composes them.

Thin: commands load files, call the packages below, print, and exit with the verdict's code. Only here, and only inside
commands, does `harness` import `reports` and `sandbox`; that also keeps `harness --help` fast.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import traceback
from pathlib import Path

import click

from harness import __version__
from harness.cli import (
    ab,
    capacity,
    chaos,
    ci,
    completion,
    doctor,
    environment,
    history,
    init,
    judging,
    levers,
    output_file,
    plan,
    preflight,
    prove,
    rehearse,
    run,
    sandbox,
    slo,
    streams,
    tip,
    trace,
    users,
)
from harness.cli.arguments import CommandLine
from harness.cli.filtered_output import filtered_output
from harness.core import interrupts
from harness.core.errors import ExitCode, HarnessError
from harness.core.interrupts import INTERRUPTS
from harness.core.unusable_path import UNUSABLE, UNUSABLE_NUMBERS
from harness.core.visible import visible, visible_lines

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=CommandLine, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Load tests and chaos for MoviNesta: does it hold, what breaks first, did tonight's build get slower?

    The exit code is the verdict: 0 pass, 2 usage, 10 SLO missed, 11 data lost or doubled, 12 regression,
    20 inconclusive, 30 aborted, 40 target not ready or not allowed, 70 internal error.
    """


for command in (
    run.run,
    judging.report,
    judging.check,
    judging.compare,
    ab.ab,
    history.history,
    ci.ci,
    slo.slo,
    tip.tip,
    capacity.capacity,
    rehearse.rehearse,
    prove.prove,
    trace.trace,
    levers.levers,
    plan.plan,
    preflight.preflight,
    doctor.doctor,
    sandbox.sandbox,
    users.users,
    chaos.chaos,
    init.init,
    completion.completion,
):
    cli.add_command(command)
environment.read_options_from_environment(cli)


def main() -> None:
    """Entry point: every error becomes one message and its documented exit code, and so does every signal; nothing
    printed holds a secret."""
    with streams.guarded(), filtered_output(), INTERRUPTS.installed():
        try:
            code = _outcome()
            _end_rest()
        except KeyboardInterrupt:  # between two commands' ends: nothing is left to be told
            code = int(ExitCode.ABORTED)
            _end_rest()
        atexit.register(interrupts.ignore)
    sys.exit(code)


def _end_rest() -> None:
    if started := sys.modules.get("harness.load.child_process"):  # else nothing was started
        started.end_rest()


def _outcome() -> int:
    try:
        return int(cli(standalone_mode=False) or ExitCode.PASS)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(ExitCode.PASS if left.code is None else ExitCode.USAGE)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort as error:
        told = error.__cause__ if isinstance(error.__cause__, interrupts.Interrupted) else "interrupted"
        click.echo(visible_lines(str(told)), err=True)
        return int(ExitCode.ABORTED)
    except KeyboardInterrupt as error:
        click.echo(visible_lines(str(error) or "interrupted"), err=True)
        return int(ExitCode.ABORTED)
    except click.ClickException as error:
        _show(error)
        return int(ExitCode.USAGE)
    except HarnessError as error:
        click.echo(visible_lines(f"error: {error}"), err=True)
        return int(error.exit_code)
    except Exception as error:
        if isinstance(error, UNUSABLE) and error.filename is not None:
            click.echo(visible(f"error: {error.filename!r:.300}: {error.strerror}"), err=True)
            return int(ExitCode.USAGE)
        if isinstance(error, OSError) and error.errno in output_file.FULL | UNUSABLE_NUMBERS:
            refusal = output_file.unwritable(error, Path(os.fsdecode(error.filename)) if error.filename else None)
            click.echo(visible_lines(f"error: {refusal}"), err=True)
            return int(refusal.exit_code)
        click.echo("error: this is a fault of the harness itself; please report it with what follows", err=True)
        click.echo("\n".join(map(visible, traceback.format_exc().splitlines())), err=True)
        return int(ExitCode.INTERNAL)


def _show(error: click.ClickException) -> None:
    """As click does; what was given on the command line is printed as text."""
    said = io.StringIO()
    error.show(said)
    said.write(environment.source(error))
    click.echo("\n".join(map(visible, said.getvalue().rstrip("\n").split("\n"))), err=True)
