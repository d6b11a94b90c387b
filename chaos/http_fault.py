"""Faults of one HTTP request: which requests they concern, and what becomes of those. (pure)"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Fault, Layer

KEY_HEADER = "x-chaos-key"
"""Whoever sends this header is that person to every draw."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's head. Header names in lower case; `path` is the target without its query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class InjectedReply:
    """A reply that the upstream never gave."""

    status: int
    body: str = ""
    content_type: str = "application/json"


Drop = Literal["", "close", "reset"]


@dataclass(frozen=True, slots=True)
class RequestTreatment:
    """What becomes of one request. Faults add to it: first those that take its reply away, then the others; among
    equals in the order in which they were made.

    answer: given in the upstream's place, which never sees the request.
    delay_s: by which the reply is held back, after the upstream gave it.
    drop: the reply is read to its end, then the connection closed without a byte of it.
    copies: seconds after the request at which the upstream gets it once more.
    """

    answer: InjectedReply | None = None
    delay_s: float = 0.0
    drop: Drop = ""
    copies: tuple[float, ...] = ()


UNTOUCHED = RequestTreatment()


class HttpFault(Fault):
    """A fault of requests. Its share is a share of the requests that match, drawn for each by person and number."""

    layer: ClassVar[Layer] = Layer.HTTP
    decides: ClassVar[bool] = False
    """Whether it takes the upstream's reply away, so that others may find nothing left to do."""

    path: str = Field("*", description="glob on the path, such as /functions/v1/media-swipe-*")
    method: str = Field("*", description="one method or several with commas, such as POST,PATCH")
    header: str = Field("", description="name: glob; only requests that carry it, such as x-cohort: b*")

    def matches(self, request: RequestHead) -> bool:
        """Whether the request is one that this fault concerns."""
        if self.method != "*" and request.method not in self.method.upper().replace(" ", "").split(","):
            return False
        if self.path != "*" and not fnmatchcase(request.path, self.path):
            return False
        if not self.header:
            return True
        name, _, wanted = self.header.partition(":")
        value = request.headers.get(name.strip().lower())
        return value is not None and fnmatchcase(value, wanted.strip() or "*")

    def treat(self, treatment: RequestTreatment, drawn: float) -> RequestTreatment:
        """What a request that is drawn gets, beyond what it already has; the same object when it gets nothing from
        this fault, which then did not hit it.

        :param drawn: a seeded number in [0, 1) for whatever the fault draws.
        """
        raise NotImplementedError


def person(headers: Mapping[str, str]) -> str:
    """Who sends this: the key header, else the subject of the bearer token (not verified), else nobody: ''."""
    named = headers.get(KEY_HEADER)
    if named:
        return named
    scheme, _, token = headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject.encode("utf-8", "replace").decode() if isinstance(subject, str) else ""
