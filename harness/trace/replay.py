"""Replays a recording with a phone, through a proxy that writes down what the phone sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from harness.client.device import Device, DeviceKit
from harness.client.http.origin import Origin
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.realtime.client import Ticker
from harness.client.realtime.shared import SharedRealtime
from harness.core.app_client import PRODUCTION_ORIGIN
from harness.core.errors import HarnessError, TargetError
from harness.core.ledger import Ledger
from harness.core.people import People, Secrets
from harness.core.phase_window import Window
from harness.core.resolved_target import ResolvedTarget
from harness.core.tables import Phase
from harness.egress.gate import Gate
from harness.load.engine import new_loop
from harness.load.observer import RecordingObserver
from harness.record.recorder import Recorder
from harness.record.run_log import NO_LOG
from harness.trace.model import TraceFlow, TraceRecording
from harness.trace.player import CannotReplay, Player
from harness.trace.stamps import StampedEvent
from harness.trace.steps import PersonStep, steps_by_flow
from harness.trace.tap import RecordingProxy

SETTLE_S = 1.2
"""After a flow's last step: what it caused is still on its way."""
PREPARED_S = 1.5
"""After what had to be done for a flow to begin: what that asks is none of the flow's."""
STEP_S = 30.0
"""A step that takes longer is given up."""
RUN_TAG = 0x7ACE


@dataclass(slots=True)
class SkippedClock:
    """The loop's clock, and the times between flows that were not waited for. Reads grow old in them, as they did; the
    loop's timers do not notice."""

    skipped_s: float = 0.0
    _anchor: tuple[float, float] | None = None

    def now(self) -> float:
        return monotonic() + self.skipped_s

    def begin(self, start: float | None) -> None:
        """A flow begins that the recording's client began at `start` of its own clock."""
        if start is None:
            return
        if self._anchor is not None:
            then, here = self._anchor
            self.skipped_s += max(0.0, here + (start - then) - self.now())
        self._anchor = start, self.now()


@dataclass(slots=True)
class Replayed:
    """What the phone sent, flow by flow, and what could not be replayed, by flow."""

    recording: TraceRecording
    notes: dict[str, str] = field(default_factory=dict)


def replay(
    recording: TraceRecording,
    target: ResolvedTarget,
    *,
    person: int = 0,
    persona: str = "swiper",
    flows: Sequence[str] = (),
    told: Callable[[str], None] = lambda text: None,
) -> Replayed:
    """`flows`: those wanted; what has to come before them is replayed as well, and not recorded. All by default.

    :raises TargetError: the person cannot get in.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_replay(recording, target, (person, persona), frozenset(flows), told))


async def _replay(
    recording: TraceRecording,
    target: ResolvedTarget,
    holder: tuple[int, str],
    wanted: frozenset[str],
    told: Callable[[str], None],
) -> Replayed:
    person, persona = holder
    proxy, clock = RecordingProxy(target.url, gate=Gate(target.reach)), SkippedClock()
    await proxy.start()
    loop = asyncio.get_running_loop()
    ticker = Ticker(loop)
    window = Window(phase=Phase.MEASURE, start_s=0.0, end_s=1e6)
    observer = RecordingObserver(Recorder([window]), Ledger(RUN_TAG), zero=monotonic(), worker=0, log=NO_LOG)
    app_origin = (target.app_origin or PRODUCTION_ORIGIN) if _of_another_origin(recording) else ""
    phone = Device(_kit(proxy, target, clock, ticker, observer, person, app_origin), person)
    phone.begin(0, 0.0, persona)
    try:
        replayed = await _flows(recording, phone, proxy, clock, wanted, told)
    finally:
        await phone.end()
        phone.discard()
        ticker.stop()
        await proxy.stop()
    if observer.failures:
        raise HarnessError(f"the phone failed in the replay:\n{observer.problems[0]}", where="harness trace diff")
    return replayed


def _of_another_origin(recording: TraceRecording) -> bool:
    """Whether the recorded client was a browser whose page came from elsewhere than what it asked."""
    return any("origin" in request.headers for flow in recording.flows for request in flow.requests)


def _kit(
    proxy: RecordingProxy,
    target: ResolvedTarget,
    clock: SkippedClock,
    ticker: Ticker,
    observer: RecordingObserver,
    person: int,
    app_origin: str,
) -> DeviceKit:
    loop = asyncio.get_running_loop()
    secrets = Secrets(target.anon_key, target.password, target.jwt_secret)
    return DeviceKit(
        loop=loop,
        zero=clock.now(),
        pulse=InterruptibleSleep(loop),
        origin=Origin.parse(proxy.url),
        tls=None,
        people=People(target.email_pattern, person + 1, secrets, target.user_ids),
        run_tag=RUN_TAG,
        seed=1,
        behaviour={},
        observer=observer,
        ledger=observer.ledger,
        sockets=SharedRealtime(ticker.wheel, target.anon_key.reveal(), app_origin=app_origin),
        now=clock.now,
        app_origin=app_origin,
    )


async def _flows(
    recording: TraceRecording,
    phone: Device,
    proxy: RecordingProxy,
    clock: SkippedClock,
    wanted: frozenset[str],
    told: Callable[[str], None],
) -> Replayed:
    steps, player = steps_by_flow(recording.flows), Player(phone, recording.words)
    last = max((n for n, flow in enumerate(recording.flows) if not wanted or flow.name in wanted), default=-1)
    done: list[TraceFlow] = []
    notes: dict[str, str] = {}
    for number, flow in enumerate(recording.flows[: last + 1]):
        told(f"{flow.name} ({number + 1} of {last + 1})")
        await _prepared(player, steps[flow.name], flow.name, notes)
        clock.begin(flow.start)
        felt, begin = clock.now(), monotonic()
        note = await _played(player, steps[flow.name], felt)
        length = max([flow.seconds, *(step.at for step in steps[flow.name])])
        await phone.pause(max(0.0, felt + length + SETTLE_S - clock.now()))
        if note:
            notes[flow.name] = note
        if not wanted or flow.name in wanted:
            done.append(_flow(flow, proxy.events(begin, monotonic()), felt))
    return Replayed(TraceRecording(tuple(done)), notes)


def _flow(flow: TraceFlow, sent: list[StampedEvent], start: float) -> TraceFlow:
    return TraceFlow(flow.name, tuple(one.event for one in sent), start, flow.seconds)


async def _prepared(player: Player, steps: tuple[PersonStep, ...], name: str, notes: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(STEP_S):
            if await player.prepare(steps, name):
                await asyncio.sleep(PREPARED_S)
    except CannotReplay as error:
        notes[name] = str(error)
    except TimeoutError:
        raise TargetError(
            "the phone could not get ready for a flow", where=name, remedy="look whether the target answers"
        ) from None


async def _played(player: Player, steps: tuple[PersonStep, ...], zero: float) -> str:
    """What could not be replayed; empty when everything could."""
    for step in steps:
        try:
            async with asyncio.timeout(STEP_S):
                await player.play(step, zero + step.at)
        except CannotReplay as error:
            return str(error)
        except TimeoutError:
            return f"the phone's step {step.kind.value!r} took more than {STEP_S:g} s"
    return ""
