"""What Realtime did in a run: who got which message, what it cost, what was left open. (pure)

From the delivery and realtime tables, and from the latency table for joins and writes. Whole run unless said otherwise:
a message that was lost in warm-up is lost. Definitions: `reports.delivery`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from harness.core.delivery_facts import ANOTHER_ID, ChannelState, ChannelTopic, DeliveryFate, FactKind, UntoldRow
from harness.core.outcome import Outcome
from harness.core.tables import Phase, View
from harness.plan.prices import PlanPrices
from harness.plan.realtime import change_cost_ms
from reports.delivery import Delivery
from reports.frames import Frames, latency_table
from reports.gauges import CHANGES_OF, FLOWS
from reports.model import ReportModel
from reports.silence import Silence, silences
from reports.text import plural

SHOWN_IDS = 20
"""Ids of one kind that a page lists; `verdict.json` has up to KEPT_IDS."""
KEPT_IDS = 1_000
LATENCIES = ("message_delivery", "self_delivery", "typing_delivery")
SOCKET_CALLS = "realtime_"
"""Joins, subscriptions and connects are attempts with this at the front of their name."""
WRITES: dict[str, tuple[str, ...]] = {
    "messages": ("message_send", "message_edit", "message_delete"),
    "message_delivery_receipts": ("delivery_receipt", "delivery_receipt_insert"),
    "message_read_receipts": ("read_receipt", "read_receipt_insert"),
    "message_reactions": ("react", "unreact"),
}
"""Tables that conversations subscribe to, and the calls that change a row of them."""
CHANGE_FRAMES, BROADCAST_FRAMES = "frames postgres_changes", "frames broadcast"
PRESENCE_DIFFS, PRESENCE_STATES = "frames presence_diff", "frames presence_state"
PRESENCE_FRAMES = (PRESENCE_DIFFS, PRESENCE_STATES)
PRESENCE_JOIN, PRESENCE_HEARD = "realtime_join_presence", "realtime_presence"
WRONG: Mapping[FactKind, str] = {
    FactKind.DOUBLED: "doubled",
    FactKind.MISDATED: "misdated",
    FactKind.STRANGE: "misdelivered",
    FactKind.UNTOLD: "untold",
    FactKind.CONTRADICTED: "contradicted",
}
"""Facts that must not be, and what the verdict calls them."""
TYPING_LOST_SHARE = 0.01
"""Of the signals whose fate is known: above this somebody should look."""
STATES_SHARE = 0.9
"""Of the presence channels that joined: fewer with a list of who is there, and somebody should look."""


class FateRow(ReportModel):
    """What became of the messages (or typing signals) of one run, counted per member who should have heard."""

    what: str
    expected: int
    delivered: int
    lost: int
    deaf: int
    reconnecting: int
    before_notice: int
    left: int


class DeliveryLatency(ReportModel):
    """Milliseconds over the measure phase. null: the percentile falls on a failure."""

    operation: str
    view: View
    samples: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None


class Wrong(ReportModel):
    """One thing that must not happen: `what` is lost, doubled, misdated, misdelivered, untold or contradicted."""

    what: str
    key: str  # a message's client id; of untold rows their message; for the others the row's id
    conversation: str
    person: int  # who should not have missed it, or heard it, or heard it twice
    detail: str = ""


class EventRow(ReportModel):
    kind: str
    total: int
    per_s: float
    peak_per_s: int


class CostRow(ReportModel):
    """Changes of one subscribed table, and the modelled work of the server's one poller for them."""

    table: str
    writes: int
    changes_per_s: float
    subscriptions: int
    ms_per_change: float
    busy_share: float


class LimitRow(ReportModel):
    """One measured figure beside the published limits of the plans."""

    what: str
    measured: float
    limits: dict[str, float]


class Audit(ReportModel):
    name: str
    ok: bool
    text: str


