"""The Starlette routes of `/rest/v1`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.principal import Principal
from sandbox.rest import errors, openapi, render
from sandbox.rest.catalogue import EXPOSED, SCHEMA
from sandbox.rest.compile import LIMIT, OFFSET, Form
from sandbox.rest.compiler import Compiled
from sandbox.rest.errors import RestError
from sandbox.rest.execute import Limits, PlannedStatement, run
from sandbox.rest.payload import arguments_payload, rows_payload
from sandbox.rest.prefer import Preferences, parse_prefer
from sandbox.rest.query import parse_query, parse_range
from sandbox.rest.result import Result
from sandbox.rest.schema import SchemaCache
from sandbox.tokens import TokenError

PREFIX = "/rest/v1"
METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"]
STATEMENT_MS: Mapping[str, int] = {"anon": 3_000, "authenticated": 8_000}
LOCK_MS = 8_000
MAX_ROWS = 1_000
log = logging.getLogger(__name__)


@dataclass
class RestContext:
    """What the routes stand on.

    authenticate: who is asking; raises `sandbox.tokens.TokenError`.
    acquire_timeout_s: how long a request waits for a free connection before 504 PGRST003.
    statement_ms: time limit of a statement by role, as the platform's role settings have it; for other roles
        whatever the login role of the pool has.
    max_rows: rows of one read at most, as the platform is configured; None for no cap.
    throttle: what each transaction begins with.
    """

    pool: asyncpg.Pool
    authenticate: Callable[[Request], Principal]
    acquire_timeout_s: float = 10.0
    statement_ms: Mapping[str, int] = field(default_factory=lambda: STATEMENT_MS)
    lock_ms: int = LOCK_MS
    max_rows: int | None = MAX_ROWS
    throttle: str = ""
    schema: SchemaCache = field(init=False)

    def __post_init__(self) -> None:
        self.schema = SchemaCache(self.pool, self.acquire_timeout_s)

    @property
    def limits(self) -> Limits:
        return Limits(self.acquire_timeout_s, self.statement_ms, self.lock_ms, self.throttle)


def routes(context: RestContext) -> list[Route]:
    """`await context.schema.load()` beforehand reads the catalogue at start instead of with the first request."""
    service = _Service(context)
    return [
        Route(f"{PREFIX}/", service.endpoint(service.root), methods=["GET", "HEAD"]),
        Route(f"{PREFIX}/rpc/{{name}}", service.endpoint(service.function), methods=METHODS),
        Route(f"{PREFIX}/{{name}}", service.endpoint(service.relation), methods=METHODS),
        Route(f"{PREFIX}/{{path:path}}", service.endpoint(_nowhere), methods=METHODS),
    ]


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, read as far as its headers."""

    request: Request
    method: str
    name: str
    text: str
    principal: Principal
    prefer: Preferences
    single: bool

    @property
    def exact(self) -> bool:
        """Whether all rows are counted; an estimate falls back to that where the planner expects few."""
        return self.prefer.count in ("exact", "estimated")


Answer = Callable[[_Call], Awaitable[Response]]


async def _nowhere(call: _Call) -> Response:
    raise errors.bad_path()


