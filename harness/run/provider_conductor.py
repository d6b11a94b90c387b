"""The provider's part of a run's timeline: a sandbox's own provider of language models, and who breaks it when.

Only a sandbox has a provider that can be told to fail. Every fault is a lease of some seconds that is renewed each
second: kill -9 of the supervisor leaves a provider that works again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from chaos.timeline import ScheduledFault, Timeline
from harness.core.errors import UsageError
from harness.core.fault_record import FaultEvent, FaultLine, Why
from harness.egress import web
from harness.egress.gate import LOOPBACK, Gate
from harness.record.chaos_log import write_lines
from harness.record.run_log import NO_LOG, RunLog
from harness.run.run_request import Watcher

PATH = "/.well-known/movinesta-sandbox/provider"
LEASE_S, BEAT_S, TIMEOUT_S = 5.0, 1.0, 3.0


class ProviderConductor:
    """Tells one provider what the timeline says. `begin` when the run's zero is known, `clear` when it ends early."""

    def __init__(
        self,
        url: str,
        timeline: Timeline,
        watcher: Watcher,
        log: RunLog = NO_LOG,
        *,
        gate: Gate = LOOPBACK,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """:raises UsageError: what is at `url` has no provider that can be broken."""
        self._url, self._timeline, self._watcher, self._log, self._gate = url + PATH, timeline, watcher, log, gate
        self._wall, self._steady = wall, steady
        self._zero, self._folder = 0.0, Path()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._why = Why.PLAN
        self._on: set[str] = set()
        try:
            reply = web.get(gate, self._url, timeout_s=TIMEOUT_S)
            found = reply.status_code == 200
        except httpx.HTTPError:
            found = False
        if not found:
            raise UsageError(
                "the target has no provider of models that a run may break",
                where='[[chaos]], fault = "provider"',
                remedy="run it against a sandbox of this harness, or take the fault out of the profile",
            )

    def begin(self, zero: float, folder: Path) -> None:
        """The run's zero is an epoch second; lines go into `folder`."""
        self._zero, self._folder = self._steady() + (zero - self._wall()), folder
        self._thread = threading.Thread(target=self._conduct, name="provider conductor", daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """Every fault of ours ends now; waits for it."""
        self._why = Why.ABORT
        self._halt.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _now(self) -> float:
        return self._steady() - self._zero

    def _conduct(self) -> None:
        moments = [one for one in self._timeline.moments() if one.event != "change"]
        with web.client(self._gate, timeout=TIMEOUT_S) as http:
            while not self._halt.is_set() and (moments or self._on):
                while moments and moments[0].at_s <= self._now():
                    moment = moments.pop(0)
                    if moment.event == "start":
                        self._start(http, moment.entry, moment.at_s)
                    elif moment.entry.name in self._on:
                        self._end(http, moment.entry, Why.PLAN, moment.at_s)
                for entry in self._timeline.entries:
                    if entry.name in self._on:
                        self._renew(http, entry)
                wait = BEAT_S if not moments else min(BEAT_S, max(0.0, moments[0].at_s - self._now()))
                self._halt.wait(wait)
            for entry in self._timeline.entries:
                if entry.name in self._on:
                    self._end(http, entry, self._why, None)

    def _start(self, http: httpx.Client, entry: ScheduledFault, planned: float) -> None:
        try:
            self._set(http, entry)
        except httpx.HTTPError as error:
            self._watcher.problem(f"chaos: {entry.name}: {error}")
            self._write(entry, FaultEvent.START, planned, why=Why.FAILED, text=str(error))
            return
        self._on.add(entry.name)
        self._write(entry, FaultEvent.START, planned)

    def _end(self, http: httpx.Client, entry: ScheduledFault, why: Why, planned: float | None) -> None:
        self._on.discard(entry.name)
        text = ""
        try:
            http.delete(f"{self._url}/faults", params={"name": entry.name}).raise_for_status()
        except httpx.HTTPError as error:  # its lease ends it
            text = str(error)
        self._write(entry, FaultEvent.END, planned, why=why, text=text)

    def _renew(self, http: httpx.Client, entry: ScheduledFault) -> None:
        try:
            self._set(http, entry)
        except httpx.HTTPError as error:
            self._watcher.problem(f"chaos: {entry.name}: {error}")

    def _set(self, http: httpx.Client, entry: ScheduledFault) -> None:
        """:raises httpx.HTTPError: it was not told."""
        told: dict[str, Any] = {**entry.fault.model_dump(mode="json"), "name": entry.name, "share": entry.share}
        http.post(f"{self._url}/faults", json={**told, "seconds": LEASE_S}).raise_for_status()

    def _write(
        self, entry: ScheduledFault, event: FaultEvent, planned: float | None, *, why: Why = Why.PLAN, text: str = ""
    ) -> None:
        self._watcher.stage(f"chaos: {entry.name} {event.value}")
        self._log.info("provider fault", what=event.value, why=why.value, entry=entry.name, at_s=round(self._now(), 3))
        line = FaultLine(
            event=event,
            entry=entry.name,
            fault=entry.fault.name,
            layer=str(entry.fault.layer),
            at_s=round(self._now(), 4),
            planned_s=planned,
            why=why,
            share=entry.share,
            hits=0,
            seen=0,
            text=text,
        )
        with contextlib.suppress(OSError):
            write_lines(self._folder, [line])
