"""Times in which no change reached anybody, though rows were written and channels looked well. (pure)

One poller reads the changes for all, and asks row-level security for all subscribers in one statement. When that raises
for one of them, the poll brings nothing to anybody, and is tried again for ever; when more is written than the poller
gets through, everybody waits; when it tells of more than it may in a second, it leaves out what comes next. Sockets
stay open meanwhile, channels stay joined, heartbeats are answered: from outside one looks like the other, and so none
of them is named alone. What tells this apart from single losses is that it holds for everybody at once, which also
needs less patience: short chats, of which nobody can say what they would have heard, say it together.

From the record alone. A message is unheard when its row is stored, no phone ever had its frame, and a channel of its
conversation listened from before it was sent until WAIT_S after it was stored (one that turned out broken does not
count). A silence is a time without any change for anybody that lasts SHORTEST_S and holds MESSAGES unheard ones that
several people in several conversations waited for. What was sent within a fault's window, or so soon after it that the
fault may hold it back, is the fault's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind
from harness.core.outcome import Outcome
from reports.delivery import DEADLINE_S
from reports.frames import Frames
from reports.model import ReportModel
from reports.text import plural

SHORTEST_S = 5.0
WAIT_S = 2.0
"""So long a channel must have gone on listening: ten times what a change takes."""
MESSAGES = 3
"""Different messages that nobody heard: fewer may be losses of their own."""
SEVERAL = 2
"""People, and conversations, that waited in vain."""
HEARTBEAT = "realtime_heartbeat"
CAUSES = (
    "One poller serves all: it may be behind or down, over its limit of events a second, or stopped by a policy that "
    "raises for one subscriber"
)
REMEDY = (
    "look into Realtime's log for what its poller met; where it was behind, have fewer rows and subscribers on the "
    "publication, or write less; where a policy raised, mend the policy that raises, or drop the binding of the one "
    "who subscribed"
)
PLAYBOOK = "11, if realtime.list_changes dominates: 2, reduce Postgres Changes usage"
_HEARD = [str(kind) for kind in (FactKind.HEARD, FactKind.DOUBLED, FactKind.MISORDERED, FactKind.STRANGE)]
_US = 1_000_000


class Silence(ReportModel):
    """One of them. Seconds of the run; until_s null: to the end of the record."""

    from_s: float
    until_s: float | None
    messages: int  # stored, and heard by nobody
    conversations: int  # theirs
    channels: int  # that listened meanwhile
    people: int  # whose they are
    heartbeats: int  # answered meanwhile

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        when = f"from {self.from_s:.1f} s on"
        if self.until_s is not None:
            when = f"from {self.from_s:.1f} to {self.until_s:.1f} s"
        whose = plural(self.people, "person", "people")
        answered = f" and {plural(self.heartbeats, 'heartbeat')} came back" if self.heartbeats else ""
        messages, conversations = plural(self.messages, "stored message"), plural(self.conversations, "conversation")
        return (
            f"No change was delivered to anybody {when}, while {plural(self.channels, 'channel')} of {whose} were "
            f"open{answered}: {messages} in {conversations} went unheard. {CAUSES}"
        )

    @property
    def finding(self) -> str:
        """The sentence, what to do, and the manual's place."""
        return f"{self.sentence}: {REMEDY} (manual {PLAYBOOK})."


@dataclass(frozen=True, slots=True)
class _Listening:
    """One phone's channel of one conversation, from the server's notice until it was left or down."""

    person: int
    conversation: str
    from_s: float
    until_s: float
    broken: bool  # its end was no choice of the phone's


@dataclass(frozen=True, slots=True)
class _Message:
    key: str
    conversation: str
    sent_s: float
    stored_s: float


def silences(frames: Frames) -> tuple[Silence, ...]:
    """All of a run, the first one first."""
    if frames.facts.empty:
        return ()
    unheard = _unheard(frames.facts, _faults(frames))
    if len(unheard) < MESSAGES:
        return ()
    channels = list(_channels(frames.facts))
    by_room: dict[str, list[_Listening]] = {}
    for one in channels:
        by_room.setdefault(one.conversation, []).append(one)
    found = (_silence(frames, unheard, channels, by_room, *gap) for gap in _gaps(_arrivals(frames)))
    return tuple(one for one in found if one is not None)


def _faults(frames: Frames) -> list[tuple[float, float]]:
    return [(w.start_s, w.end_s + DEADLINE_S) for w in frames.manifest.chaos if w.kind == "chaos"]


