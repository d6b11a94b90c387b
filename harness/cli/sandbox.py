"""`harness sandbox`: a MoviNesta on this machine."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from harness.cli.filtered_output import tell_secret
from harness.core.run_token import TOKEN_ENV, new_token, token_from
from harness.core.web_names import METRICS_TOKEN_ENV, WEB_PASSWORD_ENV


@click.group()
def sandbox() -> None:
    """A MoviNesta as shipped, on this machine, to run against."""


@sandbox.command("up")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that it listens on.")
@click.option("--people", type=int, default=200, show_default=True, help="Accounts that it is seeded with.")
@click.option("--catalogue", type=int, default=600, show_default=True, help="Titles.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of people, titles and histories.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="Named switch; `harness sandbox quirks`.")
@click.option(
    "--realtime", multiple=True, metavar="NAME=VALUE", help="Realtime setting, or plan=free; docs/sandbox.md."
)
@click.option("--data", type=click.Path(), help="Keep the database in this folder.")
def sandbox_up(**options: Any) -> None:
    """Start the sandbox and stay until Ctrl-C."""
    from sandbox.server.command import main as serve

    arguments = [f"--{name}={options[name]}" for name in ("port", "host", "people", "catalogue", "seed")]
    arguments += [f"--quirk={quirk}" for quirk in options["quirks"]]
    arguments += [f"--realtime={setting}" for setting in options["realtime"]]
    arguments += [f"--database={options['data']}"] if options["data"] else []
    sys.exit(serve(arguments))


@sandbox.command("quirks")
def sandbox_quirks() -> None:
    """List the sandbox's named switches."""
    from sandbox.switches import describe

    click.echo(describe())


@sandbox.command("keys")
def sandbox_keys() -> None:
    """Print an environment file with a sandbox's secrets.

    For processes that do not share its loopback. With it come a token for a master and its workers, and the password
    and the token of the page of `harness run --web`.

    Fresh ones, or those that follow from SANDBOX_JWT_SECRET and SANDBOX_PASSWORD where they are set. Keep it private:
    harness sandbox keys > .env
    """
    from sandbox.env_file import environment
    from sandbox.options import SandboxOptions

    for name, value in environment(SandboxOptions()).items():
        tell_secret(f"{name}={value}")
    tell_secret(f"{TOKEN_ENV}={token_from(os.environ) or new_token()}")
    for name in (WEB_PASSWORD_ENV, METRICS_TOKEN_ENV):  # of a run's page, where others may open it
        tell_secret(f"{name}={os.environ.get(name) or new_token()}")
