"""What goes wrong, as PostgREST says it: a status and a body `{code, details, hint, message}`. (pure)

Source of codes and texts: PostgREST's documented error reference (version 13), https://docs.postgrest.org.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BY_SQLSTATE: Mapping[str, int] = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
}
BY_CLASS: Mapping[str, int] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


class RestError(Exception):
    """One refusal, ready to be sent."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


class NotInCatalogue(RestError):
    """The request names something the catalogue does not know; it may have been created since that was read."""


def status_of(sqlstate: str, message: str, *, signed_in: bool) -> int:
    """PostgREST's SQLSTATE to HTTP status map; `signed_in` is false for the anon role."""
    if sqlstate == "42501":
        return 403 if signed_in else 401
    if sqlstate == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if sqlstate == "22023" and message.startswith("role") and message.endswith("does not exist"):
        return 401
    if sqlstate.startswith("PT"):
        custom = sqlstate[2:]
        return int(custom) if custom.isdigit() and 100 <= int(custom) <= 599 else 500
    return BY_SQLSTATE.get(sqlstate) or BY_CLASS.get(sqlstate[:2], 400)


def connection_lost(error: BaseException) -> RestError:
    return RestError(
        503, "PGRST001", "Database client error. Retrying the connection.", details=str(error) or type(error).__name__
    )


def connection_refused(error: BaseException) -> RestError:
    return RestError(
        503,
        "PGRST000",
        "Database connection error. Retrying the connection.",
        details=str(error) or type(error).__name__,
    )


def catalogue_unreadable() -> RestError:
    return RestError(503, "PGRST002", "Could not query the database for the schema cache. Retrying.")


def pool_exhausted() -> RestError:
    return RestError(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def bad_token(expired: bool, parts: int) -> RestError:
    """parts: how many dot-separated parts the presented token has."""
    details: str | None = None
    if expired:
        code, message = "PGRST303", "JWT expired"
    elif parts != 3:
        code, message = "PGRST301", f"Expected 3 parts in JWT; got {parts}"
    else:
        code, message = "PGRST301", "No suitable key or wrong key type"
        details = "None of the keys was able to decode the JWT"
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return RestError(401, code, message, details=details, headers={"WWW-Authenticate": challenge})


def unparsable(what: str, text: str, position: int, details: str) -> RestError:
    """position: zero-based, in `text`."""
    return RestError(
        400, "PGRST100", f'"failed to parse {what} ({text})" (line 1, column {position + 1})', details=details
    )


def bad_body(message: str = "Empty or invalid json") -> RestError:
    return RestError(400, "PGRST102", message)


def bad_range(details: str) -> RestError:
    return RestError(416, "PGRST103", "Requested range not satisfiable", details=details)


def beyond_the_end(offset: int, total: int) -> RestError:
    return bad_range(f"An offset of {offset} was requested, but there are only {total} rows.")


def bad_schema(name: str, exposed: Sequence[str]) -> RestError:
    hint = f"Only the following schemas are exposed: {', '.join(exposed)}"
    return RestError(406, "PGRST106", f"Invalid schema: {name}", hint=hint)


def bad_media_type(wanted: Sequence[str]) -> RestError:
    return RestError(406, "PGRST107", f"None of these media types are available: {', '.join(wanted)}")


def not_embedded(name: str) -> RestError:
    return RestError(
        400,
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


def not_singular(rows: int) -> RestError:
    return RestError(
        406, "PGRST116", "Cannot coerce the result to a single JSON object", details=f"The result contains {rows} rows"
    )


def bad_method(method: str) -> RestError:
    return RestError(405, "PGRST117", f"Unsupported HTTP method: {method}")


def bad_rpc_method(method: str) -> RestError:
    return RestError(405, "PGRST101", f"Cannot use the {method} method on RPC")


def related_order_impossible(origin: str, target: str) -> RestError:
    return RestError(
        400,
        "PGRST118",
        f"A related order on '{target}' is not possible",
        details=f"'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship",
    )


def spread_impossible(origin: str, target: str) -> RestError:
    return RestError(
        400,
        "PGRST119",
        f"A spread operation on '{target}' is not possible",
        details=f"'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship",
    )


def bad_embed_filter(target: str) -> RestError:
    return RestError(
        400,
        "PGRST120",
        f"Bad operator on the '{target}' embedded resource",
        details="Only is null or not is null filters are allowed on embedded resources",
    )


def bad_preferences(names: Sequence[str]) -> RestError:
    return RestError(
        400,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        details=f"Invalid preferences: {', '.join(names)}",
    )


def no_aggregates() -> RestError:
    return RestError(400, "PGRST123", "Use of aggregate functions is not allowed")


def too_many_affected(rows: int) -> RestError:
    return RestError(
        400,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        details=f"The query affects {rows} rows",
    )


def bad_path() -> RestError:
    return RestError(404, "PGRST125", "Invalid path specified in request URL")


def where_required(verb: str) -> RestError:
    """What the `safeupdate` extension raises on the platform. verb: UPDATE or DELETE."""
    return RestError(400, "21000", f"{verb} requires a WHERE clause")


def no_column(relation: str, column: str) -> RestError:
    return NotInCatalogue(400, "PGRST204", f"Could not find the '{column}' column of '{relation}' in the schema cache")


def internal() -> RestError:
    return RestError(500, "PGRSTX00", "Internal server error")
