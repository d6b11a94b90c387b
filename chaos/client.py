"""A small client of Toxiproxy's API: our proxy's, or a real Toxiproxy server's.

It is the control plane and blocks; nothing of a run's traffic goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from chaos.proxy.journal import JournalCause, JournalEntry, JournalEvent

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8474"


class ClientError(Exception):
    """The proxy refused or was not there. status: of its answer, 0 when there was none."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


class InvalidApiUrl(ClientError):
    """What was given as the API's URL cannot be one."""


@dataclass(frozen=True, slots=True)
class ToxicInfo:
    """A toxic as the server describes it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProxyInfo:
    """A proxy as the server describes it."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: Sequence[ToxicInfo] = ()


class Toxiproxy:
    """One server. Use as a context manager, or `close` it.

    Every call raises ClientError: with the server's own words, or saying how to start one.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout_s: float = 5.0,
        holder: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """:param holder: whose leases these are; heartbeats of this client renew only those.
        :param transport: opens the connections; None: httpx's own.
        :raises InvalidApiUrl: it is no http URL."""
        self.url = url.rstrip("/")
        self.holder = holder
        try:
            base = httpx.URL(self.url)
        except (httpx.InvalidURL, ValueError) as error:
            raise InvalidApiUrl(f"{url[:200]!r} is not the URL of a chaos proxy's API: {error}") from None
        if base.scheme not in ("http", "https") or not base.host or (base.port or 1) > 65535:
            raise InvalidApiUrl(f"{url[:200]!r} is not the URL of a chaos proxy's API; write http://127.0.0.1:8474")
        self._http = httpx.Client(base_url=base, timeout=timeout_s, trust_env=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # ---- Toxiproxy's own --------------------------------------------------------------------------------------

    def version(self) -> str:
        return self._read("GET", "/version", lambda said: str(said["version"]))

    def proxies(self) -> dict[str, ProxyInfo]:
        return self._read("GET", "/proxies", lambda said: {name: _proxy(shape) for name, shape in said.items()})

    def proxy(self, name: str) -> ProxyInfo:
        return self._read("GET", _path(name), _proxy)

    def create(
        self,
        name: str,
        upstream: str,
        *,
        listen: str = "127.0.0.1:0",
        enabled: bool = True,
        lease_s: float | None = None,
    ) -> ProxyInfo:
        """`lease_s`: the proxy is removed when no heartbeat comes for so long. A real Toxiproxy knows no leases."""
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": enabled} | self._lease(lease_s)
        return self._read("POST", "/proxies", _proxy, body)

    def update(
        self,
        name: str,
        *,
        enabled: bool | None = None,
        listen: str | None = None,
        upstream: str | None = None,
        lease_s: float | None = None,
    ) -> ProxyInfo:
        """`lease_s` with `enabled=False`: the proxy comes up again by itself. A real Toxiproxy knows no leases."""
        body = {"enabled": enabled, "listen": listen, "upstream": upstream} | self._lease(lease_s)
        return self._read("POST", _path(name), _proxy, body)

    def delete(self, name: str) -> None:
        self._ask("DELETE", _path(name))

    def add_toxic(
        self,
        proxy: str,
        type: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        stream: str = "downstream",
        toxicity: float = 1.0,
        lease_s: float | None = None,
    ) -> ToxicInfo:
        """`lease_s`: it ends by itself unless `heartbeat` is called within that time, again and again."""
        body: dict[str, Any] = {"type": type, "stream": stream, "toxicity": toxicity}
        body |= {"name": name or f"{type}_{stream}", "attributes": dict(attributes or {})} | self._lease(lease_s)
        return self._read("POST", _path(proxy) + "/toxics", _toxic, body)

    def update_toxic(
        self,
        proxy: str,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        toxicity: float | None = None,
    ) -> ToxicInfo:
        """Attributes not named keep their value. Also renews the toxic's lease."""
        body: dict[str, Any] = {"attributes": dict(attributes or {})}
        if toxicity is not None:
            body["toxicity"] = toxicity
        return self._read("POST", _path(proxy, name), _toxic, body)

    def remove_toxic(self, proxy: str, name: str) -> None:
        self._ask("DELETE", _path(proxy, name))

    def reset(self) -> None:
        """Remove every toxic and enable every proxy."""
        self._ask("POST", "/reset")

    # ---- ours; a real Toxiproxy does not have these --------------------------------------------------------------

    def types(self) -> list[str]:
        """Toxic types that this server knows; empty when it does not say."""
        try:
            return self._read("GET", "/types", lambda said: [str(name) for name in said])
        except ClientError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    def heartbeat(self) -> int | None:
        """Renew this client's leases: how many. None when the server knows no leases."""
        try:
            return self._read("POST", "/heartbeat", lambda said: int(said["renewed"]), {"holder": self.holder})
        except ClientError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def clear(self) -> int:
        """Restore at once: every fault ends. How many there were; on a real Toxiproxy those seen before a reset."""
        try:
            return self._read("POST", "/clear", lambda said: int(said["ended"]))
        except ClientError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        running = sum(len(proxy.toxics) + (not proxy.enabled) for proxy in self.proxies().values())
        self.reset()
        return running

    def journal(self, since: int = 0) -> list[JournalEntry]:
        """What happened after entry `since`, oldest first; empty on a real Toxiproxy."""
        try:
            return self._read("GET", f"/journal?since={since}", lambda said: [_entry(shape) for shape in said])
        except ClientError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    # ---- inside -----------------------------------------------------------------------------------------------

    def _lease(self, lease_s: float | None) -> dict[str, Any]:
        return {} if lease_s is None else {"lease_s": lease_s, "holder": self.holder}

    def _read(self, method: str, path: str, read: Callable[[Any], T], body: Mapping[str, Any] | None = None) -> T:
        said = self._ask(method, path, body)
        try:
            return read(said)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ClientError(f"{method} {self.url}{path}: what answers there is no chaos proxy") from None

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        sent = None if body is None else {key: value for key, value in body.items() if value is not None}
        try:
            reply = self._http.request(method, path, json=sent)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClientError(
                f"no chaos proxy answers at {self.url} ({error}); start one with: harness chaos proxy"
            ) from None
        if reply.is_success:
            try:
                return reply.json() if reply.content else None
            except (ValueError, RecursionError):
                raise ClientError(f"{method} {self.url}{path}: what answers there is no chaos proxy") from None
        raise ClientError(f"{method} {self.url}{path}: {_words(reply)}", reply.status_code)


def _words(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return reply.text.strip() or str(reply.status_code)


def _entry(shape: dict[str, Any]) -> JournalEntry:
    return JournalEntry(**(shape | {"event": JournalEvent(shape["event"]), "why": JournalCause(shape["why"])}))


def _path(proxy: str, toxic: str | None = None) -> str:
    path = f"/proxies/{quote(proxy, safe='')}"
    return path if toxic is None else f"{path}/toxics/{quote(toxic, safe='')}"


def _toxic(shape: Mapping[str, Any]) -> ToxicInfo:
    return ToxicInfo(
        shape["name"], shape["type"], shape["stream"], float(shape["toxicity"]), dict(shape["attributes"] or {})
    )


def _proxy(shape: Mapping[str, Any]) -> ProxyInfo:
    toxics = tuple(_toxic(toxic) for toxic in shape["toxics"] or ())
    return ProxyInfo(shape["name"], shape["listen"], shape["upstream"], shape["enabled"], toxics)
