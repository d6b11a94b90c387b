"""A recording against what a phone sent for the same steps, flow by flow. (pure)"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.trace import channels, rhythm, waits
from harness.trace.clean import HEADERS
from harness.trace.comparison import (
    CREDIT,
    FlowComparison,
    TimelineRow,
    TraceClass,
    TraceComparison,
    TraceCount,
    class_of,
)
from harness.trace.differences import DifferenceKind, DifferenceList, of_shapes
from harness.trace.model import TracedRequest, TraceFlow, TraceRecording
from harness.trace.pairing import Pairing, Traced, pair
from harness.trace.shapes import shape_of

PLAY_S = 0.75
"""By which instants may differ: rendering, the network, a busy machine."""
COUNTED_BY_DATA = ("/external_ids", "POST /rest/v1/message_delivery_receipts", "/storage/v1/object/sign")
"""Calls of which the data decides how many there are: one for each title found, message, file."""
FEW_BEATS = 2
"""Of a timer, that may all have fallen between the other side's flows."""
LOADS = frozenset({"GET /auth/v1/user", "POST /auth/v1/token"})
ROOM_TOPIC = "frame phx_leave "


def compare(
    recording: TraceRecording, phone: TraceRecording, *, play_s: float = PLAY_S, notes: dict[str, str] | None = None
) -> TraceComparison:
    """Flows of the phone that the recording has not are left out; of those that the phone lacks, all is missing."""
    compared = _headers(recording)
    theirs = [phone.flow(flow.name) or TraceFlow(flow.name, ()) for flow in recording.flows]
    open_ = defaultdict(list)
    for name, topic, side in channels.left_open(recording.flows, theirs):
        open_[name].append((topic, side))
    mine_before, theirs_before = _Before(), _Before()
    sides = [
        [_traced(flow, compared, recording.preflights) for flow in flows_of] for flows_of in (recording.flows, theirs)
    ]
    names = [frozenset(one.shape.what for events in side for one in events) for side in sides]
    flows = []
    for one, other, recorded, replayed in zip(recording.flows, theirs, *sides, strict=True):
        around = (open_[one.name], (names[0], names[1]))
        work = _FlowWork(one, other, recorded, replayed, mine_before, theirs_before, play_s, *around)
        flows.append(work.compared((notes or {}).get(one.name, "")))
        mine_before.add(one, recorded)
        theirs_before.add(other, replayed)
    return TraceComparison(tuple(flows), recording.preflights)


def _headers(recording: TraceRecording) -> frozenset[str]:
    """Those that matter and that the recording can show: saved files leave out some, tokens above all."""
    shown = {name for flow in recording.flows for request in flow.requests for name in request.headers}
    signed = any(request.auth == "bearer" for flow in recording.flows for request in flow.requests)
    always = set(HEADERS) - {"accept-encoding"}
    return frozenset((always & shown) | (shown & {"accept-encoding"}) | ({"authorization"} if signed else set()))


def _traced(flow: TraceFlow, compared: frozenset[str], preflights: bool) -> tuple[Traced, ...]:
    shaped = ((event, shape_of(event, compared)) for event in sorted(flow.events, key=lambda event: event.t))
    return tuple(
        Traced(event, shape)
        for event, shape in shaped
        if shape is not None and (preflights or not (isinstance(event, TracedRequest) and event.preflight))
    )


@dataclass(slots=True)
class _Before:
    """What one side sent in earlier flows: instants on its own clock, by the exact thing and by its name."""

    exact: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    named: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    reads: set[object] = field(default_factory=set)  # identities

    def add(self, flow: TraceFlow, events: Sequence[Traced]) -> None:
        loaded = _last_load(events, float("inf"))
        if loaded is not None:
            self.exact.clear()  # what the page remembered is gone
        for one in events:
            self.reads.add(one.shape.identity)
            if flow.start is not None:
                self.named[one.shape.what].append(flow.start + one.t)
                if loaded is None or one.t >= loaded:
                    self.exact[one.shape.exact].append(flow.start + one.t)


