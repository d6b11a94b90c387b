"""What a mutating proxy remembers of one place's replies: enough to answer with an old one, or with somebody else's.
(pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest


class ReplyMemory:
    """Good replies with a body of one call: the first to each person and path, and the latest to each person."""

    __slots__ = ("_first", "_latest")

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], CallReply] = {}
        self._latest: dict[str, CallReply] = {}

    def note(self, request: CallRequest, reply: CallReply) -> None:
        """As the server gave it."""
        if reply.good and reply.body:
            person = who(request)
            self._first.setdefault((person, request.target), reply)
            self._latest.pop(person, None)  # so that the newest stands last
            self._latest[person] = reply

    def earlier(self, request: CallRequest) -> CallReply | None:
        """The first that the same person had for the same path."""
        return self._first.get((who(request), request.target))

    def foreign(self, request: CallRequest) -> CallReply | None:
        """The newest that another person had for the same call."""
        person = who(request)
        return next((reply for other, reply in reversed(self._latest.items()) if other != person), None)

    def latest(self) -> CallReply | None:
        """The newest of all."""
        return next(reversed(self._latest.values()), None)


def who(request: CallRequest) -> str:
    """Whose request it is; at sign-in, where nobody has a token yet, by name."""
    if request.person:
        return request.person
    data = request.json
    return str(data.get("email") or data.get("refresh_token") or "") if isinstance(data, dict) else ""
