"""Request bodies, read as Go's decoder does: keys in any case, unknown ones ignored, null as absent. (pure)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chaos.proxy.errors import ProxyApiError, bad_body

B = TypeVar("B", bound="RequestBody")


class RequestBody(BaseModel):
    """Every field is optional: what is absent keeps its value or gets its default."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    lease_s: float | None = Field(None, gt=0, le=86_400)
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
        return json.loads(raw)
    except ValueError as error:
        raise bad_body(f"invalid JSON: {error}") from None


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