def _unheard(facts: pd.DataFrame, faults: Sequence[tuple[float, float]]) -> list[_Message]:
    """Stored messages whose frame nobody had, and that no fault can have held back, in order of their sending."""
    kind = facts["kind"]
    heard = set(facts.loc[kind == FactKind.HEARD, "key"])
    sent = facts[kind == FactKind.SENT].drop_duplicates("key").set_index("key")["at_us"]
    stored = facts[(kind == FactKind.STORED) & ~facts["key"].isin(heard)].drop_duplicates("key")
    columns = (stored[name] for name in ("key", "conversation", "at_us"))
    found = [
        _Message(key, str(conversation), float(sent[key]) / _US, float(at_us) / _US)
        for key, conversation, at_us in zip(*columns, strict=True)
        if key in sent.index
    ]
    free = [
        one for one in found if not any(start <= one.stored_s + WAIT_S and one.sent_s < end for start, end in faults)
    ]
    return sorted(free, key=lambda one: one.sent_s)


def _channels(facts: pd.DataFrame) -> Iterator[_Listening]:
    rows = facts[(facts["kind"] == FactKind.CHANNEL) & (facts["key"] == ChannelTopic.CHANGES)].sort_values("at_us")
    up: dict[tuple[int, str], float] = {}
    columns = (rows[name] for name in ("at_us", "person", "conversation", "detail"))
    for at_us, person, conversation, state in zip(*columns, strict=True):
        channel, at_s = (int(person), str(conversation)), float(at_us) / _US
        if state == ChannelState.LISTENING:
            up.setdefault(channel, at_s)
        elif state in (ChannelState.DOWN, ChannelState.LEFT) and channel in up:
            yield _Listening(*channel, up.pop(channel), at_s, broken=state == ChannelState.DOWN)
    end_s = _end(facts)
    for channel, since_s in up.items():
        yield _Listening(*channel, since_s, end_s, broken=False)


def _end(facts: pd.DataFrame) -> float:
    """Until when phones wrote anything down."""
    return float(facts["at_us"].max()) / _US


def _arrivals(frames: Frames) -> list[tuple[float, float]]:
    """When changes of any table reached anybody, rising: instants of messages, whole seconds of the other tables."""
    facts, counted = frames.facts, frames.changes
    instants = facts.loc[facts["kind"].isin(_HEARD), "at_us"] / _US
    found = [(float(at), float(at)) for at in instants]
    if len(counted):
        came = counted[counted["value"] > 0]
        found += [(float(second), float(second) + 1.0) for second in came["second"].unique()]
    return sorted(found)


def _gaps(arrivals: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float | None]]:
    """What lies between them: from the end of one to the beginning of the next; the last has no end."""
    reached = 0.0
    for start_s, end_s in arrivals:
        if start_s - reached >= SHORTEST_S:
            yield reached, start_s
        reached = max(reached, end_s)
    yield reached, None


def _silence(
    frames: Frames,
    unheard: Sequence[_Message],
    channels: Sequence[_Listening],
    by_room: Mapping[str, Sequence[_Listening]],
    start_s: float,
    end_s: float | None,
) -> Silence | None:
    until = _end(frames.facts) if end_s is None else end_s
    waited = {
        one: [channel.person for channel in by_room.get(one.conversation, ()) if _waits(channel, one)]
        for one in unheard
        if start_s <= one.sent_s < until
    }
    missed = [one for one, people in waited.items() if people]
    people = {person for one in missed for person in waited[one]}
    rooms = {one.conversation for one in missed}
    if len(missed) < MESSAGES or min(len(people), len(rooms)) < SEVERAL:
        return None
    # Before the first change was heard there may have been nothing to hear.
    begun = start_s or missed[0].sent_s
    if until - begun < SHORTEST_S:
        return None
    open_then = {(one.person, one.conversation) for one in channels if one.from_s < until and one.until_s > begun}
    return Silence(
        from_s=round(begun, 1),
        until_s=None if end_s is None else round(end_s, 1),
        messages=len(missed),
        conversations=len(rooms),
        channels=len(open_then),
        people=len({person for person, _ in open_then}),
        heartbeats=_heartbeats(frames.samples, begun, until),
    )


def _waits(channel: _Listening, message: _Message) -> bool:
    return not channel.broken and channel.from_s < message.sent_s and channel.until_s >= message.stored_s + WAIT_S


def _heartbeats(samples: pd.DataFrame, start_s: float, end_s: float) -> int:
    if samples.empty:
        return 0
    good = (samples["operation"] == HEARTBEAT) & (samples["outcome"] == str(Outcome.OK))
    return int(samples.loc[good & (samples["second"] >= start_s) & (samples["second"] < end_s), "count"].sum())
