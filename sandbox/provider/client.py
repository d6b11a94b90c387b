"""What a function asks the provider with: one request, whole or as events, and why it failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from sandbox.provider.server import KEY


class ProviderFailed(Exception):
    """No answer. status: what was said instead, None for nothing; timed_out: because it took too long."""

    def __init__(
        self, message: str, status: int | None = None, *, timed_out: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.timed_out, self.retry_after = message, status, timed_out, retry_after

    @property
    def transient(self) -> bool:
        """Whether the same may do better in a moment."""
        status = self.status or 0
        return self.timed_out or status in (408, 429) or 500 <= status <= 599


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """Connections to one provider. url: of its API. Made and closed by whoever serves."""

    url: str
    http: httpx.AsyncClient

    @classmethod
    def to(cls, url: str) -> ProviderClient:
        """Not through any proxy of the environment."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return cls(url, httpx.AsyncClient(trust_env=False, verify=False, timeout=None, limits=limits))

    async def respond(self, payload: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        """The whole answer. :raises ProviderFailed:"""
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.http.post(f"{self.url}/responses", content=orjson.dumps(payload), headers=_headers())
        except TimeoutError:
            raise ProviderFailed("timeout", timed_out=True) from None
        except httpx.HTTPError as error:
            raise ProviderFailed(f"network: {type(error).__name__}") from None
        if reply.status_code != 200:
            raise _refused(reply.status_code, reply.headers, reply.content)
        try:
            body = orjson.loads(reply.content)
        except orjson.JSONDecodeError:
            body = None
        return body if isinstance(body, dict) else {}

    async def models(self, timeout_s: float) -> None:
        """Whether it is there. :raises ProviderFailed:"""
        try:
            async with asyncio.timeout(timeout_s):
                await self.http.get(f"{self.url}/models", headers=_headers())
        except TimeoutError:
            raise ProviderFailed("timeout", timed_out=True) from None
        except httpx.HTTPError as error:
            raise ProviderFailed(f"network: {type(error).__name__}") from None

    async def events(self, payload: dict[str, Any], timeout_s: float | None) -> AsyncIterator[dict[str, Any]]:
        """The answer's events. timeout_s: until they begin, as a fetch that resolves with its headers has it.

        :raises ProviderFailed: also in the middle.
        """
        request = self.http.build_request(
            "POST", f"{self.url}/responses", content=orjson.dumps(payload), headers=_headers()
        )
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.http.send(request, stream=True)
        except TimeoutError:
            raise ProviderFailed("timeout", timed_out=True) from None
        except httpx.HTTPError as error:
            raise ProviderFailed(f"network: {type(error).__name__}") from None
        try:
            if reply.status_code != 200:
                raise _refused(reply.status_code, reply.headers, await reply.aread())
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    yield orjson.loads(line.removeprefix("data: "))
        except httpx.HTTPError as error:
            raise ProviderFailed(f"network: {type(error).__name__}") from None
        finally:
            await reply.aclose()


def _headers() -> dict[str, str]:
    return {"authorization": f"Bearer {KEY}", "content-type": "application/json"}


def _refused(status: int, headers: httpx.Headers, body: bytes) -> ProviderFailed:
    wait = headers.get("retry-after", "")
    said = body[:200].decode("utf-8", "replace")
    return ProviderFailed(f"upstream_error_{status}: {said}", status, retry_after=int(wait) if wait.isdigit() else None)
