"""Toxiproxy's HTTP API over the proxy collection, with its statuses, content types and texts; and our own endpoints.

Ours: POST /clear, POST /heartbeat, GET /journal, GET /types. docs/chaos-proxy.md lists every difference.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chaos.proxy import bodies, guard, metrics
from chaos.proxy.bodies import HolderBody, ProxyBody, ToxicBody
from chaos.proxy.errors import ProxyApiError, bad_body
from chaos.proxy.journal import JournalCause
from chaos.proxy.log import DEBUG, tell
from chaos.proxy.proxy import Proxy
from chaos.proxy.proxy_collection import ProxyCollection, known_types
from chaos.proxy.toxic import Toxic

VERSION = "2.12.0+harness"
"""Toxiproxy's release whose API this is, marked as ours."""
JSON = "application/json"
BODY_LIMIT = 1 << 20

Handler = Callable[[Request], Awaitable[Response]]


# ---- shapes on the wire -----------------------------------------------------------------------------------------


def number(value: float) -> float | int:
    """Whole numbers without a fraction, as Go prints them."""
    return int(value) if value == int(value) else value


def toxic_shape(toxic: Toxic) -> dict[str, object]:
    return {
        "attributes": toxic.fault.model_dump(mode="json"),
        "name": toxic.name,
        "type": toxic.type,
        "stream": toxic.stream,
        "toxicity": number(toxic.toxicity),
    }


def proxy_shape(proxy: Proxy) -> dict[str, object]:
    return {
        "name": proxy.name,
        "listen": proxy.listen,
        "upstream": proxy.upstream.text,
        "enabled": proxy.enabled,
        "toxics": [toxic_shape(toxic) for toxic in in_order(proxy)],
    }


def in_order(proxy: Proxy) -> Sequence[Toxic]:
    """Upstream ones first, each direction in chain order."""
    return sorted(proxy.toxics, key=lambda toxic: toxic.direction)


def answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(compact(value), status, {"Content-Type": JSON})


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def empty(status: HTTPStatus = HTTPStatus.NO_CONTENT) -> Response:
    return Response(status_code=status)


def plain(text: str, status: HTTPStatus) -> Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Response(f"{text}\n", status, headers)


def refusal(error: ProxyApiError) -> Response:
    """Toxiproxy's errors are JSON that calls itself text."""
    return plain(compact({"error": error.message, "status": int(error.status)}), error.status)


# ---- endpoints --------------------------------------------------------------------------------------------------


