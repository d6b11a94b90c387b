"""The proxy part of a run's timeline: a proxy in front of the target, and who tells it what to do when.

Lives in the supervisor. Every fault is a lease that is renewed each second: kill -9 of the supervisor leaves a clean
proxy, and a proxy of our own ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from chaos.client import ClientError, Toxiproxy
from chaos.fault import Layer
from chaos.timeline import Moment, ScheduledFault, Timeline
from harness.core.child_environment import child_environment
from harness.core.errors import TargetError, UsageError
from harness.core.fault_record import FaultEvent, FaultLine, Why
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.proxy_api import entry_url, proxy_api
from harness.load import child_process as processes
from harness.record.chaos_log import write_lines
from harness.record.run_log import NO_LOG, RunLog
from harness.run.hand_faults import HandFaults
from harness.run.run_request import Watcher

LEASE_S = 5.0
ENTRY_LEASE_S = 60.0
"""Of the proxy itself, on a server that others use too: long, because a run cannot go on without it."""
BEAT_S = 1.0
PROXY = "target"


class ProxyConductor:
    """Tells one proxy what the timeline says. `begin` when the run's zero is known, `clear` when it ends early.

    wall, steady: epoch seconds, read once, to place the run's zero; and the clock that everything follows from then on,
    as phones do, so that no step of the wall clock parts them.
    """

    def __init__(
        self,
        client: Toxiproxy,
        proxy: str,
        timeline: Timeline,
        watcher: Watcher,
        log: RunLog = NO_LOG,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._proxy = proxy
        self._timeline = timeline
        self._watcher = watcher
        self._log = log
        self._folder: Path | None = None
        self._wall, self._steady = wall, steady
        self._zero = 0.0  # by the steady clock
        self._halt = threading.Event()
        self._why = Why.PLAN
        self._thread: threading.Thread | None = None
        self._set: dict[str, float] = {}  # entries under way -> the share that the proxy was told
        self._hits: dict[str, tuple[int, int]] = {}

    def begin(self, zero: float, folder: Path) -> None:
        """The run's zero is an epoch second; lines go into `folder`."""
        self._zero, self._folder = self._steady() + (zero - self._wall()), folder
        self._thread = threading.Thread(target=self._conduct, name="chaos conductor", daemon=True)
        self._thread.start()

    def clear(self, why: Why = Why.ABORT) -> None:
        """Every fault of ours ends now; waits for it."""
        self._why = why
        self._halt.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _now(self) -> float:
        return self._steady() - self._zero

    def _conduct(self) -> None:
        moments = self._timeline.moments()
        while not self._halt.is_set() and (moments or self._set):
            while moments and moments[0].at_s <= self._now():
                self._do(moments.pop(0))
            self._ramp()
            self._beat()
            wait = BEAT_S if not moments else min(BEAT_S, max(0.0, moments[0].at_s - self._now()))
            self._halt.wait(wait)
        for entry in [entry for entry in self._timeline.entries if entry.name in self._set]:
            self._end(entry, self._why, None)

    def _do(self, moment: Moment) -> None:
        entry = moment.entry
        if moment.event == "start":
            share = entry.share_at(max(self._now(), moment.at_s)) if entry.ramp_s else entry.share
            if self._told(entry, FaultEvent.START, lambda: self._add(entry, share), moment.at_s, share):
                self._set[entry.name] = share
        elif moment.event == "end" and entry.name in self._set:
            self._end(entry, Why.PLAN, moment.at_s)
        elif entry.name in self._set:
            self._told(entry, FaultEvent.CHANGE, lambda: self._share(entry, entry.share), moment.at_s, entry.share)

    def _end(self, entry: ScheduledFault, why: Why, planned: float | None) -> None:
        self._count()
        del self._set[entry.name]
        self._told(
            entry, FaultEvent.END, lambda: self._client.remove_toxic(self._proxy, entry.name), planned, 0.0, why=why
        )

    def _add(self, entry: ScheduledFault, share: float) -> None:
        stream = "downstream" if entry.fault.layer is Layer.HTTP else entry.direction
        self._client.add_toxic(
            self._proxy,
            entry.fault.name,
            entry.fault.model_dump(),
            name=entry.name,
            stream=stream,
            toxicity=share,
            lease_s=LEASE_S,
        )

    def _share(self, entry: ScheduledFault, share: float) -> None:
        self._client.update_toxic(self._proxy, entry.name, toxicity=share)
        self._set[entry.name] = share

    def _ramp(self) -> None:
        for entry in self._timeline.entries:
            share = entry.share_at(self._now())
            if entry.name in self._set and share not in (0.0, self._set[entry.name]):
                try:
                    self._share(entry, share)
                except ClientError as error:
                    self._log.warning("proxy call retried at the next beat", entry=entry.name, error=str(error))

    def _beat(self) -> None:
        if not self._set:
            return
        try:
            self._client.heartbeat()
            self._count()
        except ClientError as error:
            self._watcher.problem(f"chaos: {error}")

    def _count(self) -> None:
        """What the proxy hit so far; a real Toxiproxy does not say."""
        with contextlib.suppress(ClientError):
            for line in self._client.journal():
                if line.proxy == self._proxy and line.toxic in self._set:
                    before = self._hits.get(line.toxic)  # None: the first count is written, though it is 0
                    hits, seen = before or (0, 0)
                    self._hits[line.toxic] = (max(hits, line.hits), max(seen, line.seen))
                    if self._hits[line.toxic] != before:
                        entry = next(entry for entry in self._timeline.entries if entry.name == line.toxic)
                        self._write(entry, FaultEvent.COUNT, None, self._set[line.toxic])

    def _told(
        self,
        entry: ScheduledFault,
        event: FaultEvent,
        tell: Any,
        planned: float | None,
        share: float,
        why: Why = Why.PLAN,
    ) -> bool:
        try:
            tell()
        except ClientError as error:
            self._watcher.problem(f"chaos: {entry.name}: {error}")
            self._log.error("proxy fault failed", what=event.value, entry=entry.name, error=str(error))
            self._write(entry, event, planned, share, why=Why.FAILED, text=str(error))
            return False
        self._write(entry, event, planned, share, why=why)
        facts = {"entry": entry.name, "fault": entry.fault.name, "share": share, "at_s": round(self._now(), 3)}
        self._log.info("proxy fault", what=event.value, why=why.value, **facts)
        self._watcher.stage(f"chaos: {entry.name} {event.value}")
        return True

    def _write(
        self,
        entry: ScheduledFault,
        event: FaultEvent,
        planned: float | None,
        share: float,
        *,
        why: Why = Why.PLAN,
        text: str = "",
    ) -> None:
        hits, seen = self._hits.get(entry.name, (0, 0))
        line = FaultLine(
            event=event,
            entry=entry.name,
            fault=entry.fault.name,
            layer=str(entry.fault.layer),
            at_s=round(self._now(), 4),
            planned_s=planned,
            why=why,
            share=share,
            hits=hits,
            seen=seen,
            text=text,
        )
        assert self._folder is not None
        try:
            write_lines(self._folder, [line])
        except OSError as error:
            self._watcher.problem(f"chaos.jsonl cannot be written: {error}")


