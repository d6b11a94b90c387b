"""`python -m sandbox.server`: a sandbox as a process of its own.

One line of JSON on standard output says when it is ready and where; secrets are only in the discovery document.
Exit codes: 0 stopped by SIGINT or SIGTERM, 2 a wrong option, 40 the address is in use or the sandbox cannot run.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from sandbox import process
from sandbox.errors import SandboxError
from sandbox.options import OptionError, SandboxOptions
from sandbox.realtime import RealtimeSettings, SettingError
from sandbox.server.instance import Sandbox
from sandbox.switches import PRESETS, SwitchError, Switches, describe

EXIT_OPTION = 2
EXIT_NOT_READY = 40
_DEFAULTS = SandboxOptions()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code."""
    try:
        code: int = serve.main(argv, prog_name="python -m sandbox.server", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return code


@click.command(
    epilog=f"\b\nquirks:\n{describe()}",
    context_settings={"max_content_width": 100, "show_default": True},
)
@click.option("--people", type=int, default=_DEFAULTS.people, help="Seeded people.")
@click.option("--catalogue", type=int, default=_DEFAULTS.catalogue, help="Titles.")
@click.option("--seed", type=int, default=_DEFAULTS.seed, help="What both are drawn from.")
@click.option("--host", default=_DEFAULTS.host, help="Address to listen on.")
@click.option("--port", type=int, default=_DEFAULTS.port, help="0 picks a free one.")
@click.option("--pool-size", type=int, default=_DEFAULTS.pool_size, help="Database connections.")
@click.option("--token-lifetime", type=int, default=_DEFAULTS.access_token_lifetime_s, help="Seconds.")
@click.option("--clock-offset", type=float, default=0.0, help="Seconds that swipe events are dated ahead.")
@click.option("--database", type=click.Path(path_type=Path), help="Folder that keeps the data (default: none).")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="See below; repeatable.")
@click.option("--realtime", multiple=True, metavar="NAME=VALUE", help="A Realtime setting or plan; repeatable.")
@click.option("--access-log", is_flag=True, help="Log every request to standard error.")
@click.option("--with-parent", is_flag=True, help="End when the process that started this one does.")
def serve(
    *,
    people: int,
    catalogue: int,
    seed: int,
    host: str,
    port: int,
    pool_size: int,
    token_lifetime: int,
    clock_offset: float,
    database: Path | None,
    quirks: tuple[str, ...],
    realtime: tuple[str, ...],
    access_log: bool,
    with_parent: bool,
) -> int:
    """Run a MoviNesta sandbox until SIGINT or SIGTERM."""
    parent = os.getppid()
    logging.basicConfig(
        level=logging.INFO if access_log else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    process.unwind_on_signals()
    if with_parent:
        process.end_with_parent(parent)
    try:
        switches = Switches.parse(quirks)
        options = SandboxOptions(
            people=people,
            catalogue=catalogue,
            seed=seed,
            port=port,
            host=host,
            switches=switches,
            database=database,
            pool_size=pool_size,
            access_token_lifetime_s=token_lifetime,
            access_log=access_log,
            clock_offset_s=clock_offset,
            realtime=_realtime(switches, realtime),
        )
        _serve_until_stopped(Sandbox(options))
    except process.Stopped:
        return 0
    except (OptionError, SwitchError, SettingError) as error:
        return _complain(error, EXIT_OPTION)
    except SandboxError as error:
        return _complain(error, EXIT_NOT_READY)
    return 0


def _realtime(switches: Switches, given: Sequence[str]) -> RealtimeSettings:
    """What was given, over the plan of the preset."""
    preset = PRESETS.get(switches.preset)
    return RealtimeSettings.parse(given if preset is None else (f"plan={preset.realtime_plan}", *given))


def _serve_until_stopped(sandbox: Sandbox) -> None:
    with sandbox:
        process.freeze_start_up()
        sys.stdout.buffer.write(orjson.dumps({"ready": True, "url": sandbox.url}) + b"\n")
        sys.stdout.buffer.flush()
        threading.Event().wait()


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code
