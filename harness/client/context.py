"""What the parts of a device see of each other, and of who watches them: narrow protocols.

A part names here what it needs; `device.py` puts the parts together. Parts that stand below everybody (`clock`,
`network_state`, `notes`) are passed as they are. What Realtime needs of its device: `realtime/host.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from harness.client.api.call import Call
from harness.client.api.classify import Reading
from harness.client.checks.title_facts import TitleFacts
from harness.core.delivery_facts import FactKind
from harness.core.outcome import Outcome
from harness.core.read_log import KeptReply, ReadSample, ReadViolation


class Observer(Protocol):
    """Who wants to know how attempts and operations ended. Instants are loop time, lengths seconds.

    titles: what all phones of the worker were told of titles.
    """

    titles: TitleFacts

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None: ...

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None: ...

    def held(self, name: str, at: float, seconds: float) -> None: ...

    def connected(self, at: float, seconds: float) -> None: ...

    def problem(self, error: BaseException) -> None: ...

    def checked(self, call: str, rule: str, asked: int) -> None: ...

    def samples(self, call: str, at: float) -> bool: ...

    def sampled(self, begun: float, at: float, person: int, call: str, sample: ReadSample) -> None: ...

    def prints(self, call: str, empty: bool, at: float) -> bool: ...

    def printed(self, begun: float, at: float, person: int, call: str, kept: KeptReply) -> None: ...

    def violated(self, at: float, ticket: int, person: int, call: str, rule: str, found: ReadViolation) -> None: ...

    def saw(
        self, at: float, kind: FactKind, person: int, conversation: str, key: str, detail: str, mark_us: int | None
    ) -> None: ...


class Exchange(NamedTuple):
    """One wire request and what came back. The status is None when there was no complete answer."""

    status: int | None
    reading: Reading
    bytes_in: int = 0
    connected: bool = False  # on a connection of its own making
    asked: bool = False  # after a browser's question, which went the same way


class Requests(Protocol):
    """Whoever makes the app's calls; see `ApiClient.request`."""

    async def request(self, call: Call, *arguments: str, body: Any = None, raw: bytes | None = None) -> Reading: ...


class Mutations(Protocol):
    """Whoever does or holds back the app's mutations; see `NetworkMode.mutate`."""

    def mutate(self, act: Callable[[], object], lost: Callable[[], object]) -> None: ...


class Exchanges(Protocol):
    """Whoever puts one request on the wire; see `ApiClient.exchange`."""

    async def exchange(
        self,
        call: Call,
        path: str,
        headers: bytes,
        payload: bytes | None,
        *,
        patience_s: float | None = None,
        asks_first: bool = True,
    ) -> Exchange: ...


class Attempts(Protocol):
    """What stands between the app's requests and the wire while faults are planned; see `FaultInjector.attempt`."""

    async def attempt(
        self, call: Call, path: str, headers: bytes, payload: bytes | None
    ) -> tuple[int | None, Reading]: ...


class Credentials(Protocol):
    """What the API client asks before a request leaves, and of a reply whose it should be; see `TokenManager`."""

    @property
    def account(self) -> Tokens | None: ...

    def holds(self) -> bool: ...

    async def refresh_if_due(self) -> None: ...

    async def refused(self, call: Call) -> Reading | None: ...

    def authorization(self, *, edge: bool) -> bytes | None: ...


class Tokens(Protocol):
    """A signed-in person's, as a socket needs them."""

    @property
    def user_id(self) -> str: ...

    @property
    def access_token(self) -> str: ...


class SignedIn(Protocol):
    """Who is signed in on the device."""

    @property
    def account(self) -> Tokens | None: ...

    @property
    def user_id(self) -> str: ...
