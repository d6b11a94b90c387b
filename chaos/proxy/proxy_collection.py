"""All proxies of one process and everything that may be done to them: the API without HTTP."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import chaos.faults  # noqa: F401 - loads them
from chaos.fault import Fault, InvalidFault, Layer, find, registered
from chaos.proxy.address import Address, AddressError, Upstream
from chaos.proxy.bodies import ProxyBody, ToxicBody, checked_name, lowered, missing, within_int64
from chaos.proxy.clock import LoopClock
from chaos.proxy.errors import ProxyApiError, bad_body, bad_value, proxy_not_found, toxic_not_found
from chaos.proxy.guard import may_forward
from chaos.proxy.journal import Journal, JournalCause, JournalEvent
from chaos.proxy.leases import Leases
from chaos.proxy.log import WARNING, tell
from chaos.proxy.proxy import Proxy
from chaos.proxy.toxic import Direction, Toxic

LAYERS = (Layer.STREAM, Layer.HTTP, Layer.FRAME)
TOXIPROXYS = frozenset(("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop"))
"""Toxiproxy's own types; they ignore unknown attributes, as it does. Ours refuse them."""
DIRECTIONS = {"upstream": Direction.UPSTREAM, "downstream": Direction.DOWNSTREAM}


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """seed: of every draw. lease_s: for faults whose maker names none; None lets those last. allow_remote: listen
    elsewhere than on loopback. allow_upstreams: hosts that proxies may be made to, beside loopback. pins: what a host's
    name means, for good; others are looked up."""

    seed: int = 0
    lease_s: float | None = None
    allow_remote: bool = False
    allow_upstreams: frozenset[str] = frozenset()
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ProxyCollection:
    """Changes happen one at a time. Every refusal is an ProxyApiError."""

    def __init__(self, settings: ProxySettings) -> None:
        self.settings = settings
        self.proxies: dict[str, Proxy] = {}
        self.journal = Journal()
        self.leases = Leases(asyncio.get_running_loop())
        self._clock = LoopClock(asyncio.get_running_loop())
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def proxy(self, name: str) -> Proxy:
        try:
            return self.proxies[name]
        except KeyError:
            raise proxy_not_found() from None

    def toxic(self, proxy_name: str, name: str) -> Toxic:
        for toxic in self.proxy(proxy_name).toxics:
            if toxic.name == name:
                return toxic
        raise toxic_not_found()

    # ---- proxies ----------------------------------------------------------------------------------------------

    async def create(self, body: ProxyBody) -> Proxy:
        for needed in ("name", "upstream"):
            if not getattr(body, needed):
                raise missing(needed)
        checked_name(body.name)
        async with self._one_at_a_time:
            if body.name in self.proxies:
                raise ProxyApiError(HTTPStatus.CONFLICT, "proxy already exists")
            return await self._create(body)

    async def _create(self, body: ProxyBody) -> Proxy:
        listen = self._listen(body.listen or "")
        if body.enabled is False:
            listen = body.listen or ""  # as it was given, until it is bound
        upstream, settings = self._upstream(body.upstream), self.settings
        proxy = Proxy(body.name, listen, upstream, self._clock, seed=settings.seed, pins=settings.pins)
        if body.enabled is not False:
            await self._start(proxy)
        self.proxies[body.name] = proxy
        if body.lease_s is not None:
            self.leases.grant(proxy, body.lease_s, body.holder or "", lambda: self._soon(self._expire(proxy)))
        return proxy

    async def update(self, name: str, body: ProxyBody) -> Proxy:
        """All or nothing: what cannot be is refused first, and a port that is taken gives the old one back."""
        async with self._one_at_a_time:
            proxy = self.proxy(name)
            listen = self._listen(body.listen) if body.listen is not None else proxy.listen
            goal = self._upstream(body.upstream) if body.upstream else proxy.upstream
            enabled = proxy.enabled if body.enabled is None else body.enabled
            if resolved(listen) != resolved(proxy.listen) or goal.text != proxy.upstream.text:
                await self._move(proxy, listen, goal)
            if enabled and not proxy.enabled:
                await self._up(proxy, JournalCause.API)
            elif not enabled and proxy.enabled:
                await proxy.stop()
                self.journal.proxy(JournalEvent.DOWN, JournalCause.API, name)
            if body.enabled is False:
                self._lease_down(proxy, body)
            self.leases.touch(proxy)
            return proxy

    async def _move(self, proxy: Proxy, listen: str, goal: Upstream) -> None:
        before, was_enabled = (proxy.listen, proxy.upstream), proxy.enabled
        await proxy.stop()
        proxy.listen = listen
        proxy.lead_to(goal)
        if was_enabled:
            try:
                await self._start(proxy)
            except ProxyApiError:
                proxy.listen = before[0]
                proxy.lead_to(before[1])
                await self._start(proxy)
                raise

    async def delete(self, name: str) -> None:
        async with self._one_at_a_time:
            await self._remove(self.proxy(name), JournalCause.REMOVED)

    async def _remove(self, proxy: Proxy, why: JournalCause) -> None:
        self._end_toxics(proxy, why)
        self.leases.drop(proxy.name)
        self.leases.drop(proxy)
        await proxy.stop()
        del self.proxies[proxy.name]

    async def _expire(self, proxy: Proxy) -> None:
        """Nobody renewed the lease of the proxy itself: whoever made it is gone."""
        async with self._one_at_a_time:
            if self.proxies.get(proxy.name) is proxy:
                await self._remove(proxy, JournalCause.LEASE)
                self.journal.proxy(JournalEvent.REMOVED, JournalCause.LEASE, proxy.name)

    async def populate(self, bodies: Sequence[ProxyBody]) -> tuple[list[Proxy], ProxyApiError | None]:
        """Those made or found, and the error that stopped it. Same listen and upstream: left as it is."""
        done: list[Proxy] = []
        async with self._one_at_a_time:
            for body in bodies:
                try:
                    done.append(await self._populated(body))
                except ProxyApiError as error:
                    return done, error
        return done, None

    async def _populated(self, body: ProxyBody) -> Proxy:
        checked_name(body.name), self._listen(body.listen or ""), self._upstream(body.upstream)
        there = self.proxies.get(body.name)
        if there is not None:
            if resolved(body.listen or "") == resolved(there.listen) and body.upstream == there.upstream.text:
                return there
            await self._remove(there, JournalCause.REMOVED)
        return await self._create(body)

    async def clear(self, why: JournalCause) -> int:
        """Every fault ends, every proxy is up. Goes on past one that cannot bind. How many faults there were.

        :raises ProxyApiError: 500 afterwards, for the first that could not.
        """
        problem: ProxyApiError | None = None
        ended = 0
        async with self._one_at_a_time:
            for proxy in self.proxies.values():
                ended += len(proxy.toxics) + (not proxy.enabled)
                self._end_toxics(proxy, why)
                try:
                    await self._up(proxy, why)
                except ProxyApiError as error:
                    problem = problem or error
        if problem is not None:
            raise ProxyApiError(HTTPStatus.INTERNAL_SERVER_ERROR, problem.message)
        return ended

    async def close(self) -> None:
        """The process ends."""
        async with self._one_at_a_time:
            for proxy in self.proxies.values():
                await proxy.stop()
            self._clock.close()

    # ---- toxics -----------------------------------------------------------------------------------------------

    async def add(self, proxy_name: str, body: ToxicBody) -> Toxic:
        async with self._one_at_a_time:
            proxy = self.proxy(proxy_name)
            stream = body.stream or "downstream"
            direction = DIRECTIONS.get(stream.lower())
            if direction is None:
                raise bad_value("stream was invalid, can be either upstream or downstream")
            toxic = Toxic(
                checked_name(body.name or f"{body.type}_{stream}"),
                body.type,
                stream,
                1.0 if body.toxicity is None else body.toxicity,
                parsed(body.type, body.attributes),
                direction,
            )
            if any(other.name == toxic.name for other in proxy.toxics):
                raise ProxyApiError(HTTPStatus.CONFLICT, "toxic already exists")
            proxy.toxics.append(toxic)
            proxy.toxics_changed()
            self.journal.toxic(JournalEvent.STARTED, JournalCause.API, proxy_name, toxic)
            self._lease_toxic(proxy, toxic, body)
            return toxic

    async def change(self, proxy_name: str, name: str, body: ToxicBody) -> Toxic:
        """Attributes that are missing keep their value. Nothing changes when one is wrong."""
        async with self._one_at_a_time:
            proxy, toxic = self.proxy(proxy_name), self.toxic(proxy_name, name)
            fault = parsed(toxic.type, toxic.fault.model_dump() | lowered(body.attributes))
            if fault != toxic.fault:
                toxic.fault = fault
            if body.toxicity is not None:
                toxic.toxicity = body.toxicity
            proxy.toxics_changed()
            self.journal.toxic(JournalEvent.CHANGED, JournalCause.API, proxy_name, toxic)
            if body.lease_s is not None:
                self._lease_toxic(proxy, toxic, body)
            else:
                self.leases.touch(toxic)
            return toxic

    async def remove(self, proxy_name: str, name: str) -> None:
        async with self._one_at_a_time:
            proxy, toxic = self.proxy(proxy_name), self.toxic(proxy_name, name)
            self._end_toxic(proxy, toxic, JournalCause.API)

    # ---- inside -----------------------------------------------------------------------------------------------

    def _listen(self, text: str) -> str:
        """The address to listen on, checked."""
        try:
            address = Address.parse(text)
        except AddressError as error:
            raise bad_value(f"listen tcp: {error}") from None
        if not address.is_loopback and not self.settings.allow_remote:
            raise bad_value(
                f"listen {text} is not a loopback address; use 127.0.0.1, or start the proxy with --allow-remote"
            )
        return str(address)

    def _upstream(self, text: str) -> Upstream:
        """Where a proxy is to connect to, checked."""
        try:
            found = Upstream.parse(text)
        except AddressError as error:
            raise bad_value(str(error)) from None
        if not may_forward(found, self.settings.allow_upstreams):
            raise bad_value(
                f"upstream {found.place} is neither on loopback nor listed; "
                f"start the proxy with --allow-upstream {found.host}"
            )
        return found

    async def _start(self, proxy: Proxy) -> None:
        """:raises ProxyApiError: 409 where the address is in use, 400 where it cannot be bound at all."""
        proxy.listen = self._listen(proxy.listen)
        try:
            await proxy.start()
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            used = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            status = HTTPStatus.CONFLICT if used else HTTPStatus.BAD_REQUEST
            raise ProxyApiError(status, f"listen tcp {proxy.listen}: bind: {reason}") from None

    async def _up(self, proxy: Proxy, why: JournalCause) -> None:
        self.leases.drop(proxy.name)
        if not proxy.enabled:
            await self._start(proxy)
            self.journal.proxy(JournalEvent.UP, why, proxy.name)

    def _end_toxics(self, proxy: Proxy, why: JournalCause) -> None:
        for toxic in tuple(proxy.toxics):
            self._end_toxic(proxy, toxic, why)

    def _end_toxic(self, proxy: Proxy, toxic: Toxic, why: JournalCause) -> None:
        self.leases.drop(toxic)
        proxy.toxics.remove(toxic)
        proxy.toxics_changed()
        self.journal.toxic(JournalEvent.ENDED, why, proxy.name, toxic)

    def _lease_toxic(self, proxy: Proxy, toxic: Toxic, body: ToxicBody) -> None:
        seconds = body.lease_s or self.settings.lease_s
        if seconds is not None:
            self.leases.grant(
                toxic, seconds, body.holder or "", lambda: self._end_toxic(proxy, toxic, JournalCause.LEASE)
            )

    def _lease_down(self, proxy: Proxy, body: ProxyBody) -> None:
        """A proxy that is down is a fault too."""
        seconds = body.lease_s or self.settings.lease_s
        if seconds is not None:
            self.leases.grant(proxy.name, seconds, body.holder or "", lambda: self._revive(proxy))

    def _revive(self, proxy: Proxy) -> None:
        async def revive() -> None:
            async with self._one_at_a_time:
                if self.proxies.get(proxy.name) is proxy:
                    await self._up(proxy, JournalCause.LEASE)

        self._soon(revive())

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        """Nobody waits for it; what goes wrong is told."""
        task = asyncio.get_running_loop().create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _told(work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ProxyApiError as error:
            tell(WARNING, "a lease ended, and its end failed", error=error.message)


def resolved(listen: str) -> str:
    """The address with `localhost` in numbers, for comparing."""
    try:
        address = Address.parse(listen)
        place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][4]
    except (AddressError, OSError, ValueError):
        return listen
    return str(Address(str(place[0]), int(place[1])))


def parsed(kind: str, attributes: dict[str, object]) -> Fault:
    """The fault of a toxic's type.

    :raises ProxyApiError: 400.
    """
    given = lowered(attributes)
    within_int64(given)
    try:
        fault = find(kind, *LAYERS)
    except InvalidFault:
        raise bad_value("invalid toxic type") from None
    if kind in TOXIPROXYS:
        given = {key: value for key, value in given.items() if key in fault.model_fields}
    try:
        return fault.parse(given, strict=True)
    except InvalidFault as error:
        raise bad_body(f"attributes: {error}") from None


def known_types() -> list[str]:
    """Toxic types that this proxy knows."""
    return sorted(registered(*LAYERS))
