"""Storage's error replies: HTTP 400 whatever happened, the real status as text in the body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

CORS = {"access-control-allow-origin": "*"}


class StorageError(Exception):
    """One refusal.

    status: what the body says; the HTTP status is 400, or 500 for a fault of the service itself, as storage-api has it.
    """

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error

    @property
    def response(self) -> Response:
        body = {"statusCode": str(self.status), "error": self.error, "message": str(self)}
        return json_reply(body, 500 if self.status == 500 else 400)


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply that any origin may read."""
    return Response(orjson.dumps(body), status, {**CORS, **(headers or {})}, "application/json; charset=utf-8")


def missing_object() -> StorageError:
    """Not there, or not visible to the caller: storage does not say which."""
    return StorageError(404, "not_found", "Object not found")


def missing_bucket() -> StorageError:
    """No such bucket."""
    return StorageError(404, "Bucket not found", "Bucket not found")


def duplicate() -> StorageError:
    """An upload with `x-upsert: false` where something already lies."""
    return StorageError(409, "Duplicate", "The resource already exists")


def forbidden() -> StorageError:
    """A policy said no."""
    return StorageError(403, "Unauthorized", "new row violates row-level security policy")


def too_large() -> StorageError:
    """Beyond the platform's limit for one object."""
    return StorageError(413, "Payload too large", "The object exceeded the maximum allowed size")


def invalid(error: str, message: str) -> StorageError:
    """The request itself is wrong."""
    return StorageError(400, error, message)