class ProxyApi:
    """The endpoints. `show_metrics` as Toxiproxy's -proxy-metrics."""

    def __init__(self, collection: ProxyCollection, *, show_metrics: bool = False) -> None:
        self._collection = collection
        self._show_metrics = show_metrics

    def app(self) -> Starlette:
        toxics, toxic = "/proxies/{proxy}/toxics", "/proxies/{proxy}/toxics/{toxic}"
        routes = [
            self._route("/version", GET=self.version),
            self._route("/proxies", GET=self.list_proxies, POST=self.create_proxy),
            self._route("/populate", POST=self.populate),
            self._route("/reset", POST=self.reset),
            self._route(
                "/proxies/{proxy}",
                GET=self.get_proxy,
                PATCH=self.update_proxy,
                POST=self.update_proxy,
                DELETE=self.delete_proxy,
            ),
            self._route(toxics, GET=self.list_toxics, POST=self.add_toxic),
            self._route(
                toxic,
                GET=self.get_toxic,
                PATCH=self.update_toxic,
                POST=self.update_toxic,
                DELETE=self.remove_toxic,
            ),
            self._route("/clear", POST=self.clear),
            self._route("/heartbeat", POST=self.heartbeat),
            self._route("/journal", GET=self.journal),
            self._route("/types", GET=self.types),
        ]
        if self._show_metrics:
            routes.append(self._route("/metrics", GET=self.metrics))
        app = Starlette(routes=routes, exception_handlers={HTTPException: outside})
        app.router.redirect_slashes = False
        return app

    def _route(self, path: str, **endpoints: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            response = await self._guarded(request, endpoints.get(request.method))
            response.headers["X-Toxiproxy-Request-Id"] = secrets.token_hex(10)
            tell(DEBUG, "API call", method=request.method, path=request.url.path, status=response.status_code)
            return response

        return Route(path, endpoint, methods=list(endpoints))

    async def _guarded(self, request: Request, endpoint: Handler | None) -> Response:
        hosts = request.headers.getlist("host")
        reason = guard.refused(request.headers, hosts, allow_remote=self._collection.settings.allow_remote)
        if reason:
            return plain(reason, HTTPStatus.FORBIDDEN)
        if endpoint is None:
            return empty(HTTPStatus.METHOD_NOT_ALLOWED)  # HEAD, which a GET route would take
        try:
            return await endpoint(request)
        except ProxyApiError as error:
            response = refusal(error)
            if error.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                response.headers["connection"] = "close"  # the rest of the body is not read
            return response
        except RecursionError:
            return refusal(bad_body("nested too deeply"))
        except ClientDisconnect:  # nobody reads this
            return empty(HTTPStatus.BAD_REQUEST)

    async def version(self, _: Request) -> Response:
        return Response(f'{{"version": "{VERSION}"}}\n', headers={"Content-Type": "application/json;charset=utf-8"})

    async def types(self, _: Request) -> Response:
        return answer(known_types())

    # proxies

    async def list_proxies(self, _: Request) -> Response:
        return answer({name: proxy_shape(proxy) for name, proxy in sorted(self._collection.proxies.items())})

    async def create_proxy(self, request: Request) -> Response:
        body = ProxyBody.of(await decoded(request))
        return answer(proxy_shape(await self._collection.create(body)), HTTPStatus.CREATED)

    async def get_proxy(self, request: Request) -> Response:
        return answer(proxy_shape(self._collection.proxy(request.path_params["proxy"])))

    async def update_proxy(self, request: Request) -> Response:
        name = request.path_params["proxy"]
        self._collection.proxy(name)
        return answer(proxy_shape(await self._collection.update(name, ProxyBody.of(await decoded(request)))))

    async def delete_proxy(self, request: Request) -> Response:
        await self._collection.delete(request.path_params["proxy"])
        return empty()

    async def populate(self, request: Request) -> Response:
        """Its errors are JSON that calls itself JSON, with the proxies that were made before."""
        made: list[Proxy] = []
        try:
            made, error = await self._collection.populate(bodies.proxies(await decoded(request)))
        except ProxyApiError as refused:
            error = refused
        shapes = [proxy_shape(proxy) for proxy in made] or None
        if error is None:
            return answer({"proxies": shapes}, HTTPStatus.CREATED)
        return answer({"error": error.message, "status": int(error.status), "proxies": shapes}, error.status)

    async def reset(self, _: Request) -> Response:
        await self._collection.clear(JournalCause.API)
        return empty()

    # toxics

    async def list_toxics(self, request: Request) -> Response:
        return answer([toxic_shape(toxic) for toxic in in_order(self._collection.proxy(request.path_params["proxy"]))])

    async def add_toxic(self, request: Request) -> Response:
        name = request.path_params["proxy"]
        self._collection.proxy(name)
        return answer(toxic_shape(await self._collection.add(name, ToxicBody.of(await decoded(request)))))

    async def get_toxic(self, request: Request) -> Response:
        return answer(toxic_shape(self._collection.toxic(*self._names(request))))

    async def update_toxic(self, request: Request) -> Response:
        proxy, toxic = self._names(request)
        self._collection.toxic(proxy, toxic)
        return answer(toxic_shape(await self._collection.change(proxy, toxic, ToxicBody.of(await decoded(request)))))

    async def remove_toxic(self, request: Request) -> Response:
        await self._collection.remove(*self._names(request))
        return empty()

    @staticmethod
    def _names(request: Request) -> tuple[str, str]:
        return request.path_params["proxy"], request.path_params["toxic"]

    # ours

    async def clear(self, _: Request) -> Response:
        return answer({"ended": await self._collection.clear(JournalCause.CLEAR)})

    async def heartbeat(self, request: Request) -> Response:
        raw = await raw_body(request)
        body = HolderBody.of(bodies.decoded(raw) if raw.strip() else {})
        return answer({"renewed": self._collection.leases.renew(body.holder)})

    async def journal(self, request: Request) -> Response:
        text = request.query_params.get("since", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise ProxyApiError(HTTPStatus.BAD_REQUEST, f"since={text[:40]} must be the id of an entry")
        return answer([dataclasses.asdict(entry) for entry in self._collection.journal.since(int(text))])

    async def metrics(self, _: Request) -> Response:
        text = metrics.render(self._collection.proxies.values())
        return Response(text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def decoded(request: Request) -> object:
    """The JSON of the body, whatever its content type says."""
    return bodies.decoded(await raw_body(request))


async def raw_body(request: Request) -> bytes:
    """:raises ProxyApiError: 413 as soon as it is known to be longer than 1 MiB, however it is sent."""
    announced = request.headers.get("content-length", "0")
    raw = bytearray()
    if not announced.isascii() or not announced.isdigit() or (len(announced) < 19 and int(announced) <= BODY_LIMIT):
        async for piece in request.stream():
            raw += piece
            if len(raw) > BODY_LIMIT:
                break
        else:
            return bytes(raw)
    raise ProxyApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "bad request body: longer than 1 MiB")


async def outside(_: Request, error: Exception) -> Response:
    """What the router refuses: an unknown path in Go's words, a wrong method with no body."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return plain("404 page not found", HTTPStatus.NOT_FOUND)
    return empty(HTTPStatus(error.status_code))
