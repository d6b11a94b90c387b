"""What operators have in common. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from harness.prove.mutants.envelope import Envelope
from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.memory import ReplyMemory
from harness.prove.mutants.places import Kind

ONE_IN_THREE = 3
"""What fails a request hits one of three, so that the run goes on."""


class Ending(Enum):
    """How an exchange ends."""

    REPLY = "with a reply"
    SILENCE = "the reply never comes, the connection stays"
    CLOSED = "the connection is closed without a reply"


@dataclass(frozen=True, slots=True)
class Handling:
    """What becomes of one request.

    forwarded: what the server gets; the first one's reply is the reply. answer: instead of the server's.
    delay_s: between the server's reply and the phone.
    """

    forwarded: tuple[CallRequest, ...]
    answer: CallReply | None = None
    ending: Ending = Ending.REPLY
    delay_s: float = 0.0


@dataclass(slots=True)
class MutantState:
    """What one mutant knows in one proxy.

    seed: which field is changed. call: of which replies. changed: its name. age_s: seconds since the mutant's first
    request.
    """

    seed: int = 1
    call: str = ""
    memory: ReplyMemory = field(default_factory=ReplyMemory)
    changed: str = ""
    age_s: float = 0.0
    elsewhere: dict[str, Any] = field(default_factory=dict)  # topic -> the newest change seen there
    held: dict[tuple[int, str], bytes] = field(default_factory=dict)  # (socket, topic) -> a message that waits
    silenced: dict[tuple[int, str], int] = field(default_factory=dict)  # (socket, topic) -> messages so far


class Operator:
    """One way to spoil things. one_in: of so many requests that fit, the first is hit."""

    name: ClassVar[str]
    needs: ClassVar[Kind]
    one_in: ClassVar[int] = 1


class CallOperator(Operator):
    """Of HTTP. Whatever it leaves alone is passed on bit for bit, and is no hit."""

    needs: ClassVar[Kind] = Kind.CALL

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        """What becomes of the request; None: nothing out of the ordinary."""

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        """Another reply than the server's; None: that one."""


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """One message of the server on its way to one phone. data: of its frame, unmasked. envelope: None for binary."""

    socket: int
    topic: str
    data: bytes
    envelope: Envelope | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the phone gets instead. late: after `late_s`. close: the socket afterwards.

    held: a message that waits for the next one, and comes after `late_s` when none did; that alone is no hit.
    """

    now: Sequence[bytes | Envelope] = ()
    late: Sequence[bytes | Envelope] = ()
    late_s: float = 0.0
    held: bytes | None = None
    close: bool = False


class SignalOperator(Operator):
    """Of Realtime's messages."""

    needs: ClassVar[Kind] = Kind.SIGNAL

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        """None: the message as it is."""
        raise NotImplementedError
