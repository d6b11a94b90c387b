"""Runs one session on its device, and notes in the arrivals table how it went. For the engine's loop only."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from time import monotonic

from harness.client.auth.token_manager import SignedOut
from harness.client.device import Device, DeviceKit
from harness.client.interruptible_sleep import SessionClosed
from harness.client.put_away import put_away, take_up
from harness.client.session_log import SessionLogs
from harness.core.outcome import Outcome
from harness.core.rows import Notes, Taken
from harness.core.session_end import SessionEnd
from harness.core.tables import ARRIVALS, View
from harness.load.observer import RecordingObserver
from harness.schedule.arrivals import Ticket

LATE_S = 0.1
"""A session that starts later than this after its plan counts as late."""

REST_S, LONGER_REST_S = 5.0, 30.0
"""So long after a session its device is put away, when all that was cancelled has unwound and its sockets are closed;
and, where something was still under way then, looked at again."""

BACKLOG_SAMPLE = 300
"""Devices whose unsent bytes are counted each second."""

SessionBody = Callable[[Device], Awaitable[None]]


class SessionRunner:
    """The devices of one worker, and the sessions that are open on them."""

    def __init__(self, kit: DeviceKit, observer: RecordingObserver) -> None:
        self.kit = kit
        self.open_sessions = 0
        self.inherited: set[int] = set()  # tickets of a lost worker; added to before they are submitted
        self._observer = observer
        self._arrivals = Notes(ARRIVALS)
        self._logs = SessionLogs(kit.worker)
        self._devices: dict[int, Device] = {}
        self._put_away: dict[int, bytes] = {}  # those of all others who have had a session
        self._resting: dict[int, asyncio.TimerHandle] = {}  # when theirs is put away
        self._in_session: dict[Device, None] = {}  # in order of their start

    @property
    def devices(self) -> int:
        """How many are whole now: in a session, or just after one. All others are put away."""
        return len(self._devices)

    async def run(self, ticket: Ticket, body: SessionBody, *, slot_was_free: bool) -> None:
        """The session, from its device's turn to its end. A persona's bug costs this session alone."""
        try:
            device = self._device(ticket.person)
        except Exception as error:  # no device, no session; the next ticket of this person tries again
            self._failed(ticket, error)
            self._note(ticket, self._now(), self._now(), "", SessionEnd.FAILED)
            return
        device_was_free = slot_was_free and not device.in_use.locked()
        try:
            await device.in_use.acquire()
        except asyncio.CancelledError:
            self.never_started(ticket)
            return
        started, end = self._now(), SessionEnd.FINISHED
        cause = self._cause(ticket, started, device_was_free=device_was_free)
        self.open_sessions += 1
        self._in_session[device] = None
        try:
            self._note(ticket, started, None, cause, "")  # stands if this process dies first
            if device_was_free:
                late_s = max(0.0, started - ticket.at_s)
                self._observer.recorder.sample(View.LATENESS, "generator", Outcome.OK, ticket.at_s, late_s)
            device.begin(ticket.ticket, ticket.at_s, ticket.persona)
            self._logs.begin(device.log)
            if self.kit.pulse.closing:
                raise SessionClosed
            await body(device)
            end = device.log.end or SessionEnd.FINISHED
        except SignedOut as lost:
            end = SessionEnd.LIMITED if lost.limited else SessionEnd.STOPPED
        except (SessionClosed, asyncio.CancelledError):
            killed = device.fault_injector is not None and device.fault_injector.killed
            end = SessionEnd.FINISHED if killed else SessionEnd.CLOSED
        except Exception as error:
            end = SessionEnd.FAILED
            self._failed(ticket, error)
        finally:
            if not await self._closed(ticket, device):
                end = SessionEnd.FAILED
            self._logs.end(device.log)
            device.in_use.release()
            self._rests(ticket.person, REST_S)
            self.open_sessions -= 1
            del self._in_session[device]
            self._note(ticket, started, self._now(), cause, end)

    async def _closed(self, ticket: Ticket, device: Device) -> bool:
        """End the session on its device, however that goes; False when our own code failed in it. The person's device
        is free afterwards in any case: one bad end must not cost all sessions to come."""
        try:
            await device.end()
        except asyncio.CancelledError:
            pass  # the run will not wait for what is under way; the device has done the rest
        except Exception as error:
            self._failed(ticket, error)
            return False
        return True

    def never_started(self, ticket: Ticket) -> None:
        """The run ended before this session's turn, or no device was free for it until then."""
        cause = "phone_busy" if ticket.at_s < self._now() - LATE_S else "run_ended"
        self._note(ticket, None, None, cause, SessionEnd.NEVER_STARTED)

    def cut(self) -> None:
        """Every open session loses its app and its connections, at once: no farewell, no queue flushed."""
        for device in list(self._in_session):
            try:
                device.network.kill()
            except Exception as error:
                self._observer.problem(error)

    def backlog_bytes(self) -> int:
        """Unsent bytes of all devices, from a sample of those with a session; a full count would hold up the loop that
        it judges."""
        if len(self._in_session) <= BACKLOG_SAMPLE:
            return sum(device.backlog_bytes for device in self._in_session)
        some = itertools.islice(self._in_session, BACKLOG_SAMPLE)  # the longest in session: what is stuck is there
        return round(sum(device.backlog_bytes for device in some) * len(self._in_session) / BACKLOG_SAMPLE)

    def take(self, *, last: bool) -> list[Taken]:
        """Rows since the last take; of open sessions what they sent only now and then, or at the `last` one."""
        return [*self._arrivals.take(), *self._logs.take(everything=last)]

    def discard(self) -> None:
        """Close whatever the devices hold open."""
        for device in self._devices.values():
            try:
                device.discard()
            except Exception as error:
                self._observer.problem(error)

    def _now(self) -> float:
        return monotonic() - self.kit.zero

    def _device(self, person: int) -> Device:
        if (rest := self._resting.pop(person, None)) is not None:
            rest.cancel()
        device = self._devices.get(person)
        if device is None:
            device = Device(self.kit, person)
            if (kept := self._put_away.get(person)) is not None:
                take_up(device, kept)
                del self._put_away[person]
            self._devices[person] = device
        return device

    def _rests(self, person: int, seconds: float) -> None:
        """The device is put away in so many seconds, unless it is wanted before."""
        if (before := self._resting.get(person)) is not None:
            before.cancel()
        self._resting[person] = self.kit.loop.call_later(seconds, self._rested, person)

    def _rested(self, person: int) -> None:
        del self._resting[person]
        device = self._devices[person]
        if device.in_use.locked():
            return  # the end of the session on it sees to it
        try:
            kept = put_away(device)
        except Exception as error:  # the person goes on with this one
            self._observer.problem(error)
            return
        if kept is None:
            self._rests(person, LONGER_REST_S)
        else:
            self._put_away[person] = kept
            del self._devices[person]

    def _cause(self, ticket: Ticket, started: float, *, device_was_free: bool) -> str:
        """Why a session starts late; empty when it does not."""
        if started - ticket.at_s <= LATE_S:
            return ""
        if ticket.ticket in self.inherited:
            return "worker_lost"
        return "generator" if device_was_free else "phone_busy"

    def _failed(self, ticket: Ticket, error: Exception) -> None:
        self._observer.session_failed(error, person=ticket.person, ticket=ticket.ticket, persona=ticket.persona)

    def _note(self, ticket: Ticket, started: float | None, ended: float | None, cause: str, end: str) -> None:
        self._arrivals.add(
            (
                ticket.ticket,
                self.kit.worker,
                ticket.persona,
                ticket.person,
                round(ticket.at_s * 1e6),
                None if started is None else round(started * 1e6),
                None if ended is None else round(ended * 1e6),
                cause,
                end,
            )
        )