class Realtime(ReportModel):
    """A run's Realtime. null in the verdict for a run that opened no socket."""

    messages: int
    stored: int
    members: tuple[FateRow, ...]
    latencies: tuple[DeliveryLatency, ...]
    across_workers: int  # deliveries whose sender and receiver were on different workers
    clock_uncertainty_ms: float | None  # the worst of those workers' clocks; null: one clock
    wrong: tuple[Wrong, ...]
    lost: int
    doubled: int
    misdelivered: int
    misordered: int
    polled: int  # messages that a poll brought where no frame did
    polled_p95_ms: float | None
    members_per_message: float | None  # frames of a message's INSERT per stored message
    frames_per_message: float | None  # frames of all database changes per stored message
    events: tuple[EventRow, ...]
    peaks: dict[str, int]  # sockets, channels, subscriptions at once
    cost: tuple[CostRow, ...]
    limits: tuple[LimitRow, ...]
    audits: tuple[Audit, ...]
    silences: tuple[Silence, ...] = ()  # times in which nobody heard of any change
    misdated: int = 0
    untold: int = 0  # receipts and reactions that a channel passed over
    contradicted: int = 0  # rows that a poll, or a send's answer, shows otherwise than their change
    warnings: tuple[str, ...] = ()  # what is ephemeral and went missing: no exit code

    @property
    def reasons(self) -> tuple[str, ...]:
        """What makes the run fail on data: silences first, which explain losses, then one sentence a kind."""
        return tuple(f"{one.sentence}." for one in self.silences) + tuple(
            f"{sentence}: {self._ids(what)}."
            for what, number, sentence in (
                (
                    "lost",
                    self.lost,
                    f"Realtime lost {plural(self.lost, 'stored message')} on channels that stayed up{self._by_poll}",
                ),
                ("doubled", self.doubled, f"Realtime delivered {plural(self.doubled, 'change')} twice"),
                (
                    "misdated",
                    self.misdated,
                    f"Realtime told of {plural(self.misdated, 'new row')} under another time than it was written at",
                ),
                (
                    "untold",
                    self.untold,
                    f"Realtime never told of {plural(self.untold, 'receipt or reaction', 'receipts and reactions')} "
                    f"that {'was' if self.untold == 1 else 'were'} stored, on channels that brought later changes"
                    f"{self._untold_kinds}",
                ),
                (
                    "contradicted",
                    self.contradicted,
                    f"Polls and answers show {plural(self.contradicted, 'row')} otherwise than the change that told of "
                    f"{'it' if self.contradicted == 1 else 'them'}{self._apart}",
                ),
                (
                    "misdelivered",
                    self.misdelivered,
                    f"Realtime delivered {plural(self.misdelivered, 'change')} to somebody who is no member",
                ),
            )
            if number
        )

    @property
    def _by_poll(self) -> str:
        lost = [one.detail for one in self.wrong if one.what == "lost"]
        polled, own = (sum(word in detail for detail in lost) for word in ("poll", "own socket"))
        told = [f"{polled:,} of them first seen by a poll"] if polled else []
        told += [f"{own:,} on the way back to their sender"] if own else []
        return f", {' and '.join(told)}" if told else ""

    @property
    def _untold_kinds(self) -> str:
        """` (3 of message_reactions; 2 first seen by a poll)`."""
        details = [one.detail for one in self.wrong if one.what == "untold"]
        tables = Counter(detail.partition(" ")[0] for detail in details)
        told = [f"{number:,} of {table}" for table, number in sorted(tables.items())]
        polled = sum(detail.endswith(f" {UntoldRow.POLLED}") for detail in details)
        told += [f"{polled:,} first seen by a poll"] if polled else []
        return f" ({'; '.join(told)})" if told else ""

    @property
    def _apart(self) -> str:
        """` (message_reactions by -18,000.0 s)`, ` (messages under another id)`."""
        first = next((one.detail for one in self.wrong if one.what == "contradicted"), "")
        table, _, apart = first.partition(" ")
        how = "under" if apart == ANOTHER_ID else "by"
        return f" ({table} {how} {apart})" if apart else ""

    def _ids(self, what: str) -> str:
        keys = list(dict.fromkeys(one.key for one in self.wrong if one.what == what))
        shown = ", ".join(keys[:3])
        return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3:,} more"