@contextlib.contextmanager
def fronted(
    url: str,
    timeline: Timeline,
    api: str | None,
    watcher: Watcher,
    log: RunLog = NO_LOG,
    *,
    gate: Gate = LOOPBACK,
    by_hand: bool = False,
) -> Iterator[Fronted]:
    """The target behind a proxy, when the timeline has anything for one; else as it is.

    :param api: of a proxy server that runs already, ours or a Toxiproxy; None starts one.
    :param gate: where the API may be, and the entry that it makes.
    :param by_hand: somebody may switch faults on meanwhile, so there is a proxy in any case.
    A proxy made on a server that runs already is a lease, too: kill -9 of this process leaves nothing there.
    :raises TargetError: the proxy does not start, or is where nothing may be sent.
    :raises UsageError: there is none at `api`, or it refused.
    """
    timeline = timeline.of_proxy()
    if not timeline.entries and not by_hand:
        yield Fronted(url, None)
        return
    with contextlib.ExitStack() as stack:
        death: Callable[[], str] = _nobodys
        if api is None:
            api, death = stack.enter_context(_started(timeline.seed, url, gate))
        holder = f"run-{timeline.seed}-{time.time_ns():x}"
        try:
            client = stack.enter_context(proxy_api(gate, api, holder=holder))
            name = f"{PROXY}-{time.time_ns():x}"
            made = client.create(name, _upstream(url), lease_s=ENTRY_LEASE_S)
        except ClientError as error:
            raise UsageError(str(error), where=f"--proxy {api}", remedy="start it, or leave --proxy out") from None
        stack.callback(_removed, client, name)
        entry = entry_url(gate, made)
        stack.enter_context(_kept(gate, api, holder))
        conductor = ProxyConductor(client, name, timeline, watcher, log)
        log.info("proxy connected", listen=made.listen, api=api, upstream=url)
        stack.callback(conductor.clear)
        watcher.stage(f"chaos proxy at {made.listen}, its API at {api}")
        front = Fronted(entry, conductor, death)
        if by_hand:
            front.hand = HandFaults(gate, api, name, watcher, log)
            stack.callback(front.hand.clear)
            front.beside(front.hand)
        yield front


