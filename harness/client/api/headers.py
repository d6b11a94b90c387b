"""Which headers a call carries: the profiles of contract section 0.1. (pure)

What of them never changes is put together once, as bytes; so is what a browser has to ask before the call may leave.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from harness import __version__
from harness.client.api.call import Call, Service
from harness.client.api.chat_calls import SpecialCall
from harness.core.api_key import is_new
from harness.core.cors import Ask, ask_of

CLIENT_INFO = b"x-client-info: supabase-js-web/2.90.1\r\n"
USER_AGENT = b"user-agent: movinesta-harness/" + __version__.encode() + b"\r\n"
ANY = b"accept: */*\r\n"
KEYS = b"apikey: k\r\nauthorization: Bearer t\r\n"
"""Stand for those that every call carries, where only the names matter."""
REMEMBERED = 512
"""Shapes of calls; the app has a few dozen. One that is made anew each time cannot fill the memory."""


class _Shape(NamedTuple):
    """What all calls of one kind have alike. numbered: whether an id of the request follows."""

    lines: bytes
    numbered: bool
    ask: Ask | None


_SHAPES: dict[tuple[str, str, bytes], _Shape] = {}


def _shape(call: Call) -> _Shape:
    key = (call.name, call.method, call.headers)
    found = _SHAPES.get(key)
    if found is None:
        if len(_SHAPES) >= REMEMBERED:
            _SHAPES.clear()
        lines, numbered = _lines(call)
        asked = KEYS + lines + (b"x-request-id: i\r\n" if numbered else b"")
        found = _SHAPES[key] = _Shape(lines, numbered, ask_of(call.method, asked))
    return found


def _lines(call: Call) -> tuple[bytes, bool]:
    """All but the keys and the request's id, and whether it has one."""
    lines, numbered = CLIENT_INFO + USER_AGENT, False
    if isinstance(call, SpecialCall) and call.bare:
        if not call.client_info:
            lines = USER_AGENT
    elif call.service is Service.REST:
        if call.method in ("GET", "HEAD"):
            lines += b"accept-profile: public\r\n"
        else:
            lines += b"content-profile: public\r\ncontent-type: application/json\r\n"
    elif call.service is Service.AUTH:
        lines += b"x-supabase-api-version: 2024-01-01\r\n"
        if call.method != "GET":
            lines += b"content-type: application/json;charset=UTF-8\r\n"
    else:
        lines += b"content-type: application/json\r\n"
        numbered = True
    lines += call.headers
    return lines if b"accept:" in lines else lines + ANY, numbered


def preflight_ask(call: Call) -> Ask | None:
    """What a browser has to ask before this call leaves for another origin; None for one that it need not ask for."""
    return _shape(call).ask


@lru_cache(maxsize=REMEMBERED)
def _preflight(common: bytes, ask: Ask) -> bytes:
    return b"".join((common, ANY, USER_AGENT, ask.lines()))


@lru_cache(maxsize=8)  # the same for all devices of a worker
def _keys(anon_key: str, origin: str) -> tuple[bytes, bytes, bytes]:
    """The page's origin, the key, and what stands for a signed-in person's token where there is none."""
    common = f"origin: {origin}\r\n".encode() if origin else b""
    # A new key is no token: the gateway makes one of it where no other stands.
    signed_out = b"" if is_new(anon_key) else b"authorization: Bearer " + anon_key.encode() + b"\r\n"
    return common, b"apikey: " + anon_key.encode() + b"\r\n", signed_out


class HeaderProfiles:
    """One device's. request_id: makes the ids that edge calls carry. origin: of the app's page; "" where the program
    has none, or the page came from the server itself."""

    __slots__ = ("_apikey", "_common", "_request_id", "_signed_out")

    def __init__(self, anon_key: str, request_id: Callable[[], str], *, origin: str = "") -> None:
        self._common, self._apikey, self._signed_out = _keys(anon_key, origin)
        self._request_id = request_id

    def block(self, call: Call, authorization: bytes | None) -> bytes:
        """All header lines of a call. authorization: its own line; None: the anon key's, or none."""
        shape = _shape(call)
        parts = [self._common, self._apikey, self._signed_out if authorization is None else authorization, shape.lines]
        if shape.numbered:
            parts += (b"x-request-id: ", self._request_id().encode(), b"\r\n")
        return b"".join(parts)

    def preflight(self, ask: Ask) -> bytes:
        """All header lines of the request that asks: no key, no bearer."""
        return _preflight(self._common, ask)
