"""What a master takes from its workers' messages, and what it refuses; each refusal is counted under its reason. (pure)

Locust believes what it is told: a message of another shape raises in its listener, and one in another worker's name is
taken for that worker's. So every message is looked at before Locust sees it: its sender, its kind, its shape, and for
our own reports the run they belong to.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

LONGEST_NAME = 300
REPORT, CLOCK, REFUSAL, HELLO = "harness_report", "harness_clock", "harness_refusal", "harness_hello"
EPOCH = "harness_epoch"
"""Asked before a worker begins: the master's time of day, which the run's zero is told in."""
WELCOME, DISMISSAL = "harness_welcome", "harness_dismissal"

Count = Annotated[int, Field(ge=0, lt=2**53)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=20_000)]
_STRICT = ConfigDict(strict=True, extra="forbid")
_OPEN = ConfigDict(strict=True, extra="ignore")


class _StatsEntry(TypedDict):
    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: Words
    method: Words
    last_request_timestamp: Amount | None
    start_time: Amount
    num_requests: Count
    num_none_requests: Count
    num_failures: Count
    total_response_time: Amount
    max_response_time: Amount
    min_response_time: Amount | None
    total_content_length: Count
    response_times: dict[Count | Amount, Count]
    num_reqs_per_sec: dict[Count, Count]
    num_fail_per_sec: dict[Count, Count]


class _StatsError(TypedDict):
    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: Words
    method: Words
    error: Words
    occurrences: Count
    first_seen: Amount | None
    last_seen: Amount | None


class _Stats(TypedDict):
    __pydantic_config__ = _OPEN  # type: ignore[misc]
    stats: list[_StatsEntry]
    stats_total: _StatsEntry
    errors: dict[str, _StatsError]
    user_classes_count: dict[str, Count]
    user_count: Count


class _Users(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    user_classes_count: dict[str, Count]
    user_count: Count


class _Heartbeat(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    state: Annotated[str, Field(pattern="^(ready|spawning|running|cleanup|stopping|stopped)$")]
    current_cpu_usage: Amount
    current_memory_usage: Count


class _Logs(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    worker_id: str
    logs: list[str]


class _Exception(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    msg: str
    traceback: str


class _Refusal(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    why: Words
    host: Words
    pid: Count


_SHAPES: dict[str, TypeAdapter[Any]] = {
    "client_ready": TypeAdapter(Annotated[str, Field(min_length=1, max_length=60)]),
    "client_stopped": TypeAdapter(None),
    "heartbeat": TypeAdapter(_Heartbeat),
    "stats": TypeAdapter(_Stats),
    "spawning": TypeAdapter(None),
    "spawning_complete": TypeAdapter(_Users),
    "logs": TypeAdapter(_Logs),
    "quit": TypeAdapter(None),
    "exception": TypeAdapter(_Exception),
    REPORT: TypeAdapter(tuple[str, dict[str, Any]], config=ConfigDict(strict=False)),
    CLOCK: TypeAdapter(Annotated[float, Field(allow_inf_nan=False)], config=ConfigDict(strict=True)),
    EPOCH: TypeAdapter(Annotated[float, Field(allow_inf_nan=False)], config=ConfigDict(strict=True)),
    REFUSAL: TypeAdapter(_Refusal),
    HELLO: TypeAdapter(None),
}
"""What a worker says, Locust's kinds and ours. There is no "locustfile": nobody gets this machine's files."""


class Refused(Exception):
    """A message that is not taken. `kind` is what it is counted under."""

    def __init__(self, kind: str, sender: str = "", why: str = "") -> None:
        super().__init__(why or kind)
        self.kind = kind
        self.sender = sender


@dataclass(frozen=True, slots=True)
class WorkerMessage:
    """A message that may be believed as far as its sender may."""

    kind: str
    data: Any
    sender: str


class MasterGate:
    """One master's. `begin` when the workers have their numbers: from then on nobody joins, and reports are taken.

    unpack: bytes -> what they hold; may raise anything.
    run: stands in every report of this run; "" where nothing is planned, and then no report is taken.
    """

    def __init__(self, unpack: Callable[[bytes], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._unpack = unpack
        self._clock = clock
        self._came: set[str] = set()
        self._numbers: dict[str, int] | None = None
        self._begun_s = 0.0
        self.run = ""
        self.refused: Counter[str] = Counter()

    def begin(self, workers: Sequence[str]) -> None:
        """These are the run's workers, in the order of their numbers."""
        self._numbers = {name: number for number, name in enumerate(workers)}
        self._begun_s = self._clock()

    @property
    def begun(self) -> bool:
        """Whether it is too late to join."""
        return self._numbers is not None

    def is_late(self, sender: str) -> bool:
        """Whether the run began without it."""
        return self._numbers is not None and sender not in self._numbers

    def admit(self, frames: Sequence[bytes]) -> WorkerMessage:
        """The message in those frames. :raises Refused: it is none; counted."""
        try:
            return self._admitted(frames)
        except Refused as refusal:
            self.refused[refusal.kind] += 1
            raise

    def _admitted(self, frames: Sequence[bytes]) -> WorkerMessage:
        if len(frames) != 2:
            raise Refused("malformed", why=f"2 frames expected, {len(frames)} came")
        try:
            sender = bytes(frames[0]).decode()
        except UnicodeDecodeError:
            raise Refused("malformed", why="a sender without a name") from None
        if not sender.isprintable() or not 0 < len(sender) <= LONGEST_NAME:
            raise Refused("malformed", why="a sender without a name")
        try:
            told = self._unpack(frames[1])
        except Exception as error:  # any bytes at all may stand there
            raise Refused("malformed", sender, f"not a message: {type(error).__name__}") from None
        if not (isinstance(told, (list, tuple)) and len(told) == 3 and isinstance(told[0], str)):
            raise Refused("malformed", sender, "not kind, data and name")
        kind, data, name = told
        if name != sender:
            raise Refused("in another's name", sender)
        shape = _SHAPES.get(kind)
        if shape is None:
            raise Refused("of an unknown kind", sender, f"kind {kind[:40]!r}")
        try:
            data = shape.validate_python(data, strict=kind != REPORT)
        except ValidationError as error:
            raise Refused("malformed", sender, f"{kind}: {_first(error)}") from None
        self._place(kind, data, sender)
        return WorkerMessage(kind, data, sender)

    def _place(self, kind: str, data: Any, sender: str) -> None:
        if kind == HELLO:
            return
        if kind == "client_ready":
            if self.is_late(sender):
                raise Refused("too late", sender, "this run began without this worker")
            self._came.add(sender)
        elif sender not in self._came:
            raise Refused("from a stranger", sender)
        if kind == REPORT:
            self._look_at_report(data, sender)

    def _look_at_report(self, data: tuple[str, dict[str, Any]], sender: str) -> None:
        run, report = data
        if not self.run or run != self.run:
            raise Refused("of another run", sender)
        number = (self._numbers or {}).get(sender)
        if number is None or report.get("worker") != number:
            raise Refused("in another's name", sender, "a report of another worker")
        sequence = report.get("sequence")
        furthest = 1_000 + 10 * (self._clock() - self._begun_s)  # workers report once a second
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 < sequence < furthest:
            raise Refused("malformed", sender, "a report's number out of all bounds")

    def refuse(self, kind: str) -> None:
        """Count a refusal that somebody else decided on."""
        self.refused[kind] += 1

    def told(self) -> str:
        """What was refused so far, for people; empty when nothing was."""
        if not self.refused:
            return ""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.refused.most_common())
        return f"refused by the master, messages and connections: {kinds}"


def _first(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part)[:40] for part in found['loc'][:4])}: {found['msg'][:120]}"
