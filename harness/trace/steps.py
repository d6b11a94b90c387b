"""What the person did, read from what their client asked. (pure)

A phone replays these. Each step has the instant at which its first request or frame shows, less what the client is
known to wait: a batch of swipes leaves 1.0 s after the first gesture in it, a query 0.25 s after the last key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from harness.trace.model import TracedFrame, TracedRequest, TracedSocket, TraceEvent, TraceFlow

FLUSH_S = 1.0
DEBOUNCE_S = 0.25
LOAD_S = 3.0
"""What is asked so long after a page load or a sign-in belongs to it."""
PAGE_TURN_S = 1.5
"""From the old page's socket being closed to the new page's first request, at most."""
MANY_GESTURES = 3
"""In one batch: nobody swipes so often in a second, so they were kept back without a network."""
OFFLINE_LOOK_S = 1.5
FIRST_DECK = 72
HOME_DECK = 60
GESTURES = frozenset({"like", "dislike", "skip"})
PRESENCE_TOPIC = "realtime:presence:global"
ROOM = "realtime:conversation-db-"


class StepKind(Enum):
    SIGN_IN = "sign-in"
    LOAD = "load"
    SWIPE_OPEN = "swipe-open"
    GESTURE = "swipe"
    OFFLINE = "offline"
    ONLINE = "online"
    SEARCH_OPEN = "search"
    QUERY = "query"
    CHIP = "chips"
    MESSAGES = "messages"
    CONVERSATION = "conversation"
    SEND = "send"
    LEAVE = "leave"
    HOME = "home"
    HIDE = "hidden"
    SHOW = "shown"


@dataclass(frozen=True, slots=True)
class PersonStep:
    """at: seconds since the flow began. word: the gesture, the query's stand-in, the chip's
    kind, or the page that a load lands on.
    seconds: how long a text was typed before it was sent; None where nobody typed."""

    kind: StepKind
    at: float
    word: str = ""
    seconds: float | None = None


@dataclass(slots=True)
class StepFinder:
    """Reads events in order; what it knows of the person's screen outlives a flow."""

    hidden: bool = False
    _entered: float = -1e9
    _typing: float | None = None
    _blocked: float | None = None
    _sockets: list[float] = field(default_factory=list)
    _found: list[PersonStep] = field(default_factory=list)

    def steps(self, events: Sequence[TraceEvent]) -> tuple[PersonStep, ...]:
        """In the order of their instants."""
        self._found, self._sockets, self._typing, self._blocked = [], [], None, None
        self._entered = -1e9
        for event in events:
            if isinstance(event, TracedSocket):
                self._sockets.append(event.t)
            elif isinstance(event, TracedFrame):
                self._frame(event)
            elif not event.preflight:
                self._request(event)
        landed = [self._landing(step, events) for step in self._found]
        return tuple(sorted(landed, key=lambda step: step.at))

    def _add(self, kind: StepKind, at: float, word: str = "", seconds: float | None = None) -> None:
        self._found.append(PersonStep(kind, max(0.0, at), word, seconds))

    def _landing(self, step: PersonStep, events: Sequence[TraceEvent]) -> PersonStep:
        if step.kind is not StepKind.LOAD:
            return step
        near = [event for event in events if isinstance(event, TracedRequest) and 0 <= event.t - step.at < LOAD_S]
        return replace(step, word="landing" if any(_surface(event) == "search" for event in near) else "elsewhere")

    # ---- frames -----------------------------------------------------------------------------------------------

    def _frame(self, frame: TracedFrame) -> None:
        payload = frame.payload if isinstance(frame.payload, dict) else {}
        if frame.topic == PRESENCE_TOPIC and frame.event == "presence":
            status = (payload.get("payload") or {}).get("status")
            if status == "away" and not self.hidden:
                self.hidden = True
                self._add(StepKind.HIDE, frame.t)
            elif status == "online" and self.hidden:
                self.hidden = False
                self._add(StepKind.SHOW, frame.t)
        elif frame.topic.startswith(ROOM) and frame.event == "phx_join":
            self._add(StepKind.CONVERSATION, frame.t)
        elif frame.topic.startswith(ROOM) and frame.event == "phx_leave":
            self._add(StepKind.LEAVE, frame.t)
        elif payload.get("event") == "typing" and (payload.get("payload") or {}).get("isTyping"):
            self._typing = frame.t if self._typing is None else self._typing

    # ---- requests ---------------------------------------------------------------------------------------------

    def _request(self, request: TracedRequest) -> None:
        path, method = request.path, request.method
        body: dict[str, Any] = request.body if isinstance(request.body, dict) else {}
        if path == "/auth/v1/token" and ("grant_type", "password") in request.query:
            self._entered = request.t
            self._add(StepKind.SIGN_IN, request.t)
        elif path == "/auth/v1/user" and method == "GET":
            self._entered = request.t
            turned = [t for t in self._sockets if request.t - t < PAGE_TURN_S]
            self._add(StepKind.LOAD, min([request.t, *turned]))
            self._sockets = []
        elif path == "/functions/v1/media-swipe-deck":
            self._deck(request, body)
        elif path == "/functions/v1/media-swipe-event":
            self._events(request, body)
        elif path == "/functions/v1/media-search":
            kind = (body.get("filters") or {}).get("type", "all")
            step = StepKind.QUERY if kind == "all" else StepKind.CHIP
            if step is StepKind.QUERY:
                self._add(step, request.t - DEBOUNCE_S, str(body.get("query", "")))
            else:
                self._add(step, request.t, str(kind))
        elif path == "/functions/v1/assistant-orchestrator":
            self._suggestions(request, body)
        elif path == "/rest/v1/blocked_users":
            self._blocked = request.t
        elif path == "/rest/v1/messages" and method == "POST":
            sent = self._blocked if self._blocked is not None and request.t - self._blocked < 1.0 else request.t
            self._add(StepKind.SEND, sent, seconds=None if self._typing is None else sent - self._typing)
            self._typing = self._blocked = None

    def _deck(self, request: TracedRequest, body: dict[str, Any]) -> None:
        if body.get("mode") != "combined":
            return
        if body.get("limit") == FIRST_DECK:
            self._add(StepKind.SWIPE_OPEN, request.t - 0.05)
        elif body.get("limit") == HOME_DECK and "experiments" not in body:
            self._add(StepKind.HOME, request.t - 0.1)

    def _events(self, request: TracedRequest, body: dict[str, Any]) -> None:
        kinds = [event.get("eventType") for item in body.get("items", ()) for event in item.get("events", ())]
        kinds = kinds or [body.get("eventType")]
        made = [str(kind) for kind in kinds if kind in GESTURES]
        if len(made) < MANY_GESTURES:
            for gesture in made:
                self._add(StepKind.GESTURE, request.t - FLUSH_S, gesture)
            return
        lost = self._last_before_silence(request.t)
        self._add(StepKind.OFFLINE, lost)
        for number, gesture in enumerate(made):
            self._add(StepKind.GESTURE, lost + 0.1 + number * OFFLINE_LOOK_S, gesture)
        self._add(StepKind.ONLINE, request.t - FLUSH_S - 0.02)

    def _last_before_silence(self, t: float) -> float:
        known = [step.at for step in self._found if step.at < t - FLUSH_S]
        return max(known, default=0.0) + FLUSH_S + 0.2

    def _suggestions(self, request: TracedRequest, body: dict[str, Any]) -> None:
        if body.get("context") or request.t - self._entered < LOAD_S:
            return
        if body.get("surface") == "search":
            self._add(StepKind.SEARCH_OPEN, request.t - 0.2)
        elif body.get("surface") == "messages":
            self._add(StepKind.MESSAGES, request.t - 0.1)


