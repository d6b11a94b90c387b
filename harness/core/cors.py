"""What a browser asks a server before a request from a page of another origin, and for how long it remembers. (pure)

As Chromium does it (network service, `cors/`): a request that a plain form could not have made is asked for with
OPTIONS first. The answer is kept per URL with its query: as long as `access-control-max-age` says, two hours at most,
five seconds where it says nothing; never for a URL of 1,024 characters or more. Requests under way side by side each
ask.

The recordings of the real client show each of these: a batch of swipe events every 2.5 s asks every other time, a list
of forty ids in its URL asks each time, five decks of one page load ask five times.

Fetch standard: https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import NamedTuple

DEFAULT_AGE_S = 5.0
LONGEST_AGE_S = 7200.0
LONGEST_URL = 1024
MOST_ENTRIES = 1024
PURGED_AT_ONCE = 10
LONGEST_VALUE, LONGEST_VALUES = 128, 1024
"""Bytes of one header's value, and of all of a request's, that a form could have sent."""

SIMPLE_METHODS = frozenset(("GET", "HEAD", "POST"))
SIMPLE_TYPES = frozenset((b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"))
OWN_HEADERS = frozenset(
    (
        *(b"accept-charset", b"accept-encoding", b"access-control-request-headers", b"access-control-request-method"),
        *(b"connection", b"content-length", b"cookie", b"date", b"dnt", b"expect", b"host", b"keep-alive", b"origin"),
        *(b"referer", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"via", b"user-agent"),
    )
)
"""What a browser writes by itself: no page sets it, and no server is asked for it."""
_ORIGIN, _METHODS = b"access-control-allow-origin", b"access-control-allow-methods"
_NAMES, _AGE = b"access-control-allow-headers", b"access-control-max-age"
_UNSAFE = frozenset(b'"():<>?@[\\]{}\x7f') | (frozenset(range(0x20)) - {0x09})
_LANGUAGE = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz *,-.;=")


class Ask(NamedTuple):
    """What a request needs to be allowed: its method, and the names of its headers, in lower case and sorted."""

    method: str
    names: tuple[bytes, ...]

    def lines(self) -> bytes:
        """Header lines that ask for it."""
        found = f"access-control-request-method: {self.method}\r\n".encode()
        return found + (b"access-control-request-headers: %s\r\n" % b",".join(self.names) if self.names else b"")


def ask_of(method: str, headers: bytes) -> Ask | None:
    """What has to be asked before a request with these complete header lines; None for one that a form could make."""
    unsafe, size = set[bytes](), 0
    simple = set[bytes]()
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if not name or name in OWN_HEADERS or name.startswith((b"sec-", b"proxy-")):
            continue
        if _a_form_could_send(name, value):
            simple.add(name)
            size += len(value)
        else:
            unsafe.add(name)
    if size > LONGEST_VALUES:
        unsafe |= simple
    if not unsafe and method in SIMPLE_METHODS:
        return None
    return Ask(method, tuple(sorted(unsafe)))


def _a_form_could_send(name: bytes, value: bytes) -> bool:
    if len(value) > LONGEST_VALUE:
        return False
    match name:
        case b"accept":
            return _UNSAFE.isdisjoint(value)
        case b"accept-language" | b"content-language":
            return _LANGUAGE.issuperset(value)
        case b"content-type":
            return _UNSAFE.isdisjoint(value) and value.partition(b";")[0].strip().lower() in SIMPLE_TYPES
        case b"range":
            return _a_simple_range(value)
        case _:
            return False


def _a_simple_range(value: bytes) -> bool:
    unit, _, span = value.partition(b"=")
    first, dash, last = span.partition(b"-")
    if unit != b"bytes" or not dash or not first.isdigit():
        return False
    return not last or (last.isdigit() and int(first) <= int(last))


class Refusal(StrEnum):
    """Why a browser does not send a request after its preflight's reply. Short, so that reports can group by it."""

    STATUS = "preflight status"
    REDIRECT = "preflight redirect"
    ORIGIN = "origin not allowed"
    METHOD = "method not allowed"
    HEADER = "header not allowed"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one answer allows. `*` among methods or headers allows all, as for any request without credentials."""

    methods: frozenset[str]
    names: frozenset[bytes]
    age_s: float

    def refuses(self, ask: Ask) -> str:
        """Why not: a `Refusal`, with the header's name where there is one; "" when it is allowed."""
        method = ask.method
        if method not in self.methods and method not in SIMPLE_METHODS and "*" not in self.methods:
            return Refusal.METHOD
        if b"*" in self.names:  # for `authorization` too: the standard says no, Chromium so far only warns
            return ""
        missing = next((name for name in ask.names if name not in self.names), None)
        return "" if missing is None else f"{Refusal.HEADER}: {missing.decode('latin-1')}"