class _Service:
    def __init__(self, context: RestContext) -> None:
        self._context = context
        self._schema = context.schema
        self._limits = context.limits

    def endpoint(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                return await answer(self._open(request))
            except RestError as error:
                return render.failure(error)
            except Exception:
                log.exception("%s %s failed", request.method, request.url.path)
                return render.failure(errors.internal())

        return respond

    def _open(self, request: Request) -> _Call:
        headers = request.headers
        try:
            principal = self._context.authenticate(request)
        except TokenError as error:
            token = headers.get("authorization", "").rpartition(" ")[2]
            raise errors.bad_token(error.expired, token.count(".") + 1) from error
        method = request.method
        profile = headers.get("accept-profile" if method in ("GET", "HEAD") else "content-profile")
        if profile is not None and profile not in EXPOSED:
            raise errors.bad_schema(profile, EXPOSED)
        return _Call(
            request=request,
            method=method,
            name=request.path_params.get("name", ""),
            text=request.scope["query_string"].decode("latin-1"),
            principal=principal,
            prefer=parse_prefer(", ".join(headers.getlist("prefer"))),
            single=render.wants_object(headers.get("accept")),
        )

    async def root(self, call: _Call) -> Response:
        known = await self._schema.compiled(lambda compiler: compiler.catalogue)
        async with self._context.pool.acquire(timeout=self._context.acquire_timeout_s) as connection:
            rows = await connection.fetch(openapi.ALLOWED_SQL, SCHEMA, call.principal.role)
        names = {kind: {row["name"] for row in rows if row["kind"] == kind} for kind in ("relation", "function")}
        body = orjson.dumps(openapi.document(known, names["relation"], names["function"]))
        return Response(body, headers={"Content-Type": "application/openapi+json; charset=utf-8"})

    async def relation(self, call: _Call) -> Response:
        match call.method:
            case "GET" | "HEAD":
                return await self._read(call)
            case "POST":
                return await self._insert(call)
            case "PATCH":
                return await self._update(call)
            case "DELETE":
                return await self._delete(call)
            case _:
                raise errors.bad_method(call.method)

    async def _read(self, call: _Call) -> Response:
        form = Form(call.method == "GET", call.single, call.exact)
        compiled = await self._schema.compiled(lambda known: known.read(call.name, call.text, form))
        estimate = None
        if call.prefer.count in ("planned", "estimated"):
            planner = await self._schema.compiled(lambda known: known.estimate(call.name, call.text))
            estimate = (planner.statement, planner.query.values)
        offset, arguments = self._window(call, compiled, capped=True)
        job = PlannedStatement(
            compiled.statement, compiled.query.values, arguments, read_only=True, single=call.single, estimate=estimate
        )
        result = await self._run(call, job)
        return render.page(result, offset, self._total(call, result), call.prefer, single=call.single)

    async def _insert(self, call: _Call) -> Response:
        query = parse_query(call.text)
        payload, body = rows_payload(await _json_body(call.request), query.tree.columns)
        prefer = call.prefer
        compiled = await self._schema.compiled(
            lambda known: known.insert(
                call.name, call.text, payload, prefer.resolution, prefer.missing == "default", self._form(call)
            )
        )
        result = await self._run(call, self._mutation(call, compiled, {"body": body}))
        keyed = query.tree.on_conflict is not None or await self._schema.compiled(
            lambda known: bool(known.catalogue.relations[call.name].primary_key)
        )
        return render.created(result, prefer, resolves=prefer.resolution is not None and keyed, single=call.single)

    async def _update(self, call: _Call) -> Response:
        query = parse_query(call.text)
        payload, body = rows_payload(await _json_body(call.request), query.tree.columns)
        compiled = await self._schema.compiled(
            lambda known: known.update(
                call.name, call.text, payload, call.prefer.missing == "default", self._form(call)
            )
        )
        result = await self._run(call, self._mutation(call, compiled, {"body": body}))
        return render.changed(result, call.prefer, single=call.single)

    async def _delete(self, call: _Call) -> Response:
        compiled = await self._schema.compiled(lambda known: known.delete(call.name, call.text, self._form(call)))
        result = await self._run(call, self._mutation(call, compiled, {}))
        return render.removed(result, call.prefer, single=call.single)

    async def function(self, call: _Call) -> Response:
        form = Form(call.method != "HEAD", call.single, call.prefer.count is not None)
        arguments: dict[str, object] = {}
        if call.method == "POST":
            names, body = arguments_payload(await _json_body(call.request))
            compiled = await self._schema.compiled(lambda known: known.call(call.name, call.text, names, form))
            arguments["body"] = body
        elif call.method in ("GET", "HEAD"):
            compiled = await self._schema.compiled(lambda known: known.get_call(call.name, call.text, form))
            arguments |= {f"argument:{name}": value for name, value in compiled.query.arguments}
        else:
            raise errors.bad_rpc_method(call.method)
        function = compiled.function
        assert function is not None
        offset, window = self._window(call, compiled, capped=function.returns_set)
        read_only = call.method != "POST" or not function.is_volatile
        job = PlannedStatement(
            compiled.statement, compiled.query.values, {**arguments, **window}, read_only=read_only, single=call.single
        )
        result = await self._run(call, job)
        if function.is_void:
            return render.nothing(call.prefer, offset, result)
        return render.page(result, offset, result.total, call.prefer, single=call.single)

    def _form(self, call: _Call) -> Form:
        return Form(call.prefer.representation, call.single, False)

    def _mutation(self, call: _Call, compiled: Compiled, arguments: Mapping[str, object]) -> PlannedStatement:
        return PlannedStatement(
            compiled.statement,
            compiled.query.values,
            arguments,
            single=call.single and call.prefer.representation,
            affected_limit=call.prefer.affected_limit,
        )

    def _window(self, call: _Call, compiled: Compiled, *, capped: bool) -> tuple[int, dict[str, object]]:
        """The first row, and the arguments that bound the page: query string, Range header and cap together."""
        query = compiled.query
        skipped, wanted = parse_range(call.request.headers.get("range")) if call.method == "GET" else (0, None)
        first = max(query.offset, skipped)
        ends = [start + rows for start, rows in ((query.offset, query.limit), (skipped, wanted)) if rows is not None]
        rows = max(min(ends) - first, 0) if ends else None
        if capped and self._context.max_rows is not None:
            rows = self._context.max_rows if rows is None else min(rows, self._context.max_rows)
        return first, {LIMIT: rows, OFFSET: first}

    def _total(self, call: _Call, result: Result) -> int | None:
        if call.prefer.count == "planned":
            return result.estimated
        if call.prefer.count == "estimated" and (result.estimated or 0) > (self._context.max_rows or 0):
            return max(result.estimated or 0, result.total or 0)
        return result.total

    async def _run(self, call: _Call, job: PlannedStatement) -> Result:
        path = call.request.scope["path"].removeprefix(PREFIX)
        return await run(self._context.pool, self._limits, call.principal, call.method, path, job)


async def _json_body(request: Request) -> bytes:
    """:raises RestError: PGRST102 for a body that does not claim to be JSON."""
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media not in ("application/json", "application/vnd.pgrst.array+json", "application/vnd.pgrst.object+json"):
        raise errors.bad_body(f"Content-Type not acceptable: {media}")
    return await request.body()