def _surface(request: TracedRequest) -> str:
    body = request.body if isinstance(request.body, dict) else {}
    return str(body.get("surface", "")) if request.path == "/functions/v1/assistant-orchestrator" else ""


def steps_by_flow(flows: Sequence[TraceFlow]) -> dict[str, tuple[PersonStep, ...]]:
    """Each flow's steps. A flow that is named after a time without network gets the swipes of the batch that the next
    one begins with: without a network they leave no trace of their own."""
    finder = StepFinder()
    found = {flow.name: list(finder.steps(flow.events)) for flow in flows}
    for flow, after in zip(flows, [*flows[1:], None], strict=True):
        if "offline" not in flow.name or after is None:
            continue
        made = list(_kept_back(found[after.name]))
        looks = (PersonStep(StepKind.GESTURE, 0.1 + n * OFFLINE_LOOK_S, one.word) for n, one in enumerate(made))
        found[flow.name] = [PersonStep(StepKind.OFFLINE, 0.0), *looks]
        rest = [step for step in found[after.name] if step not in made and step.kind is not StepKind.OFFLINE]
        found[after.name] = [step if step.kind is not StepKind.ONLINE else replace(step, at=0.0) for step in rest]
        if not any(step.kind is StepKind.ONLINE for step in rest):
            found[after.name].insert(0, PersonStep(StepKind.ONLINE, 0.0))
    return {name: tuple(sorted(steps, key=lambda step: step.at)) for name, steps in found.items()}


def _kept_back(steps: Sequence[PersonStep]) -> Iterator[PersonStep]:
    """The gestures between the loss of the network and its return."""
    inside = False
    for step in steps:
        if step.kind is StepKind.OFFLINE:
            inside = True
        elif inside and step.kind is StepKind.GESTURE:
            yield step
