"""Ends all load at once: by a signal, by a file, by a button of the web page; workers hear of it by a message.

A run that is ended (Ctrl-C) lets people put their phones away and queues be flushed, which takes seconds. This does
not: whoever is asked to take the load off a deployment has it gone in two seconds, and the record says that it was cut.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from harness.core.run_spec import KILL_FILE, KILL_FILE_ENV
from harness.load.locust_adapter.messages import KILL
from harness.load.locust_adapter.phone_user import serving

LOOKS_EVERY_S = 0.2


def cut(environment: Environment) -> None:
    """In this process, and in every worker that it leads."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.send_message(KILL, None)
    cut_here()


def cut_here() -> None:
    if serving.worker is not None:
        serving.worker.cut()


def watch(folder: Path, pulled: Callable[[str], None]) -> gevent.Greenlet:
    """Look for the files, and listen for SIGUSR2; `pulled` is called once, with what it was."""
    files = [folder / KILL_FILE, *([Path(named)] if (named := os.environ.get(KILL_FILE_ENV)) else ())]
    asked: list[str] = []
    gevent.signal_handler(signal.SIGUSR2, lambda: asked.append("SIGUSR2"))

    def look() -> None:
        while True:
            found = next((str(file) for file in files if file.exists()), "") or next(iter(asked), "")
            if found:
                pulled(found)
                return
            gevent.sleep(LOOKS_EVERY_S)

    return gevent.spawn(look)