class Conductor(Protocol):
    """Who makes a part of the timeline happen."""

    def begin(self, zero: float, folder: Path) -> None: ...

    def clear(self) -> None: ...


class Fronted:
    """url: where phones go. death: of the proxy that was started for it, with its reason; "" while it lives."""

    def __init__(self, url: str, conductor: ProxyConductor | None, death: Callable[[], str] | None = None) -> None:
        self.url = url
        self.death = death or _nobodys
        self.hand: HandFaults | None = None  # who switches faults on when somebody asks
        self._conductors: list[Conductor] = [] if conductor is None else [conductor]

    def beside(self, conductor: Conductor) -> None:
        """Somebody else makes faults as well, somewhere else."""
        self._conductors.append(conductor)

    def begin(self, zero: float, folder: Path) -> None:
        """The run's zero is known."""
        for conductor in self._conductors:
            conductor.begin(zero, folder)

    def clear(self) -> None:
        """The run ends early: no more faults."""
        for conductor in self._conductors:
            conductor.clear()


def _removed(client: Toxiproxy, name: str) -> None:
    with contextlib.suppress(ClientError):
        client.delete(name)


def _upstream(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return url
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or 80}"


@contextlib.contextmanager
def _kept(gate: Gate, api: str, holder: str) -> Iterator[None]:
    """The leases of `holder` are renewed meanwhile, also before the run's zero is known."""
    done = threading.Event()

    def keep() -> None:
        with proxy_api(gate, api, holder=holder) as client:
            while not done.wait(ENTRY_LEASE_S / 6):
                with contextlib.suppress(ClientError):
                    client.heartbeat()

    thread = threading.Thread(target=keep, name="chaos proxy lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10.0)


@contextlib.contextmanager
def _started(seed: int, url: str, gate: Gate) -> Iterator[tuple[str, Callable[[], str]]]:
    """A proxy server of our own, which may forward to the target and to this machine only, and looks up no name: what
    the gate took the target's for is what it means there.

    The URL of its API, and what became of it when it died. :raises TargetError: the target may not be connected to.
    """
    host = urlsplit(url).hostname or ""
    try:
        addresses = gate.pin(host, "the target", where=url).addresses
    except OSError as error:
        raise TargetError(f"nobody knows the name {host}: {error}", where=url) from None
    command = [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--seed", str(seed)]
    command += ["--allow-upstream", host, *(f"--pin={host}={address}" for address in addresses)]
    process = processes.start(command, environ=child_environment(os.environ))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise TargetError(
                "the chaos proxy did not start",
                where=" ".join(command[1:]),
                remedy="try it by hand: harness chaos proxy; what it says on stderr tells why",
            )
        yield str(json.loads(line)["api"]), lambda: _death_of(process)
    finally:
        processes.end(process, patience_s=5.0)


def _nobodys() -> str:
    return ""


def _death_of(process: subprocess.Popen[str]) -> str:
    code = process.poll()
    return "" if code is None else f"the chaos proxy died during the run (exit code {code})"