def figures(frames: Frames, plans: Mapping[str, PlanPrices]) -> Realtime | None:
    """Everything above, beside the limits of `plans`; None when no phone used Realtime."""
    facts = frames.facts
    if facts.empty and frames.gauges.empty:
        return None
    kinds = Counter(facts["kind"])
    stored = int(facts.loc[facts["kind"] == FactKind.STORED, "key"].nunique())
    others = [one for one in frames.deliveries if one.sender != one.receiver]
    polled = sorted(one.polled_us for one in frames.deliveries if one.polled_us is not None)
    peaks = _peaks(frames.gauges)
    total = frames.gauges.sum() if len(frames.gauges) else pd.Series(dtype="int64")  # of what is counted, not of gauges
    wrong = _wrong(frames)
    across = [one for one in others if one.delay_us is not None and one.workers[0] != one.workers[1]]
    return Realtime(
        messages=kinds[FactKind.SENT],
        stored=stored,
        members=_members(frames.deliveries),
        latencies=_latencies(frames),
        across_workers=len(across),
        clock_uncertainty_ms=_uncertainty(frames) if across else None,
        wrong=tuple(wrong[:KEPT_IDS]),
        lost=sum(one.what == "lost" for one in wrong),
        doubled=kinds[FactKind.DOUBLED],
        misdelivered=kinds[FactKind.STRANGE],
        misordered=kinds[FactKind.MISORDERED],
        misdated=kinds[FactKind.MISDATED],
        untold=sum(one.what == "untold" for one in wrong),
        contradicted=sum(one.what == "contradicted" for one in wrong),
        polled=len(polled),
        polled_p95_ms=polled[math.ceil(0.95 * len(polled)) - 1] / 1000 if polled else None,
        members_per_message=kinds[FactKind.HEARD] / stored if stored else None,
        frames_per_message=int(total.get(CHANGE_FRAMES, 0)) / stored if stored else None,
        events=_events(frames),
        peaks=peaks,
        cost=_cost(frames, peaks.get("conversations", 0), int(total.get(CHANGE_FRAMES, 0))),
        limits=_limits(frames, peaks, plans),
        audits=_audits(frames),
        silences=silences(frames),
        warnings=tuple(_warnings(frames, total)),
    )


# ---- delivery --------------------------------------------------------------------------------------------------


def _members(deliveries: Sequence[Delivery]) -> tuple[FateRow, ...]:
    groups: dict[str, Counter[DeliveryFate]] = {}
    for one in deliveries:
        what = "typing signals to others" if one.topic is ChannelTopic.TYPING else "messages to others"
        if one.sender == one.receiver:
            what = "messages to their sender's own socket"
        groups.setdefault(what, Counter())[one.fate] += 1
    return tuple(
        FateRow(what=what, expected=sum(fates.values()), **{str(fate): fates[fate] for fate in DeliveryFate})
        for what, fates in sorted(groups.items())
    )


def _wrong(frames: Frames) -> list[Wrong]:
    """A change comes back to whoever made it as to everybody else who listens, so a lost echo is a loss as well."""
    lost = [
        Wrong(what="lost", key=one.key, conversation=one.conversation, person=one.receiver, detail=_first_seen(one))
        for one in frames.deliveries
        if one.fate is DeliveryFate.LOST and one.topic is ChannelTopic.CHANGES
    ]
    facts = frames.facts
    seen = facts[facts["kind"].isin([str(kind) for kind in WRONG]) & ~_excused(facts)]
    columns = [seen[name] for name in ("kind", "key", "conversation", "person", "detail")]
    return (
        lost
        + _renamed(facts)
        + [
            Wrong(
                what=WRONG[FactKind(kind)],
                key=key,
                conversation=conversation,
                person=int(person),
                detail=detail,
            )
            for kind, key, conversation, person, detail in zip(*columns, strict=True)
        ]
    )


def _renamed(facts: pd.DataFrame) -> list[Wrong]:
    """Messages that were heard under another id than the answer to their sender gave, each once: what a phone then says
    of them, a receipt or a reaction, is about nothing."""
    told = facts[facts["kind"].isin([FactKind.STORED, FactKind.HEARD]) & (facts["detail"] != "")]
    answered = told[told["kind"] == FactKind.STORED].drop_duplicates("key").set_index("key")["detail"]
    heard = told[(told["kind"] == FactKind.HEARD) & told["key"].isin(answered.index)]
    other = heard[heard["detail"] != heard["key"].map(answered)].drop_duplicates("key")
    columns = [other[name] for name in ("key", "conversation", "person")]
    return [
        Wrong(what="contradicted", key=key, conversation=room, person=int(person), detail=f"messages {ANOTHER_ID}")
        for key, room, person in zip(*columns, strict=True)
    ]