def grant_of(status: int, headers: Mapping[bytes, bytes], origin: str) -> Grant | Refusal:
    """What a preflight's reply, its header names in lower case, allows a page of `origin`."""
    get = headers.get
    return _granted(status, origin, get(_ORIGIN, b""), get(_METHODS, b""), get(_NAMES, b""), get(_AGE))


@lru_cache(maxsize=256)  # a target has a handful of answers, and ten thousand browsers remember some hundred each
def _granted(
    status: int, origin: str, allowed: bytes, methods: bytes, names: bytes, age: bytes | None
) -> Grant | Refusal:
    if 300 <= status <= 399:
        return Refusal.REDIRECT
    if not reads({_ORIGIN: allowed}, origin):
        return Refusal.ORIGIN
    if not 200 <= status <= 299:
        return Refusal.STATUS
    return Grant(
        frozenset(name.decode("latin-1") for name in _listed(methods)),
        frozenset(name.lower() for name in _listed(names)),
        age_of(age),
    )


def reads(headers: Mapping[bytes, bytes], origin: str) -> bool:
    """Whether a page of `origin` may read a reply to a request without credentials."""
    allowed = headers.get(_ORIGIN, b"").strip()
    return allowed == b"*" or allowed == origin.encode("latin-1", "replace")


def age_of(said: bytes | None) -> float:
    """For how many seconds a grant is remembered."""
    text = b"" if said is None else said.strip()
    if not text.removeprefix(b"-").isdigit():
        return DEFAULT_AGE_S
    return min(max(0.0, float(text)), LONGEST_AGE_S) if len(text) < 20 else 0.0 if text[:1] == b"-" else LONGEST_AGE_S


def _listed(value: bytes) -> Iterable[bytes]:
    return (name for part in value.split(b",") if (name := part.strip()))


class PreflightCache:
    """What one browser remembers. `now`: seconds of any clock that does not run backwards.

    Keeps no URL, only its hash, in order: nearly every URL of the app is new, and twelve thousand phones remember some
    hundred each.
    """

    __slots__ = ("_grants", "_hashes", "_random", "_room", "_until")

    def __init__(self, origin: str = "", random: Random | None = None) -> None:
        """origin: of the server; its length counts as part of each URL."""
        self._room = LONGEST_URL - len(origin)
        self._random = random
        self.clear()

    def __len__(self) -> int:
        return len(self._hashes)

    def allows(self, path: str, ask: Ask, now: float) -> bool:
        """Whether the request may leave unasked. What is too old, or does not allow it, is forgotten."""
        hashes, key = self._hashes, hash(path)
        place = bisect_left(hashes, key)
        if place == len(hashes) or hashes[place] != key:
            return False
        if now < self._until[place] and not self._grants[place].refuses(ask):
            return True
        self._forget(place, place + 1)
        return False

    def learn(self, path: str, grant: Grant, now: float) -> None:
        """This was granted now."""
        if len(path) >= self._room:
            return
        hashes, key = self._hashes, hash(path)
        place = bisect_left(hashes, key)
        if place < len(hashes) and hashes[place] == key:
            self._until[place], self._grants[place] = now + grant.age_s, grant
            return
        if len(hashes) >= MOST_ENTRIES - 1:
            self._purge()
            place = bisect_left(hashes, key)
        hashes.insert(place, key)
        self._until.insert(place, now + grant.age_s)
        self._grants.insert(place, grant)

    def clear(self) -> None:
        """The browser is closed."""
        self._hashes = array("q")
        self._until = array("d")
        self._grants: list[Grant] = []  # all but always the same few

    def _forget(self, first: int, after: int) -> None:
        del self._hashes[first:after]
        del self._until[first:after]
        del self._grants[first:after]

    def _purge(self) -> None:
        """A few in a row go, whichever they are."""
        if self._random is None:  # a generator has 2.5 KB, and nearly no phone ever needs one
            self._random = Random(0)
        first = self._random.randint(0, len(self._hashes) - PURGED_AT_ONCE)
        self._forget(first, first + PURGED_AT_ONCE)
