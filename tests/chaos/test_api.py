"""Toxiproxy's HTTP API: every row of its tables against a running process, status, content type and body."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.chaos.process import proxy_process

TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with proxy_process("--allow-upstream", "a") as running, httpx.Client(base_url=running.api, timeout=20) as client:
        yield client


@pytest.fixture(autouse=True)
def _clean(api: httpx.Client) -> None:
    for name in api.get("/proxies").json():
        api.delete(f"/proxies/{name}")


def put(api: httpx.Client, name: str = "p", **more: Any) -> dict[str, Any]:
    body = {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"} | more
    made = api.post("/proxies", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def error(message: str, status: int) -> str:
    return json.dumps({"error": message, "status": status}, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Row:
    """One line of the table. `body` None means that only its kind is looked at."""

    ask: str
    sent: Any
    status: int
    kind: str | None
    body: str | None = None

    def __str__(self) -> str:
        return f"{self.ask} {json.dumps(self.sent)[:60]}"


LATENCY = '{"attributes":{"latency":7,"jitter":0},"name":"l","type":"latency","stream":"upstream","toxicity":1}'
ROWS = (
    Row("GET /version", None, 200, "application/json;charset=utf-8", '{"version": "2.12.0+harness"}\n'),
    Row("GET /proxies", None, 200, JSON),
    Row("POST /proxies", {"upstream": "a:1"}, 400, TEXT, error("missing required field: name", 400)),
    Row("POST /proxies", {"name": "q"}, 400, TEXT, error("missing required field: upstream", 400)),
    Row("POST /proxies", {"name": 5}, 400, TEXT),
    Row("POST /proxies", [1], 400, TEXT),
    Row("POST /proxies", "{", 400, TEXT),
    Row("POST /proxies", "", 400, TEXT, error("bad request body: EOF", 400)),
    Row("POST /proxies", {"name": "p", "upstream": "a:1"}, 409, TEXT, error("proxy already exists", 409)),
    Row("POST /proxies", {"name": "q", "upstream": "a:1", "listen": "x"}, 400, TEXT),
    Row("POST /proxies", {"NAME": "q", "Upstream": "a:1", "enabled": False, "foo": 1}, 201, JSON,
        '{"name":"q","listen":"","upstream":"a:1","enabled":false,"toxics":[]}'),
    Row("GET /proxies/p", None, 200, JSON),
    Row("GET /proxies/none", None, 404, TEXT, error("proxy not found", 404)),
    Row("PATCH /proxies/p", {"enabled": False}, 200, JSON),
    Row("POST /proxies/p", {"upstream": "127.0.0.1:8"}, 200, JSON),
    Row("PATCH /proxies/none", {}, 404, TEXT, error("proxy not found", 404)),
    Row("PATCH /proxies/p", {"enabled": "yes"}, 400, TEXT),
    Row("PATCH /proxies/p", {"listen": "nowhere"}, 400, TEXT),
    Row("DELETE /proxies/p", None, 204, None, ""),
    Row("DELETE /proxies/none", None, 404, TEXT, error("proxy not found", 404)),
    Row("GET /proxies/p/toxics", None, 200, JSON, f"[{LATENCY}]"),
    Row("GET /proxies/none/toxics", None, 404, TEXT, error("proxy not found", 404)),
    Row("POST /proxies/p/toxics", {"type": "slicer"}, 200, JSON,
        '{"attributes":{"average_size":0,"size_variation":0,"delay":0},"name":"slicer_downstream","type":"slicer",'
        '"stream":"downstream","toxicity":1}'),
    Row("POST /proxies/p/toxics", {"type": "latency", "stream": "UPSTREAM", "toxicity": 7, "attributes": None}, 200,
        JSON, '{"attributes":{"latency":0,"jitter":0},"name":"latency_UPSTREAM","type":"latency","stream":"UPSTREAM",'
        '"toxicity":7}'),
    Row("POST /proxies/p/toxics", {"type": "noop", "toxicity": 0.5, "attributes": {"x": 1}}, 200, JSON,
        '{"attributes":{},"name":"noop_downstream","type":"noop","stream":"downstream","toxicity":0.5}'),
    Row("POST /proxies/p/toxics", {"type": "latency", "stream": "sideways"}, 400, TEXT,
        error("stream was invalid, can be either upstream or downstream", 400)),
    Row("POST /proxies/p/toxics", {"type": "down"}, 400, TEXT, error("invalid toxic type", 400)),
    Row("POST /proxies/p/toxics", {"type": "latency", "attributes": {"latency": 1.5}}, 400, TEXT),
    Row("POST /proxies/p/toxics", {"type": "latency", "attributes": {"latency": "5"}}, 400, TEXT),
    Row("POST /proxies/p/toxics", {"type": "bandwidth", "attributes": {"rate": -1}}, 400, TEXT),
    Row("POST /proxies/p/toxics", {"name": "l", "type": "latency"}, 409, TEXT, error("toxic already exists", 409)),
    Row("POST /proxies/none/toxics", {"type": "latency"}, 404, TEXT, error("proxy not found", 404)),
    Row("GET /proxies/p/toxics/l", None, 200, JSON, LATENCY),
    Row("GET /proxies/p/toxics/none", None, 404, TEXT, error("toxic not found", 404)),
    Row("PATCH /proxies/p/toxics/l", {"attributes": {"jitter": 3}, "type": "slicer", "name": "m"}, 200, JSON,
        LATENCY.replace('"jitter":0', '"jitter":3')),
    Row("POST /proxies/p/toxics/l", {"toxicity": 0.25}, 200, JSON, LATENCY.replace('city":1', 'city":0.25')),
    Row("PATCH /proxies/p/toxics/none", {}, 404, TEXT, error("toxic not found", 404)),
    Row("PATCH /proxies/p/toxics/l", {"attributes": {"latency": "x", "jitter": 5}}, 400, TEXT),
    Row("DELETE /proxies/p/toxics/l", None, 204, None, ""),
    Row("DELETE /proxies/p/toxics/none", None, 404, TEXT, error("toxic not found", 404)),
    Row("POST /populate", [], 201, JSON, '{"proxies":null}'),
    Row("POST /populate", {"name": "x"}, 400, JSON),
    Row("POST /populate", [{"name": "x", "upstream": "a:1", "enabled": False}, {"upstream": "a:1"}], 400, JSON,
        '{"error":"missing required field: name at proxy 2","status":400,"proxies":null}'),
    Row("POST /populate", [{"name": "x", "upstream": "a:1", "enabled": False}], 201, JSON,
        '{"proxies":[{"name":"x","listen":"","upstream":"a:1","enabled":false,"toxics":[]}]}'),
    Row("POST /reset", None, 204, None, ""),
    Row("GET /metrics", None, 404, TEXT, "404 page not found\n"),
    Row("GET /nothing", None, 404, TEXT, "404 page not found\n"),
    Row("GET /proxies/", None, 404, TEXT, "404 page not found\n"),
    Row("GET /proxies/a%2Fb", None, 404, TEXT, "404 page not found\n"),
    Row("PUT /proxies", None, 405, None, ""),
    Row("DELETE /version", None, 405, None, ""),
    Row("POST /clear", None, 200, JSON, '{"ended":1}'),
    Row("POST /heartbeat", None, 200, JSON, '{"renewed":0}'),
    Row("POST /heartbeat", {"holder": 5}, 400, TEXT),
    Row("GET /journal?since=x", None, 400, TEXT),
    Row("GET /types", None, 200, JSON),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(api: httpx.Client, row: Row) -> None:
    put(api)
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    method, path = row.ask.split(" ")
    sent = row.sent if isinstance(row.sent, str) or row.sent is None else json.dumps(row.sent)
    got = api.request(method, path, content=sent)
    assert got.status_code == row.status, got.text
    assert got.headers.get("content-type") == row.kind
    if row.body is not None:
        assert got.text == row.body
    if row.kind == TEXT:
        assert got.headers["x-content-type-options"] == "nosniff"
    routed = row.status != 405 and got.text != "404 page not found\n"
    assert (len(got.headers.get("x-toxiproxy-request-id", "")) == 20) == routed


def test_a_refused_update_changes_nothing(api: httpx.Client) -> None:
    """Toxiproxy answers 400 here and sets the jitter all the same."""
    put(api)
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    assert api.patch("/proxies/p/toxics/l", json={"attributes": {"jitter": 5, "latency": "x"}}).status_code == 400
    assert api.get("/proxies/p/toxics/l").text == LATENCY


def test_upstream_toxics_come_first_and_keep_their_order(api: httpx.Client) -> None:
    put(api)
    for name, stream in (("a", "downstream"), ("b", "upstream"), ("c", "downstream"), ("d", "upstream")):
        api.post("/proxies/p/toxics", json={"name": name, "type": "noop", "stream": stream})
    assert [toxic["name"] for toxic in api.get("/proxies/p/toxics").json()] == ["b", "d", "a", "c"]


def test_without_listen_it_is_loopback_and_a_free_port(api: httpx.Client) -> None:
    host, _, port = put(api, listen="")["listen"].rpartition(":")
    assert host == "127.0.0.1"
    assert int(port)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"])
def test_other_addresses_are_refused_with_the_remedy(api: httpx.Client, listen: str) -> None:
    got = api.post("/proxies", json={"name": "q", "upstream": "a:1", "listen": listen})
    assert got.status_code == 400
    assert "--allow-remote" in got.json()["error"]


def test_a_used_port_is_said_as_toxiproxy_says_it_and_an_update_keeps_the_old_one(api: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        got = api.post("/proxies", json={"name": "q", "upstream": "a:1", "listen": address})
        message = f"listen tcp {address}: bind: address already in use"
        assert (got.status_code, got.text) == (409, error(message, 409))
        before = put(api)
        assert api.patch("/proxies/p", json={"listen": address}).status_code == 409
        assert api.get("/proxies/p").json() == before


def test_down_and_up_keep_port_and_toxics_and_a_new_listen_moves(api: httpx.Client) -> None:
    listen = put(api)["listen"]
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    assert api.patch("/proxies/p", json={"enabled": False}).json()["enabled"] is False
    up = api.patch("/proxies/p", json={"enabled": True, "name": "ignored"}).json()
    assert (up["listen"], len(up["toxics"]), up["name"]) == (listen, 1, "p")
    same = api.patch("/proxies/p", json={"listen": listen.replace("127.0.0.1", "localhost")}).json()
    assert same["listen"] == listen
    moved = api.patch("/proxies/p", json={"listen": "localhost:0"}).json()
    assert moved["enabled"]
    assert moved["listen"] != listen


def test_populate_leaves_what_is_the_same_and_replaces_what_is_not(api: httpx.Client) -> None:
    made = put(api)
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    same = {"name": "p", "listen": made["listen"], "upstream": made["upstream"]}
    assert len(api.post("/populate", json=[same]).json()["proxies"][0]["toxics"]) == 1
    other = same | {"upstream": "127.0.0.1:10"}
    assert api.post("/populate", json=[other]).json()["proxies"][0]["toxics"] == []


def test_populate_that_fails_keeps_and_names_the_earlier_ones(api: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        entries = [{"name": "a", "upstream": "a:1"}, {"name": "b", "upstream": "a:1", "listen": address}]
        got = api.post("/populate", json=entries)
    assert got.status_code == 409
    assert [proxy["name"] for proxy in got.json()["proxies"]] == ["a"]
    assert list(api.get("/proxies").json()) == ["a"]


def test_a_browser_is_sent_away(api: httpx.Client) -> None:
    got = api.get("/proxies", headers={"user-agent": "Mozilla/5.0"})
    assert (got.status_code, got.text) == (403, "User agent not allowed\n")


def test_reset_enables_and_cleans(api: httpx.Client) -> None:
    put(api)
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    api.patch("/proxies/p", json={"enabled": False})
    assert api.post("/reset").status_code == 204
    proxy = api.get("/proxies/p").json()
    assert (proxy["enabled"], proxy["toxics"]) == (True, [])


def test_the_journal_tells_what_was_when_and_why(api: httpx.Client) -> None:
    put(api)
    last = max((entry["id"] for entry in api.get("/journal").json()), default=0)
    api.post("/proxies/p/toxics", json=json.loads(LATENCY))
    api.patch("/proxies/p/toxics/l", json={"attributes": {"latency": 9}})
    api.post("/clear")
    entries = api.get("/journal", params={"since": last}).json()
    told = [(entry["event"], entry["why"], entry["attributes"]["latency"]) for entry in entries]
    assert told == [("started", "api", 7), ("changed", "api", 9), ("ended", "clear", 9)]
    assert [entry["id"] for entry in entries] == [last + 1, last + 2, last + 3]


def test_metrics_where_they_were_asked_for() -> None:
    with proxy_process("--metrics", "--upstream", "127.0.0.1:9") as running:
        got = httpx.get(f"{running.api}/metrics")
        assert got.status_code == 200
        labels = f'direction="upstream",listener="{running.proxies["target"]}",proxy="target",upstream="127.0.0.1:9"'
        assert f"toxiproxy_proxy_received_bytes_total{{{labels}}} 0\n" in got.text
