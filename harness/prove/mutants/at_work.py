"""One mutant in one proxy: what it knows, what it counts, and what it makes of a request or a message. (pure)"""

from __future__ import annotations

from collections.abc import Callable

from chaos.frames import is_message
from harness.client.realtime.phoenix.codec import V2, decode
from harness.prove.mutants.catalogue import Mutant
from harness.prove.mutants.envelope import envelope, frame_payload
from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import (
    CallOperator,
    Delivery,
    Handling,
    MutantState,
    SignalOperator,
    SocketMessage,
)
from harness.prove.mutants.places import CallPlace, ChannelPlace
from harness.prove.mutants.tally import MutantTally


class MutantAtWork:
    """seed: which field is changed. clock: seconds, for mutants that grow with the run."""

    def __init__(self, mutant: Mutant, seed: int, clock: Callable[[], float]) -> None:
        self.mutant = mutant
        self.seen = self.hits = 0
        self.state = MutantState(seed, mutant.place.name)
        self._clock = clock
        self._began: float | None = None

    @property
    def tally(self) -> MutantTally:
        return MutantTally(mutant=self.mutant.name, seen=self.seen, hits=self.hits, changed=self.state.changed)

    @property
    def of_sockets(self) -> bool:
        """Whether it is about messages of Realtime."""
        return isinstance(self.mutant.place, ChannelPlace)

    def concerns(self, method: str, target: str) -> bool:
        """By a request's head alone; its body may say otherwise."""
        place = self.mutant.place
        return isinstance(place, CallPlace) and place.fits(method, target)

    def handling(self, request: CallRequest) -> tuple[Handling, bool] | None:
        """What becomes of a request that `concerns` it, and whether its reply may be spoiled; None: not its own."""
        place, operator = self.mutant.place, self.mutant.operator
        assert isinstance(place, CallPlace)
        assert isinstance(operator, CallOperator)
        if not place.fits_body(request.json):
            return None
        drawn = self._draw()
        handling = operator.handle(request, self.state) if drawn else None
        if handling is None:
            return Handling((request,)), drawn
        self.hits += 1
        return handling, False

    def answered(self, request: CallRequest, reply: CallReply, *, drawn: bool) -> CallReply:
        """The reply that the phone gets."""
        operator = self.mutant.operator
        assert isinstance(operator, CallOperator)
        other = operator.reply(request, reply, self.state) if drawn else None
        self.state.memory.note(request, reply)
        if other is None:
            return reply
        self.hits += 1
        return other

    def delivery(self, socket: int, frame: bytes) -> tuple[Delivery, SocketMessage] | None:
        """What comes instead of this frame of a socket; None: the frame."""
        place, operator = self.mutant.place, self.mutant.operator
        if not isinstance(place, ChannelPlace) or not isinstance(operator, SignalOperator) or not is_message(frame):
            return None
        message = socket_message(socket, frame, place)
        if message is None or not self._draw():
            return None
        delivery = operator.deliver(message, self.state)
        if delivery is None:
            return None
        self.hits += delivery.held is None
        return delivery, message

    def _draw(self) -> bool:
        now = self._clock()
        self._began = now if self._began is None else self._began
        self.state.age_s = now - self._began
        self.seen += 1
        return (self.seen - 1) % self.mutant.operator.one_in == 0


def socket_message(socket: int, frame: bytes, place: ChannelPlace) -> SocketMessage | None:
    """The message of a whole frame, if it is one of the place's."""
    data = frame_payload(frame)
    if frame[0] == 0x82:
        head = decode(V2, data, binary=True, wants=lambda topic, event: False)
        fits = place.topic.fullmatch(head.topic) and "broadcast" in place.events and not place.table
        return SocketMessage(socket, head.topic, data, None) if fits else None
    said = envelope(data)
    if said is None or place.topic.fullmatch(said.topic) is None or said.event not in place.events:
        return None
    return SocketMessage(socket, said.topic, data, said) if not place.table or said.table == place.table else None