def _excused(facts: pd.DataFrame) -> pd.Series[bool]:
    """Rows that were written once more and not told of, where the target tells of none: nothing in them changed."""
    rewritten = (facts["kind"] == FactKind.UNTOLD) & facts["detail"].str.endswith(f" {UntoldRow.REWRITTEN}")
    return rewritten & (not (facts["kind"] == FactKind.AGAIN).any())


def _first_seen(one: Delivery) -> str:
    own = "to its sender's own socket" if one.sender == one.receiver else ""
    if one.polled_us is None:
        return own
    polled = f"a poll brought it after {one.polled_us / 1e6:.1f} s while the channel was up"
    return f"{own}; {polled}" if own else polled


def _warnings(frames: Frames, total: pd.Series) -> Iterator[str]:
    """Typing and presence: nobody loses data by them, and they are part of what was promised."""
    fates = Counter(one.fate for one in frames.deliveries if one.topic is ChannelTopic.TYPING)
    lost, known = fates[DeliveryFate.LOST], fates[DeliveryFate.LOST] + fates[DeliveryFate.DELIVERED]
    if lost > TYPING_LOST_SHARE * known:
        yield f"{lost:,} of {plural(known, 'typing signal')} never reached a chat that was open."
    samples = frames.counts
    good = samples[(samples["operation"] == PRESENCE_JOIN) & (samples["outcome"] == Outcome.OK)]
    joins, heard = int(good["count"].sum()), samples[samples["operation"] == PRESENCE_HEARD]
    # The server tells some channels twice, so frames are no measure of channels; older records have nothing else.
    states = int(heard["count"].sum()) if len(heard) else int(total.get(PRESENCE_STATES, 0))
    if states < math.floor(STATES_SHARE * joins):
        yield f"{joins - states:,} of {plural(joins, 'presence channel')} joined and never heard who is there."
    if joins > 1 and not total.get(PRESENCE_DIFFS, 0) and _peaks(frames.gauges).get("sockets", 0) > 1:
        yield f"{plural(joins, 'presence channel')} joined and nobody heard anybody come or go."


