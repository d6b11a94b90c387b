"""A result as an HTTP response: status, Content-Range, Preference-Applied, body."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from sandbox.rest.catalogue import SCHEMA
from sandbox.rest.errors import RestError, bad_media_type, beyond_the_end
from sandbox.rest.prefer import Preferences
from sandbox.rest.result import Result

JSON = "application/json; charset=utf-8"
OBJECT = "application/vnd.pgrst.object+json; charset=utf-8"


def wants_object(accept: str | None) -> bool:
    """Whether the first acceptable media type asks for one object instead of an array; :raises RestError: PGRST107."""
    if accept is None or accept in ("*/*", "application/json", ""):
        return False
    wanted = [part.strip() for part in accept.split(",")]
    for media in wanted:
        name = media.partition(";")[0].strip().lower()
        if name in ("application/vnd.pgrst.object+json", "application/vnd.pgrst.object"):
            return True
        if name in ("*/*", "application/*", "application/json", "application/vnd.pgrst.array+json"):
            return False
    raise bad_media_type(wanted)


def failure(error: RestError) -> Response:
    headers = {"Content-Type": JSON, "Proxy-Status": f"PostgREST; error={error.code}", **error.headers}
    return Response(orjson.dumps(error.body()), error.status, headers)


def page(result: Result, offset: int, total: int | None, prefer: Preferences, *, single: bool) -> Response:
    """The reply to a read or call. total: rows there are, None when not counted; :raises RestError: PGRST103."""
    if total is not None and offset > total:
        raise beyond_the_end(offset, total)
    status = 206 if total is not None and result.page < total else 200
    return _response(
        status,
        result.body,
        content_range(offset, offset + result.page - 1, total),
        prefer.applied("count", "handling"),
        single=single,
    )


def nothing(prefer: Preferences, offset: int, result: Result) -> Response:
    """The reply to a call of a function that returns void."""
    header = content_range(offset, offset + result.page - 1, None)
    return _response(204, None, header, prefer.applied("count", "handling"))


def created(result: Result, prefer: Preferences, *, resolves: bool, single: bool) -> Response:
    """The reply to an insert. resolves: whether a conflict could have been resolved."""
    merged = prefer.resolution == "merge-duplicates" and resolves
    names = ("resolution",) if resolves else ()
    return _response(
        200 if merged and (result.inserted or 0) <= 0 else 201,
        result.body,
        content_range(1, 0, result.total if prefer.count else None),
        prefer.applied(*names, "missing", "return", "count", "handling"),
        single=single,
    )


def changed(result: Result, prefer: Preferences, *, single: bool) -> Response:
    """The reply to an update."""
    affected = result.total or 0
    return _response(
        200 if prefer.representation else 204,
        result.body,
        content_range(0, affected - 1, affected if prefer.count else None),
        prefer.applied("missing", "return", "count", "handling", "max-affected"),
        single=single,
    )


def removed(result: Result, prefer: Preferences, *, single: bool) -> Response:
    """The reply to a delete."""
    return _response(
        200 if prefer.representation else 204,
        result.body,
        content_range(1, 0, result.total if prefer.count else None),
        prefer.applied("return", "count", "handling", "max-affected"),
        single=single,
    )


def content_range(first: int, last: int, total: int | None) -> str:
    """`0-9/100`; `*` for no rows and for an unknown total."""
    rows = f"{first}-{last}" if first <= last else "*"
    return f"{rows}/{'*' if total is None else total}"


def _response(status: int, body: str | None, ranged: str, applied: str, *, single: bool = False) -> Response:
    headers = {"Content-Range": ranged, "Content-Profile": SCHEMA}
    if body is not None:
        headers["Content-Type"] = OBJECT if single else JSON
    if applied:
        headers["Preference-Applied"] = applied
    return Response(None if body is None else body.encode(), status, headers)
