"""What goes wrong on the phones of one worker: the timeline carried out by the worker's own clock.

Every fault is a lease. It ends by the plan; it ends when the run is ended; and it ends when nobody who leads the run
has been heard of for `lease_s` (`renew`), until somebody is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from time import monotonic
from typing import Any, Protocol

from chaos.phone_fault import PhoneFault
from chaos.timeline import Moment, ScheduledFault, Timeline
from harness.core.fault_record import FaultEvent, FaultLine, Why

LEASE_S = 3.0
"""Locust's masters speak each second, workers look each second: phones are clean 4.5 s after a master's last word."""
LOOK_S = 0.5


def decides(entry: ScheduledFault) -> bool:
    """Whether it goes before the other faults of an attempt or a message."""
    return isinstance(entry.fault, PhoneFault) and entry.fault.decides


class AffectedDevice(Protocol):
    """One device in use; see `FaultInjector`."""

    def enter(self, entry: ScheduledFault) -> None: ...

    def leave(self, entry: ScheduledFault) -> None: ...

    def clear(self) -> None: ...


class FaultSchedule:
    """Owned by the worker's loop. Other threads may drain `lines` and read `counts`.

    :param zero: loop time of the run's zero. lease_s: None when nobody has to renew.
    """

    def __init__(
        self,
        timeline: Timeline,
        loop: asyncio.AbstractEventLoop,
        zero: float,
        *,
        worker: int = 0,
        lease_s: float | None = None,
    ) -> None:
        phones = timeline.of_phones()
        self.seed = timeline.seed
        self._entries = phones.entries
        self.loop = loop
        self.zero = zero
        in_turn = sorted(phones.entries, key=lambda entry: not decides(entry))
        self.over_attempts = tuple(entry for entry in in_turn if not (entry.over_phones or entry.over_messages))
        self.over_messages = tuple(entry for entry in in_turn if entry.over_messages)
        self.over_phones = tuple(entry for entry in phones.entries if entry.over_phones)
        self.counts: dict[str, list[int]] = {entry.name: [0, 0] for entry in phones.entries}  # hits, seen
        self.lines: deque[FaultLine] = deque()
        self.present: set[AffectedDevice] = set()  # phones in use
        self.clean = False  # whether nothing may happen now, whatever the plan says
        self._over = False
        self._moments = phones.moments()
        self._worker = worker
        self._lease_s = lease_s
        self._heard = monotonic()
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._concerned: dict[tuple[str, str], bool] = {}

    def start(self) -> None:
        """Set the timers."""
        for moment in self._moments:
            wait = max(0.0, self.zero + moment.at_s - monotonic())
            self._timers.append(self.loop.call_later(wait, self._moment, moment))
        if self._lease_s is not None and self._moments:
            self.loop.call_later(LOOK_S, self._look)

    def now(self) -> float:
        """Seconds since the run's zero."""
        return monotonic() - self.zero

    def running(self, entry: ScheduledFault) -> bool:
        """Whether it happens now."""
        return not self.clean and entry.running(self.now())

    def concerns(self, entry: ScheduledFault, call: str) -> bool:
        """Whether an entry means this call; remembered."""
        key = (entry.name, call)
        found = self._concerned.get(key)
        if found is None:
            found = self._concerned[key] = entry.concerns_call(call)
        return found

    def seen(self, entry: ScheduledFault) -> None:
        """It concerned somebody."""
        self.counts[entry.name][1] += 1

    def hit(self, entry: ScheduledFault) -> None:
        """It hit somebody."""
        self.counts[entry.name][0] += 1

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that belongs to no page."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- the plan -------------------------------------------------------------------------------------------

    def _moment(self, moment: Moment) -> None:
        if self.clean:
            return
        entry = moment.entry
        if entry.over_phones and moment.event != "change":
            for device in tuple(self.present):
                if moment.event == "start":
                    device.enter(entry)
                else:
                    device.leave(entry)
        self._line(FaultEvent(moment.event), entry, Why.PLAN, moment.at_s)

    def _line(self, event: FaultEvent, entry: ScheduledFault, why: Why, planned: float | None) -> None:
        hits, seen = self.counts[entry.name]
        now = self.now()
        self.lines.append(
            FaultLine(
                event=event,
                entry=entry.name,
                fault=entry.fault.name,
                layer=str(entry.fault.layer),
                at_s=round(now, 4),
                planned_s=planned,
                worker=self._worker,
                why=why,
                share=0.0 if event is FaultEvent.END else entry.share_at(max(now, planned or 0.0)),
                hits=hits,
                seen=seen,
            )
        )

    # ---- leases ---------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Somebody leads the run. Faults that a lapsed lease had ended go on where the plan is now."""
        self._heard = monotonic()
        if self.clean and not self._over:
            self.clean = False
            for entry in self._planned():
                if entry.over_phones:
                    for device in tuple(self.present):
                        device.enter(entry)
                self._line(FaultEvent.START, entry, Why.LEASE, None)

    def clear(self, why: Why = Why.ABORT) -> None:
        """Phones are clean from now on. After an abort nothing begins again."""
        self._over = self._over or why is Why.ABORT
        if not self.clean:
            running = self._planned()
            self.clean = True
            for device in tuple(self.present):
                device.clear()
            for entry in running:
                self._line(FaultEvent.END, entry, why, None)
        if self._over:
            for timer in self._timers:
                timer.cancel()
            for task in self._tasks:
                task.cancel()

    def _planned(self) -> list[ScheduledFault]:
        return [entry for entry in self._entries if entry.running(self.now())]

    def _look(self) -> None:
        assert self._lease_s is not None
        if not self.clean and monotonic() - self._heard > self._lease_s:
            self.clear(Why.LEASE)
        if not self._over:
            self.loop.call_later(LOOK_S, self._look)
