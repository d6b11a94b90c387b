"""`python -m sandbox.server`: a sandbox as a process of its own.

One line of JSON on standard output says when it is ready and where; secrets are only in the discovery document.
Exit codes: 0 stopped by SIGINT or SIGTERM, 2 a wrong option, 40 the address is in use or the sandbox cannot run.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import orjson

from sandbox.errors import SandboxError
from sandbox.options import OptionError, SandboxOptions
from sandbox.realtime import RealtimeSettings, SettingError
from sandbox.server import Sandbox
from sandbox.switches import SwitchError, Switches, describe

EXIT_OPTION = 2
EXIT_NOT_READY = 40
_PR_SET_PDEATHSIG = 1


class _Stopped(BaseException):
    """A signal asked for the end."""


def parser() -> argparse.ArgumentParser:
    """The options; those of `SandboxOptions` under the same names."""
    defaults = SandboxOptions()
    made = argparse.ArgumentParser(
        prog="python -m sandbox.server",
        description="Run a MoviNesta sandbox until SIGINT or SIGTERM.",
        epilog=f"quirks:\n{describe()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--people", type=int, default=defaults.people, help="seeded people (default %(default)s)")
    made.add_argument("--catalogue", type=int, default=defaults.catalogue, help="titles (default %(default)s)")
    made.add_argument("--seed", type=int, default=defaults.seed, help="what both are drawn from (default %(default)s)")
    made.add_argument("--host", default=defaults.host, help="address to listen on (default %(default)s)")
    made.add_argument("--port", type=int, default=defaults.port, help="0 picks a free one (default)")
    made.add_argument("--pool-size", type=int, default=defaults.pool_size, help="database connections")
    made.add_argument("--token-lifetime", type=int, default=defaults.access_token_lifetime_s, help="seconds")
    made.add_argument("--clock-offset", type=float, default=0.0, help="seconds that swipe events are dated ahead")
    made.add_argument("--database", type=Path, help="folder that keeps the data across runs (default: none is kept)")
    made.add_argument("--quirk", action="append", default=[], metavar="NAME=VALUE", help="see below; repeatable")
    made.add_argument(
        "--realtime", action="append", default=[], metavar="NAME=VALUE", help="a Realtime setting or plan; repeatable"
    )
    made.add_argument("--access-log", action="store_true", help="log every request to standard error")
    made.add_argument("--with-parent", action="store_true", help="end when the process that started this one does")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if arguments.access_log else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if arguments.with_parent:
        _end_with(parent)
    try:
        sandbox = Sandbox(_options(arguments))
        with sandbox:
            _spare_the_collector()
            sys.stdout.buffer.write(orjson.dumps({"ready": True, "url": sandbox.url}) + b"\n")
            sys.stdout.buffer.flush()
            threading.Event().wait()
    except _Stopped:
        return 0
    except (OptionError, SwitchError, SettingError) as error:
        return _complain(error, EXIT_OPTION)
    except SandboxError as error:
        return _complain(error, EXIT_NOT_READY)
    return 0


def _options(arguments: argparse.Namespace) -> SandboxOptions:
    """:raises OptionError: SwitchError and SettingError."""
    return SandboxOptions(
        people=arguments.people,
        catalogue=arguments.catalogue,
        seed=arguments.seed,
        port=arguments.port,
        host=arguments.host,
        switches=Switches.parse(arguments.quirk),
        database=arguments.database,
        pool_size=arguments.pool_size,
        access_token_lifetime_s=arguments.token_lifetime,
        access_log=arguments.access_log,
        clock_offset_s=arguments.clock_offset,
        realtime=RealtimeSettings.parse(arguments.realtime),
    )


def _spare_the_collector() -> None:
    """What start-up left behind lives as long as the process; looking through it again costs requests time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Unwind the main thread, once: later signals must not disturb the cleaning up."""
    for later in (signal.SIGINT, signal.SIGTERM):
        signal.signal(later, signal.SIG_IGN)
    raise _Stopped


def _end_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent dies. It watches the parent's thread that started this process."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        raise SystemExit(0)


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code
