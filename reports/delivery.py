"""Which message reached whom over Realtime, and what became of the rest. (pure)

Phones write down what they see, as facts (`harness.core.delivery_facts`); nothing is matched while the run goes on,
because sender and receiver may be on different workers. Afterwards `account` goes once through them in order of time. A
message is delivered to a member when the frame of its INSERT is fully read at that member's socket; the clock starts
when its sender meant to send it, before the request (contract, realtime 3). The key is the client id, which exists
before the row does.

Who has to hear a message is who had its conversation's channel up when it was sent:

    delivered       its frame came
    lost            the channel was up, notice included, before the message was sent, the row is stored, the channel
                    went on, and nothing came: it stayed up for the deadline, heard changes that were committed later,
                    or a poll of the same phone brought the row while the channel stayed silent
    deaf            up as far as the phone knew when the message was sent, and found broken afterwards
    reconnecting    the screen was open and its channel down: Realtime does not replay, the next poll brings it
    before_notice   joined, but before "Subscribed to PostgreSQL": the server did not listen yet (realtime 0.3)
    left            the screen was left before an answer could be known

Only `lost` is a fault of the service; `deaf` and `reconnecting` are what an outage costs.

The deadline is DEADLINE_S, or less where the chat was shorter than that: half of what the channel lasted, at least
SOON_S, and never less than PATIENCE times what the slowest frame of those half minutes came behind its row, so that a
slow service is slow and not lossy. Where a poll brought the row, POLL_GRACE_S takes the place of both. Within the
windows of faults, and for DEADLINE_S after them, only the full deadline and later changes count: what a tunnel holds
back is not lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.core.delivery_facts import ChannelState, ChannelTopic, DeliveryFact, DeliveryFate, FactKind

DEADLINE_S = 30.0
"""After this a message that did not come will not come."""
TYPING_DEADLINE_S = 5.0
"""So long the app shows that somebody types without hearing more (contract, realtime 2.2)."""
SOON_S, TYPING_SOON_S = 5.0, 2.0
"""The least that a deadline shrinks to in a short chat."""
POLL_GRACE_S = 3.0
"""From the moment the row is known to be stored: a poll may just have overtaken the frame."""
PATIENCE = 3.0
"""Deadlines are at least so many times what the slowest frame of that time came behind its row."""
NOTICE_S = 30.0
"""A channel that joined so long ago should have said that the server listens (contract, realtime 0.3)."""
LATER_S = 1.0
"""A channel that heard a change committed this much later has passed the message over: commits arrive in order."""
EARLY_S = 5.0
"""How long a frame is kept whose send has not been seen yet: clocks of two machines differ by less."""
MICROSECONDS = 1_000_000
_DEADLINE_US = round(DEADLINE_S * MICROSECONDS)


class Delivery(NamedTuple):
    """One message, or typing signal, and one who should have got it. Instants and lengths in microseconds."""

    topic: ChannelTopic
    key: str
    conversation: str
    sender: int
    receiver: int
    sent_us: int
    fate: DeliveryFate
    delay_us: int | None  # None: it did not come
    polled_us: int | None  # after which time a poll brought what no frame did
    workers: tuple[int, int]  # the sender's and the receiver's


@dataclass(slots=True)
class _Up:
    """One channel of one phone, from its join until it is left or down."""

    state: ChannelState
    worker: int
    joined_us: int | None = None
    ended_us: int | None = None
    ended: ChannelState | None = None
    latest_us: int | None = None  # database clock


@dataclass(slots=True)
class _Expected:
    state: ChannelState  # when the message was sent
    channel: _Up
    heard_us: int | None = None
    polled_us: int | None = None


@dataclass(slots=True)
class _Open:
    topic: ChannelTopic
    key: str
    conversation: str
    sender: int
    worker: int
    sent_us: int
    stored_us: int | None = None  # run time of the answer
    committed_us: int | None = None  # at the latest, on the database's clock
    seen_us: int | None = None  # when somebody first saw the row: it is stored
    members: dict[int, _Expected] = field(default_factory=dict)


class Accounts:
    """Goes through the facts in order of time; memory is what DEADLINE_S holds. Use `account`."""

    def __init__(self, faults: Sequence[tuple[float, float]] = ()) -> None:
        self._faults = tuple(
            (round(start * MICROSECONDS), round((end + DEADLINE_S) * MICROSECONDS)) for start, end in faults
        )
        self._slowest = _Slowest()
        self._channels: dict[tuple[ChannelTopic, str], dict[int, _Up]] = {}
        self._open: dict[str, _Open] = {}
        self._queue: deque[_Open] = deque()
        self._early: dict[str, list[DeliveryFact]] = {}
        self._early_order: deque[tuple[int, str]] = deque()

    def settled(self, now_us: int) -> Iterable[Delivery]:
        """What has been decided by then."""
        due = now_us - _DEADLINE_US
        return self._settle(due) if self._queue and self._queue[0].sent_us < due else ()

    def add(self, fact: DeliveryFact) -> None:
        """Take in the next fact, after what was `settled` by then."""
        if fact.kind is FactKind.CHANNEL:
            self._channel(fact)
        elif fact.kind is FactKind.SENT:
            self._begin(ChannelTopic.CHANGES, fact)
        elif fact.kind is FactKind.SAID:
            self._begin(ChannelTopic.TYPING, fact)
        elif fact.kind in (FactKind.STORED, FactKind.HEARD, FactKind.POLLED, FactKind.CAUGHT):
            self._saw(fact)

    def close(self) -> Iterator[Delivery]:
        """The record is over."""
        yield from self._settle(None)

    def _channel(self, fact: DeliveryFact) -> None:
        phones = self._channels.setdefault((ChannelTopic(fact.key), fact.conversation), {})
        state = ChannelState(fact.detail)
        channel = phones.get(fact.person)
        if (
            state is ChannelState.LEFT
            or channel is None
            or channel.state is ChannelState.DOWN
            or state is ChannelState.JOINING
        ):
            if channel is not None:
                _end(channel, state, fact)
            if state is ChannelState.LEFT:
                phones.pop(fact.person, None)
                return
            joined = fact.at_us if state in (ChannelState.JOINED, ChannelState.LISTENING) else None
            phones[fact.person] = _Up(state, fact.worker, joined)
            return
        channel.state = state
        if channel.joined_us is None and state is not ChannelState.DOWN:
            channel.joined_us = fact.at_us
        if state is ChannelState.DOWN:
            _end(channel, state, fact)

    def _begin(self, topic: ChannelTopic, fact: DeliveryFact) -> None:
        message = _Open(topic, fact.key, fact.conversation, fact.person, fact.worker, fact.at_us)
        message.members = {
            person: _Expected(_state(topic, channel, fact.at_us), channel)
            for person, channel in self._channels.get((topic, fact.conversation), {}).items()
            if topic is ChannelTopic.CHANGES or person != fact.person  # a broadcast does not come back to its sender
        }
        self._open[fact.key] = message
        self._queue.append(message)
        for early in self._early.pop(fact.key, ()):
            self._saw(early)

    def _saw(self, fact: DeliveryFact) -> None:
        message = self._open.get(fact.key)
        if message is None:
            self._keep(fact)
            return
        known = _known(message) if message.topic is ChannelTopic.TYPING or message.seen_us is not None else fact.at_us
        message.seen_us = fact.at_us if message.seen_us is None else min(message.seen_us, fact.at_us)
        if fact.kind is FactKind.STORED:
            message.stored_us = fact.at_us
            if fact.mark_us is not None:  # when its transaction began: the commit is no later than the answer
                message.committed_us = fact.mark_us + max(0, fact.at_us - message.sent_us)
            return
        member = message.members.get(fact.person)
        if member is None:  # the channel came up after the send
            channel = self._channels.get((message.topic, message.conversation), {}).get(fact.person)
            if channel is None or fact.kind is FactKind.POLLED:
                return
            member = message.members[fact.person] = _Expected(ChannelState.JOINING, channel)
        if fact.kind is FactKind.POLLED:
            member.polled_us = fact.at_us if member.polled_us is None else member.polled_us
        elif member.heard_us is None:
            member.heard_us = fact.at_us
            self._slowest.add(message.topic, message.sent_us, fact.at_us - known)
            if message.committed_us is None and fact.mark_us is not None:
                message.committed_us = fact.mark_us

    def _keep(self, fact: DeliveryFact) -> None:
        horizon = fact.at_us - round(EARLY_S * MICROSECONDS)
        while self._early_order and self._early_order[0][0] < horizon:
            self._early.pop(self._early_order.popleft()[1], None)
        self._early.setdefault(fact.key, []).append(fact)
        self._early_order.append((fact.at_us, fact.key))

    def _settle(self, until_us: int | None) -> Iterator[Delivery]:
        while self._queue and (until_us is None or self._queue[0].sent_us < until_us):
            message = self._queue.popleft()
            if self._open.get(message.key) is message:  # sent again with the same id: the later one counts
                del self._open[message.key]
            waited = None if until_us is None else until_us + round(DEADLINE_S * MICROSECONDS)
            for person, member in message.members.items():
                heard = member.heard_us is not None
                slowest = None if heard or self._troubled(message, member) else self._slowest
                fate = _fate(message, member, waited, slowest)
                if fate is not None:
                    yield _delivery(message, person, member, fate)

    def _troubled(self, message: _Open, member: _Expected) -> bool:
        """Whether a fault may have held up what the channel should have brought."""
        if not self._faults:
            return False
        ended = member.channel.ended_us
        until = message.sent_us + round(DEADLINE_S * MICROSECONDS) if ended is None else ended
        return any(start < until and message.sent_us < end for start, end in self._faults)


class _Slowest:
    """By how much a frame came later than its row was known to be stored, at most, around an instant."""

    def __init__(self) -> None:
        self._slots: dict[tuple[ChannelTopic, int], int] = {}

    def add(self, topic: ChannelTopic, sent_us: int, late_us: int) -> None:
        slot = topic, sent_us // _SLOT_US
        self._slots[slot] = max(self._slots.get(slot, 0), late_us)

    def around(self, topic: ChannelTopic, sent_us: int) -> int:
        """Of what was sent within DEADLINE_S before and after; 0 where nothing came."""
        middle, reach = sent_us // _SLOT_US, round(DEADLINE_S * MICROSECONDS) // _SLOT_US
        return max(self._slots.get((topic, slot), 0) for slot in range(middle - reach, middle + reach + 1))


_SLOT_US = 5 * MICROSECONDS


def _state(topic: ChannelTopic, channel: _Up, at_us: int) -> ChannelState:
    """Of a channel at a send: one that joined long ago and never had its notice should have it."""
    if topic is ChannelTopic.CHANGES and channel.state is ChannelState.JOINED and channel.joined_us is not None:
        overdue = at_us - channel.joined_us >= NOTICE_S * MICROSECONDS
        return ChannelState.LISTENING if overdue else channel.state
    return channel.state


def _end(channel: _Up, state: ChannelState, fact: DeliveryFact) -> None:
    if channel.ended is None:
        channel.ended, channel.ended_us = state, fact.at_us
    if fact.mark_us is not None:
        channel.latest_us = fact.mark_us


def _fate(message: _Open, member: _Expected, now_us: int | None, slowest: _Slowest | None) -> DeliveryFate | None:
    """None: nothing was to be expected. now_us: until when the record is known; None at its end. slowest: None where
    a fault may have held the message up."""
    if member.heard_us is not None:
        return DeliveryFate.DELIVERED
    typing = message.topic is ChannelTopic.TYPING
    if not typing and message.seen_us is None:
        return None  # never stored, as far as anybody knows
    if member.state is ChannelState.DOWN:
        return DeliveryFate.RECONNECTING
    if member.state is ChannelState.JOINING:
        return None
    if member.state is not (ChannelState.JOINED if typing else ChannelState.LISTENING):
        return DeliveryFate.BEFORE_NOTICE
    channel = member.channel
    until = channel.ended_us if channel.ended_us is not None else now_us
    if channel.ended_us is None and now_us is not None:
        return DeliveryFate.LOST
    if until is not None and until - _known(message) >= _deadline_us(message, member, until, slowest):
        return DeliveryFate.LOST
    if _passed_over(message, channel):
        return DeliveryFate.LOST
    return DeliveryFate.DEAF if channel.ended is ChannelState.DOWN else DeliveryFate.LEFT


def _known(message: _Open) -> int:
    """From when on the frame could come: the row was committed no later."""
    return message.sent_us if message.seen_us is None else message.seen_us


def _deadline_us(message: _Open, member: _Expected, until_us: int, slowest: _Slowest | None) -> float:
    """How long a silent channel must have been up after a message for it to be lost.

    slowest: None where only the full deadline counts. A channel that turned out broken may have been so for long: there
    only the full deadline counts, too.
    """
    typing, channel = message.topic is ChannelTopic.TYPING, member.channel
    most, least = (TYPING_DEADLINE_S, TYPING_SOON_S) if typing else (DEADLINE_S, SOON_S)
    if slowest is None or channel.ended is not ChannelState.LEFT or channel.joined_us is None:
        return most * MICROSECONDS
    if member.polled_us is not None:
        enough = POLL_GRACE_S * MICROSECONDS
    else:
        enough = max(least * MICROSECONDS, (until_us - channel.joined_us) / 2)
    return min(most * MICROSECONDS, max(enough, PATIENCE * slowest.around(message.topic, message.sent_us)))


def _passed_over(message: _Open, channel: _Up) -> bool:
    """Whether the channel heard something that was clearly committed after the message."""
    if channel.latest_us is None or message.committed_us is None:
        return False
    return channel.latest_us - message.committed_us >= LATER_S * MICROSECONDS


def _delivery(message: _Open, person: int, member: _Expected, fate: DeliveryFate) -> Delivery:
    delay = None if member.heard_us is None else member.heard_us - message.sent_us
    polled = None if member.polled_us is None or delay is not None else member.polled_us - message.sent_us
    return Delivery(
        topic=message.topic,
        key=message.key,
        conversation=message.conversation,
        sender=message.sender,
        receiver=person,
        sent_us=message.sent_us,
        fate=fate,
        delay_us=delay,
        polled_us=polled,
        workers=(message.worker, member.channel.worker),
    )


def account(facts: Iterable[DeliveryFact], faults: Sequence[tuple[float, float]] = ()) -> Iterator[Delivery]:
    """Every message and who should have got it, oldest first.

    :param facts: in order of their (corrected) instants.
    :param faults: windows of the run's faults, in its seconds.
    """
    accounts = Accounts(faults)
    for fact in facts:
        yield from accounts.settled(fact.at_us)
        accounts.add(fact)
    yield from accounts.close()
