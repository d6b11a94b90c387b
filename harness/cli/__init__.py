"""The command line: one command, or group of commands, a file; this module only composes them.

Thin: commands load files, call the packages below, print, and exit with the verdict's code. Only here, and only inside
commands, does `harness` import `reports` and `sandbox`; that also keeps `harness --help` fast.
"""

from __future__ import annotations

import os
import sys
import traceback

import click

from harness import __version__
from harness.cli import chaos, judging, plan, prove, run, sandbox, tip, users
from harness.cli.arguments import CommandLine
from harness.core.errors import ExitCode, HarnessError

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
    tip.tip,
    prove.prove,
    plan.plan,
    sandbox.sandbox,
    users.users,
    chaos.chaos,
):
    cli.add_command(command)


UNUSABLE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError)
"""What becomes of a path that somebody named, where nobody looked at it before: wrong usage, not a fault of ours."""


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
    except Exception as error:
        if isinstance(error, UNUSABLE) and error.filename is not None:
            click.echo(f"error: {error.filename!r:.300}: {error.strerror}", err=True)
            sys.exit(int(ExitCode.USAGE))
        click.echo("error: this is a fault of the harness itself; please report it with what follows", err=True)
        traceback.print_exc()
        sys.exit(int(ExitCode.INTERNAL))
