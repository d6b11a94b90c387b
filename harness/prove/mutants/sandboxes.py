"""Sandboxes for trials: a fresh one each, started while the trial before it runs.

Fresh, because rows of an earlier run would raise alarms: the server's dedupe key of an event repeats for the same
person and title within a day, and what one mutant left behind would be looked at by the next one's checks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from harness.core.errors import HarnessError
from harness.core.profile import SandboxSize
from harness.load import child_process as processes

READY_S = 120.0


class LineProcess:
    """A child that says in one line of JSON when it is ready, and where: `{"ready": true, "url": …}`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process = processes.start(command, environ=os.environ, stderr=subprocess.DEVNULL)

    def url(self) -> str:
        """Waits for that line. :raises HarnessError: when it does not come."""
        return str(self.line(READY_S)["url"])

    def line(self, limit_s: float) -> dict[str, object]:
        """Its next line. :raises HarnessError: when there is none within the limit."""
        assert self._process.stdout is not None
        timer = threading.Timer(limit_s, lambda: processes.kill_group(self._process))
        timer.start()
        try:
            text = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not text:
            raise HarnessError(f"{' '.join(self._command[1:4])} said nothing, and is gone", where="harness prove")
        told: dict[str, object] = json.loads(text)
        return told

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting: a last line may follow."""
        self._process.terminate()

    def end(self) -> None:
        """Gone when this returns."""
        processes.end(self._process, patience_s=10.0)
        if self._process.stdout is not None:
            self._process.stdout.close()


class FreshSandboxes:
    """For one thread, which has to live as long as its sandboxes: children end with the thread that started them."""

    def __init__(self, size: SandboxSize) -> None:
        options = ("--people", str(size.people), "--catalogue", str(size.catalogue), "--realtime", f"plan={size.plan}")
        self._command = (sys.executable, "-m", "sandbox.server", "--port", "0", "--with-parent", *options)
        self._spare: LineProcess | None = None

    def take(self) -> LineProcess:
        """The one that was started ahead, or a new one; the next is started by `ahead`."""
        taken, self._spare = self._spare or self._started(), None
        return taken

    def ahead(self) -> None:
        """Start the next one now."""
        if self._spare is None:
            self._spare = self._started()

    def close(self) -> None:
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def _started(self) -> LineProcess:
        return LineProcess(self._command)