def _latencies(frames: Frames) -> tuple[DeliveryLatency, ...]:
    table = latency_table(frames)
    joins = (table["view"] == View.SERVER) & table["operation"].str.startswith(SOCKET_CALLS)
    chosen = table[(table["view"] == View.DELIVERY) | joins].sort_values(["view", "operation"])
    return tuple(
        DeliveryLatency(
            operation=str(row["operation"]),
            view=View(row["view"]),
            samples=int(row["samples"]),
            failed=int(row["failed"]),
            p50=_finite(row["p50"]),
            p95=_finite(row["p95"]),
            p99=_finite(row["p99"]),
        )
        for _, row in chosen.iterrows()
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _uncertainty(frames: Frames) -> float:
    """Of two workers' clocks against each other: both are off by their own."""
    worst = sorted((clock.uncertainty_us for clock in frames.manifest.clocks), reverse=True)[:2]
    return sum(worst) / 1000


# ---- load ------------------------------------------------------------------------------------------------------


def _peaks(table: pd.DataFrame) -> dict[str, int]:
    names = [name for name in table.columns if not str(name).startswith(FLOWS)]
    return {str(name): int(table[name].max()) for name in names}


def _events(frames: Frames) -> tuple[EventRow, ...]:
    table = frames.gauges
    rows = [
        EventRow(
            kind=str(name).removeprefix("frames "),
            total=int(table[name].sum()),
            per_s=float(table[name].sum()) / max(1, len(table)),
            peak_per_s=int(table[name].max()),
        )
        for name in table.columns
        if str(name).startswith("frames ")
    ]
    return tuple(sorted(rows, key=lambda row: (-row.total, row.kind)))


def _cost(frames: Frames, subscriptions: int, change_frames: int) -> tuple[CostRow, ...]:
    """Writes that were answered well are changes; each is checked against every subscription on its table."""
    samples = frames.counts
    good = samples[(samples["view"] == View.SERVER) & (samples["outcome"] == Outcome.OK)]
    counts = good.groupby("operation")["count"].sum()
    seconds = _loaded_s(frames)
    writes = {table: sum(int(counts.get(name, 0)) for name in names) for table, names in WRITES.items()}
    every = sum(writes.values())
    if not subscriptions or not every:
        return ()
    each = change_cost_ms(subscriptions, change_frames / every)
    return tuple(
        CostRow(
            table=table,
            writes=number,
            changes_per_s=number / seconds,
            subscriptions=subscriptions,
            ms_per_change=each,
            busy_share=number / seconds * each / 1000,
        )
        for table, number in writes.items()
    )


def _loaded_s(frames: Frames) -> float:
    """Seconds from the run's zero to the end of its measure phase, or to where an aborted one got, at least 1."""
    planned = max((window.end_s for window in frames.manifest.windows if window.phase is not Phase.DRAIN), default=1.0)
    if frames.complete:
        return planned
    reached = float(frames.samples["second"].max()) + 1.0 if len(frames.samples) else 1.0
    return max(1.0, min(planned, reached))


Limit = Callable[[PlanPrices], float]


def _limits(frames: Frames, peaks: dict[str, int], plans: Mapping[str, PlanPrices]) -> tuple[LimitRow, ...]:
    table = frames.gauges

    def peak(*names: str) -> float:
        chosen = [name for name in names if name in table.columns]
        return float(table[chosen].sum(axis=1).max()) if chosen else 0.0

    joined = [name for name in frames.operations(View.SERVER) if name.startswith("realtime_join")]
    joins = frames.of(joined, View.SERVER)
    joins_peak = float(joins.groupby("second")["count"].sum().max()) if len(joins) else 0.0
    channels = math.ceil(peaks.get("channels", 0) / max(1, peaks.get("sockets", 0)))
    rows: tuple[tuple[str, float, Limit], ...] = (
        ("sockets at once", float(peaks.get("sockets", 0)), lambda plan: plan.connections),
        ("joins, busiest second", joins_peak, lambda plan: plan.joins_per_second),
        (
            "database changes and broadcasts received, busiest second",
            peak(CHANGE_FRAMES, BROADCAST_FRAMES),
            lambda plan: plan.messages_per_second,
        ),
        ("presence received, busiest second", peak(*PRESENCE_FRAMES), lambda plan: plan.presence_per_second),
        ("channels of a socket, mean at the peak", float(channels), lambda plan: plan.channels_per_connection),
    )
    return tuple(
        LimitRow(what=what, measured=measured, limits={plan.title: float(of(plan)) for plan in plans.values()})
        for what, measured, of in rows
    )


# ---- audits ----------------------------------------------------------------------------------------------------


def _audits(frames: Frames) -> tuple[Audit, ...]:
    facts = frames.facts
    leaked = facts[facts["kind"] == FactKind.LEAKED]
    most = _most_channels(facts)
    said = facts[facts["kind"] == FactKind.SAID]
    by_http = int((said["detail"] == "http").sum())
    heard = [str(name) for name in frames.gauges.columns if str(name).startswith(CHANGES_OF)]
    tables = sorted(name.removeprefix(CHANGES_OF) for name in heard)
    other = [name for name in tables if name not in WRITES]
    return (
        Audit(
            name="No channel outlives its screen",
            ok=leaked.empty,
            text=f"{plural(len(leaked), 'channel')} left behind"
            + (f", first of person {int(leaked['person'].iloc[0])}" if len(leaked) else ""),
        ),
        Audit(
            name="One channel per open conversation",
            ok=most <= 1,
            text=f"at most {most} for the same conversation on one phone",
        ),
        Audit(
            name="Ephemeral signals are broadcast, not stored",
            ok=not other,
            text=f"{plural(len(said), 'typing signal')}: {len(said) - by_http:,} on the socket, {by_http:,} by HTTP "
            f"while the channel was not joined; changes came of {', '.join(tables) or 'no table'}",
        ),
    )


def _most_channels(facts: pd.DataFrame) -> int:
    """The most channels of changes that one phone held at once for one conversation."""
    rows = facts[(facts["kind"] == FactKind.CHANNEL) & (facts["key"] == ChannelTopic.CHANGES)]
    most = 0
    held: Counter[tuple[int, str]] = Counter()
    for person, conversation, state in zip(rows["person"], rows["conversation"], rows["detail"], strict=True):
        if state == ChannelState.JOINING:
            held[person, conversation] += 1
            most = max(most, held[person, conversation])
        elif state == ChannelState.LEFT:
            held[person, conversation] -= 1
    return most