@dataclass(slots=True)
class _FlowWork:
    """One flow under comparison."""

    flow: TraceFlow
    other: TraceFlow
    recorded: tuple[Traced, ...]
    phone: tuple[Traced, ...]
    mine_before: _Before
    theirs_before: _Before
    play_s: float
    open_: list[tuple[str, str]]
    everywhere: tuple[frozenset[str], frozenset[str]]  # names of all that each side ever sent
    rows: list[TimelineRow] = field(default_factory=list)
    counts: dict[TraceClass, TraceCount] = field(default_factory=lambda: dict.fromkeys(TraceClass, TraceCount()))
    found: DifferenceList = field(init=False)

    def __post_init__(self) -> None:
        self.found = DifferenceList(self.flow.name)

    def compared(self, note: str) -> FlowComparison:
        pairing = pair(self.recorded, self.phone)
        mine, theirs = rhythm.beats(self.recorded), rhythm.beats(self.phone)
        self._same(pairing, mine, theirs)
        missing, extra = self._changed(pairing)
        for topic, side in self.open_:
            here = self.flow.events if side == "recording" else self.other.events
            what = f"channel {topic}"
            self.found.add(DifferenceKind.CHANNEL, what, f"left open in the {side}, left in the other", _end(here))
        for one in missing:
            self._alone(one, mine, "recording")
        for one in extra:
            self._alone(one, theirs, "phone")
        for what, detail, t in waits.other_order(self.recorded, self.phone):
            self.found.add(DifferenceKind.ORDER, what, detail, t)
        rows = tuple(sorted(self.rows, key=lambda row: row.order))
        return FlowComparison(self.flow.name, self.found.all(), self.counts, rows, note)

    def _count(self, what: str, *, recorded: int = 0, extra: int = 0) -> None:
        self.counts[class_of(what)] += TraceCount(recorded=recorded, extra=extra)

    def _count_pair(self, what: str, kinds: set[DifferenceKind]) -> None:
        credit = max(0.0, 1.0 - sum(CREDIT.get(kind, 0.0) for kind in kinds))
        self.counts[class_of(what)] += TraceCount(int(not kinds), credit, 1)

    # ---- pairs ------------------------------------------------------------------------------------------------

    def _same(self, pairing: Pairing, mine: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
        told: set[tuple[str, str]] = set()
        for one, other in pairing.same:
            what, note = one.shape.what, ""
            mine_times, theirs_times = mine.get(one.shape.exact), theirs.get(other.shape.exact)
            if mine_times is not None and theirs_times is not None:
                periods = rhythm.period(mine_times), rhythm.period(theirs_times)
                if not rhythm.same_period(*periods, self.play_s / 2):
                    note = f"every {periods[0]:.1f} s, the phone every {periods[1]:.1f} s"
            elif what not in rhythm.TIMERS and not self._phased(one, other) and abs(one.t - other.t) > self.play_s:
                later = "later" if other.t > one.t else "earlier"
                note = f"the phone sends it more than {self.play_s:g} s {later}"
            if note and (what, note) not in told:
                self.found.add(DifferenceKind.INSTANT, what, note, one.t)
                if note.startswith("every"):
                    told.add((what, note))
            self._count_pair(what, {DifferenceKind.INSTANT} if note else set())
            self.rows.append(TimelineRow(one.t, other.t, what, "changed" if note else "same", note))

    def _phased(self, one: Traced, other: Traced) -> bool:
        """A timer that began in an earlier flow: its phase is the flows' cut."""
        return (
            one.shape.exact in self.mine_before.exact
            and other.shape.exact in self.theirs_before.exact
            and (self._repeats(self.recorded, one) or self._repeats(self.phone, other))
        )

    def _repeats(self, events: Sequence[Traced], one: Traced) -> bool:
        return sum(event.shape.exact == one.shape.exact for event in events) > 1

    def _changed(self, pairing: Pairing) -> tuple[list[Traced], list[Traced]]:
        missing, extra = list(pairing.missing), list(pairing.extra)
        for one, other in pairing.changed:
            what = one.shape.what
            details = of_shapes(one.shape, other.shape)
            batched = [detail for kind, detail in details if kind is DifferenceKind.BATCH]
            if batched:
                details = self._fold(one, other, details, missing, extra)
            for kind, detail in details:
                self.found.add(kind, what, detail, one.t)
            note = "; ".join(detail for _, detail in details)
            self._count_pair(what, {kind for kind, _ in details})
            self.rows.append(TimelineRow(one.t, other.t, what, "changed" if details else "same", note))
        return missing, extra

    def _fold(
        self,
        one: Traced,
        other: Traced,
        details: list[tuple[DifferenceKind, str]],
        missing: list[Traced],
        extra: list[Traced],
    ) -> list[tuple[DifferenceKind, str]]:
        """Things in one request on one side that were several requests on the other: those belong to it, and with them
        what they say."""
        sizes, others = dict(one.shape.sizes), dict(other.shape.sizes)
        path = max((path for path in sizes if path in others and sizes[path] != others[path]), key=lambda p: -len(p))
        more = sizes[path] - others[path]
        rest, side = (extra, "phone") if more > 0 else (missing, "recording")
        folded: list[Traced] = []
        for spare in sorted((spare for spare in rest if spare.shape.what == one.shape.what), key=lambda s: s.t):
            size = dict(spare.shape.sizes).get(path, 0)
            if 0 < size <= abs(more) - sum(dict(f.shape.sizes)[path] for f in folded):
                folded.append(spare)
        if not folded:
            return details
        for spare in folded:
            rest.remove(spare)
            self._count(spare.shape.what, recorded=int(side == "recording"), extra=int(side == "phone"))
            times = (None, spare.t) if side == "phone" else (spare.t, None)
            self.rows.append(TimelineRow(times[0], times[1], spare.shape.what, "changed", "sent together in the other"))
        smaller = min(sizes[path], others[path])
        many = f"{max(sizes[path], others[path])} {path} in one request, "
        text = (
            f"{many}in {len(folded) + 1} of {smaller} on the phone"
            if side == "phone"
            else (f"{smaller} {path} in each of {len(folded) + 1} requests, together in one on the phone")
        )
        return [(DifferenceKind.BATCH, text)]

    # ---- without a partner --------------------------------------------------------------------------------------

    def _alone(self, one: Traced, own: dict[str, list[float]], side: str) -> None:
        what, mine = one.shape.what, side == "recording"
        times = (one.t, None) if mine else (None, one.t)
        if self._explained(one, own, mine):
            self.rows.append(TimelineRow(times[0], times[1], what, "timer"))
            return
        kind, detail = DifferenceKind.MISSING if mine else DifferenceKind.EXTRA, ""
        if (age := self._age(one, mine)) is not None:
            other = "phone" if mine else "recording"
            kind, detail = DifferenceKind.REREAD, f"read again by the {side}, not by the {other}, after {_bucket(age)}"
            detail += " (a shorter stale time, or a retry)"
        self._count(what, recorded=int(mine), extra=int(not mine))
        self.rows.append(TimelineRow(times[0], times[1], what, "missing" if mine else "extra", detail))
        if not (what.startswith(ROOM_TOPIC) and any(what.endswith(topic) for topic, _ in self.open_)):
            self.found.add(kind, what, detail, one.t)

    def _explained(self, one: Traced, own: dict[str, list[float]], mine: bool) -> bool:
        here, there = (self.recorded, self.phone) if mine else (self.phone, self.recorded)
        before, flow = (self.mine_before, self.flow) if mine else (self.theirs_before, self.other)
        what = one.shape.what
        if any(part in what for part in COUNTED_BY_DATA):
            return any(other.shape.what == what for other in there)
        earlier = before.named.get(what, []) + [
            (flow.start or 0.0) + other.t for other in here if other.shape.what == what and other.t < one.t
        ]
        if not mine and one.t > self.flow.seconds + self.play_s:
            return True  # the recording ends before
        seen = what in self.everywhere[1 if mine else 0] or len(earlier) < FEW_BEATS
        if seen and rhythm.ticks(one, flow.start, earlier, exactly=mine):
            return True
        own_times = own.get(one.shape.exact) or [other.t for other in here if other.shape.exact == one.shape.exact]
        their_times = [other.t for other in there if other.shape.identity == one.shape.identity]
        length = max(self.flow.seconds, self.other.seconds)
        return rhythm.beat_due(one, own_times, their_times, length, self.play_s)

    def _age(self, one: Traced, mine: bool) -> float | None:
        """Seconds since the same side read the very same before; None where it did not, or the other side never read
        it at all."""
        if not one.shape.what.startswith(("GET ", "HEAD ")):
            return None
        here, there = (self.recorded, self.phone) if mine else (self.phone, self.recorded)
        before, flow = (self.mine_before, self.flow) if mine else (self.theirs_before, self.other)
        other_reads = (self.theirs_before if mine else self.mine_before).reads
        identity = one.shape.identity
        if identity not in other_reads and not any(o.shape.identity == identity for o in there):
            return None
        loaded = _last_load(here, one.t)
        since = loaded if loaded is not None else float("-inf")
        earlier = [one.t - o.t for o in here if o.shape.exact == one.shape.exact and since <= o.t < one.t]
        if flow.start is not None and loaded is None:
            earlier += [flow.start + one.t - at for at in before.exact.get(one.shape.exact, ())]
        return min((age for age in earlier if age > 0), default=None)


def _last_load(events: Sequence[Traced], before: float) -> float | None:
    """When the page was last loaded, or somebody signed in; None when neither happened before that instant."""
    return max((one.t for one in events if one.shape.what in LOADS and one.t < before), default=None)


def _bucket(age: float) -> str:
    """An age in words that do not change with every run."""
    for limit in (1, 2, 5, 10, 15, 30, 60):
        if age <= limit:
            return f"at most {limit} s"
    return "more than 60 s"


def _end(events: Sequence[object]) -> float:
    return max((float(getattr(event, "t", 0.0)) for event in events), default=0.0)
