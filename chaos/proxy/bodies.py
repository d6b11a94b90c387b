"""Request bodies, read as Go's decoder does: keys in any case, unknown ones ignored, null as absent. (pure)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chaos.proxy.errors import ProxyApiError, bad_body, bad_value

B = TypeVar("B", bound="RequestBody")

LONGEST_LEASE_S = 86_400.0
LARGEST = 2**63 - 1
"""Go's int64: no attribute is a greater whole number."""


class RequestBody(BaseModel):
    """Every field is optional: what is absent keeps its value or gets its default."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    lease_s: float | None = Field(None, gt=0, le=LONGEST_LEASE_S)
    holder: str | None = None

    @classmethod
    def of(cls: type[B], value: object) -> B:
        """:raises ProxyApiError: 400 naming the field."""
        if not isinstance(value, Mapping):
            raise bad_body(f"json: cannot unmarshal {go_type(value)} into an object")
        try:
            return cls.model_validate(lowered(value))
        except ValidationError as error:
            detail = error.errors()[0]
            field = ".".join(map(str, detail["loc"]))
            kind = go_type(detail["input"])
            raise bad_body(f"json: cannot unmarshal {kind} into field {field}: {detail['msg']}") from None


class ProxyBody(RequestBody):
    name: str = ""
    listen: str | None = None
    upstream: str = ""
    enabled: bool | None = None


class ToxicBody(RequestBody):
    name: str = ""
    type: str = ""
    stream: str = ""
    toxicity: float | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


class HolderBody(RequestBody):
    """Of a heartbeat: whose leases; without a holder, all."""


def decoded(raw: bytes) -> object:
    """:raises ProxyApiError: 400 when it is not JSON."""
    if not raw.strip():
        raise bad_body("EOF")
    try:
        value = json.loads(raw.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise bad_body("invalid JSON: half of a surrogate pair is no character") from None
    except ValueError as error:
        raise bad_body(f"invalid JSON: {error}") from None
    except RecursionError:
        raise bad_body("invalid JSON: exceeded max depth") from None
    return value


def checked_name(name: str) -> str:
    """A name that a path can address.

    :raises ProxyApiError: 400.
    """
    if not 1 <= len(name) <= 255 or "/" in name or name in (".", "..") or not name.isprintable():
        raise bad_value(f"name {name[:40]!r} could not be addressed: 1 to 255 characters, no / and nothing unprintable")
    return name


def within_int64(attributes: Mapping[str, Any]) -> None:
    """:raises ProxyApiError: 400 for a whole number that Go's decoder would not take."""
    for key, value in attributes.items():
        if isinstance(value, int) and abs(value) > LARGEST:
            raise bad_body(f"json: cannot unmarshal number {str(value)[:20]}... into field attributes.{key[:40]}")


def proxies(value: object) -> Sequence[ProxyBody]:
    """The array of a populate.

    :raises ProxyApiError: 400; entries are counted from 1.
    """
    if not isinstance(value, list):
        raise bad_body(f"json: cannot unmarshal {go_type(value)} into an array of proxies")
    bodies = [ProxyBody.of(entry) for entry in value]
    for number, body in enumerate(bodies, 1):
        for field in ("name", "upstream"):
            if not getattr(body, field):
                raise missing(f"{field} at proxy {number}")
    return bodies


def missing(field: str) -> ProxyApiError:
    return ProxyApiError(HTTPStatus.BAD_REQUEST, f"missing required field: {field}")


def lowered(value: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in lower case, without those that are null."""
    return {str(key).lower(): entry for key, entry in value.items() if entry is not None}


def go_type(value: object) -> str:
    """What Go's decoder calls it."""
    names = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}
    found = names.get(type(value), "null")
    return f"{found} {value}" if found == "number" else found
