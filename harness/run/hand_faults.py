"""Faults that somebody switches on while a run goes on: told to the run's own proxy, written into the run's record.

Each is a lease that nobody renews: it ends after its time, also when this process is killed. They are judged like any
other second of the run (nobody can excuse a slow target by pressing a button), and the record says of each what, when
and how long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaos.client import ClientError, Toxiproxy
from chaos.fault import registered
from harness.core.fault_record import FaultEvent, FaultLine, FaultWindow, Why
from harness.core.scheduled_fault import Allow
from harness.egress.gate import Gate
from harness.egress.proxy_api import proxy_api
from harness.live.hand_faults import HAND_FAULTS, HandFault, refusal
from harness.record.chaos_log import write_lines
from harness.record.run_log import NO_LOG, RunLog
from harness.run.run_request import Watcher

SLACK_S = 2.0
"""Beyond its time, before the proxy itself ends what we did not."""


@dataclass(slots=True)
class _On:
    fault: HandFault
    began_s: float
    timer: threading.Timer


class HandFaults:
    """Those of one run. api, proxy: of the run's entry in its chaos proxy. Calls may come from any thread."""

    def __init__(self, gate: Gate, api: str, proxy: str, watcher: Watcher, log: RunLog = NO_LOG) -> None:
        self._gate, self._api, self._proxy = gate, api, proxy
        self._watcher, self._log = watcher, log
        self._lock = threading.Lock()
        self._zero = time.monotonic()
        self._folder: Path | None = None
        self._on: dict[str, _On] = {}
        self._layers = {name: str(fault.layer) for name, fault in registered().items()}
        self.windows: list[FaultWindow] = []

    def begin(self, zero: float, folder: Path) -> None:
        """The run's zero, an epoch second; lines go into `folder`."""
        self._zero, self._folder = time.monotonic() + (zero - time.time()), folder

    def ask(self, entry: str, name: str, seconds: float) -> None:
        """Switch it on under that name for so long. What cannot be is told, and changes nothing."""
        with self._lock:
            if why := refusal(name, seconds, len(self._on)):
                self._watcher.problem(f"fault by hand: {why}")
                return
            fault = HAND_FAULTS[name]
            began = self._now()
            if not self._told(lambda client: self._add(client, entry, fault, seconds), entry, fault):
                return
            timer = threading.Timer(seconds, self.end, (entry,))
            timer.daemon = True
            self._on[entry] = _On(fault, began, timer)
            self._write(FaultEvent.START, entry, fault, fault.share)
            timer.start()
        self._watcher.stage(f"chaos by hand: {entry}, {fault.words}, for {seconds:g} s")

    def end(self, entry: str, why: Why = Why.PLAN) -> None:
        """Switch it off, if it is on."""
        with self._lock:
            on = self._on.pop(entry, None)
            if on is None:
                return
            on.timer.cancel()
            hits, seen = self._count(entry)
            with contextlib.suppress(ClientError), proxy_api(self._gate, self._api) as client:
                client.remove_toxic(self._proxy, entry)
            self._write(FaultEvent.END, entry, on.fault, 0.0, why=why, hits=hits, seen=seen)
            self.windows.append(self._window(entry, on))
        self._watcher.stage(f"chaos by hand: {entry} ended, {hits} hit")

    def clear(self) -> None:
        """All of them, now."""
        for entry in list(self._on):
            self.end(entry, Why.ABORT)

    @property
    def note(self) -> str:
        """For the record's reader; empty where nothing was done."""
        told = [f"{one.entry} ({one.fault}) from {one.start_s:.0f} to {one.end_s:.0f} s" for one in self.windows]
        return f"faults were switched on by hand, and are judged: {', '.join(told)}" if told else ""

    def _now(self) -> float:
        return time.monotonic() - self._zero

    def _add(self, client: Toxiproxy, entry: str, fault: HandFault, seconds: float) -> None:
        client.add_toxic(
            self._proxy,
            fault.fault,
            dict(fault.attributes),
            name=entry,
            stream=fault.stream,
            toxicity=fault.share,
            lease_s=seconds + SLACK_S,
        )

    def _told(self, tell: Callable[[Toxiproxy], None], entry: str, fault: HandFault) -> bool:
        try:
            with proxy_api(self._gate, self._api, holder=entry) as client:
                tell(client)
        except ClientError as error:
            self._watcher.problem(f"chaos by hand: {entry}: {error}")
            self._log.error("fault by hand failed", entry=entry, error=str(error))
            self._write(FaultEvent.START, entry, fault, fault.share, why=Why.FAILED, text=str(error))
            return False
        return True

    def _count(self, entry: str) -> tuple[int, int]:
        """What it hit; a real Toxiproxy does not say."""
        with contextlib.suppress(ClientError), proxy_api(self._gate, self._api) as client:
            found = [one for one in client.journal() if (one.proxy, one.toxic) == (self._proxy, entry)]
            return (found[-1].hits, found[-1].seen) if found else (0, 0)
        return 0, 0

    def _write(
        self,
        event: FaultEvent,
        entry: str,
        fault: HandFault,
        share: float,
        *,
        why: Why = Why.PLAN,
        hits: int = 0,
        seen: int = 0,
        text: str = "",
    ) -> None:
        line = FaultLine(
            event=event,
            entry=entry,
            fault=fault.fault,
            layer=self._layers[fault.fault],
            at_s=round(self._now(), 4),
            why=why,
            share=share,
            hits=hits,
            seen=seen,
            text=text,
        )
        self._log.info("fault by hand", what=event.value, entry=entry, fault=fault.fault, why=why.value)
        if self._folder is None:
            return
        try:
            write_lines(self._folder, [line])
        except OSError as error:
            self._watcher.problem(f"chaos.jsonl cannot be written: {error}")

    def _window(self, entry: str, on: _On) -> FaultWindow:
        return FaultWindow(
            name=f"chaos:{entry}",
            kind="chaos",
            entry=entry,
            fault=on.fault.fault,
            layer=self._layers[on.fault.fault],
            start_s=round(on.began_s, 3),
            end_s=round(self._now(), 3),
            share=on.fault.share,
            cohort=(0.0, 1.0),
            allow=Allow(),
            judged=True,
        )
