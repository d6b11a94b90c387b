"""`run.log`: what happened in a run, one line of JSON an event, written by every process of the run.

    {"at": "2026-11-29T21:20:18.123Z", "level": "warning", "event": "worker lost", "run": "…", "process": "master",
     "pid": 4711, "worker": 1, …}

`at` is the process's own clock. `process` is supervisor, master, worker or single; `worker` and `person` stand where
one is concerned; other keys belong to the event. All processes on the machine of the run directory append to one file,
each line with one write (O_APPEND), so lines stay whole and no process waits for another; workers elsewhere write the
same beside their own files (`harness.record.share`). No lock is taken: the engine's native thread logs too, and in a
patched process the locks of `logging` belong to gevent.

Not for requests: an event may come a thousand times, after that it is only said that it goes on. What is known to be
secret, and what looks like a token, is taken out before it is written (`harness.core.secret_filter`).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.core.clock import utc_now
from harness.core.secret_filter import WORDS
from harness.core.visible import in_json, visible

RUN_LOG = "run.log"
MAX_OF_ONE_EVENT = 1_000
MAX_TEXT = 4_000
"""Characters of one value; a longer one keeps its end, where a traceback says what it was."""
MAX_HELD = 1_000
"""Lines kept until there is a run directory."""
CLOCK_FORM = "%H:%M:%S"

Line = Mapping[str, Any]


def clean(value: object) -> object:
    """A value of a line without secrets; texts are cut, and what JSON does not know becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {WORDS.text(str(key)): clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    text = WORDS.text(str(value))  # before it is cut, so that no half of a secret stays
    return text if len(text) <= MAX_TEXT else "…" + text[-MAX_TEXT:]


class RunLog:
    """One process's hand in the log. Any thread may write; what cannot be written is lost, and never an error.

    :param process: supervisor, master, worker or single. :param worker: number of the worker that writes, if it is one.
    :param heard: also told of every line, at once.
    """

    def __init__(
        self,
        run: str = "",
        process: str = "",
        *,
        worker: int | None = None,
        heard: Callable[[Line], None] | None = None,
    ) -> None:
        self.run = run
        self.process = process
        self.worker = worker
        self._heard = heard
        self._held: deque[dict[str, object]] | None = deque(maxlen=MAX_HELD)
        self._descriptor = -1
        self._times: Counter[str] = Counter()

    def open(self, folder: Path) -> None:
        """Write to `run.log` there from now on, first what was held back; a folder that cannot be written is let be."""
        held, self._held = self._held or (), None
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(folder / RUN_LOG, flags, 0o644)
        except OSError:
            return
        for line in held:
            self._append(line | {"run": self.run})

    def close(self) -> None:
        """Write no more. Idempotent."""
        descriptor, self._descriptor, self._held = self._descriptor, -1, None
        if descriptor >= 0:
            os.close(descriptor)

    def info(self, event: str, **facts: object) -> None:
        """Something happened as it should."""
        self.write("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Something went wrong, and the run goes on."""
        self.write("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Something of ours failed, or the run cannot go on."""
        self.write("error", event, facts)

    def write(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        """One line, unless there were too many of this event."""
        times = self._times[event] = self._times[event] + 1
        if times > MAX_OF_ONE_EVENT or (self._held is None and self._descriptor < 0 and self._heard is None):
            return
        at = utc_now()
        line: dict[str, object] = {"at": at, "level": level, "event": event, "run": self.run, "process": self.process}
        line["pid"] = os.getpid()
        if self.worker is not None:
            line["worker"] = self.worker
        line |= {name: clean(value) for name, value in facts.items()}
        if times == MAX_OF_ONE_EVENT:
            line["note"] = "more of these are not written"
        if self._heard is not None:
            self._heard(line)
        if self._held is not None:
            self._held.append(line)
        else:
            self._append(line)

    def _append(self, line: Line) -> None:
        if self._descriptor >= 0:
            try:
                os.write(self._descriptor, in_json(json.dumps(line, ensure_ascii=False)).encode() + b"\n")
            except OSError:  # a full disk is found, and said, by whoever writes the record
                self.close()


NO_LOG = RunLog()
"""Writes nothing, for processes outside a run."""
NO_LOG.close()


def readable(line: Line) -> str:
    """The line for people: time, level unless info, who, what, and the facts but a traceback."""
    facts = {name: value for name, value in line.items() if name not in _HEAD}
    who = str(line["process"])
    if who == "worker":
        who += f" {facts.pop('worker', '?')}"
    shown = [f"{name}={_short(value)}" for name, value in facts.items() if value not in ("", None)]
    level = "" if line["level"] == "info" else f"{str(line['level']).upper()} "
    instant = datetime.fromisoformat(str(line["at"])).astimezone().strftime(CLOCK_FORM)
    return visible(" ".join([f"{instant} {level}[{who}] {line['event']}", *shown]))


_HEAD = ("at", "level", "event", "run", "process", "pid", "traceback")


def _short(value: object) -> str:
    text = str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and re.search(r"\s", text) else text


class LogReader:
    """Reads the lines that were appended since the last time; of a file that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def take(self) -> list[Line]:
        """The new lines that are complete; what is no line of ours is passed over."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return [line for line in found if isinstance(line, dict)]
