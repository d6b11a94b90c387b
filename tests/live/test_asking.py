"""Where a run shows itself is checked before it begins; metrics go out, or it is told once that they do not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from click.testing import CliRunner

from chaos import faults  # noqa: F401 - knows them all
from chaos.fault import registered
from harness.cli import cli
from harness.core.errors import UsageError
from harness.live.hand_faults import AT_ONCE, HAND_FAULTS, LONGEST_S, refusal
from harness.run.locust_process import refuse_taken_port
from harness.run.otlp_sender import OtlpSender
from harness.run.web_page import OTLP_HEADERS_ENV, OtlpTarget, otlp_target, web_page

PASSWORD = {"HARNESS_WEB_PASSWORD": "long-enough"}


@pytest.mark.parametrize(
    ("given", "environ", "host", "login"),
    [
        ("8089", {}, "127.0.0.1", False),
        ("localhost:8089", {}, "localhost", False),
        ("[::1]:8089", {}, "::1", False),
        ("0.0.0.0:8089", PASSWORD, "0.0.0.0", True),
        ("*:8089", PASSWORD, "", True),
        ("load.test:8089", PASSWORD, "load.test", True),
    ],
)
def test_where_the_page_listens(given: str, environ: dict[str, str], host: str, login: bool) -> None:
    page = web_page(given, environ, fault_buttons=False)
    assert (page.host, page.port, page.login) == (host, 8089, login)
    assert page.url.endswith(":8089/verdict")


@pytest.mark.parametrize("given", ["", "0", "65536", "abc", "http://127.0.0.1:80", "a@b:80", "٣", "127.0.0.1:"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        web_page(given, PASSWORD, fault_buttons=False)


@pytest.mark.parametrize("given", ["0.0.0.0:8089", "*:8089", "[::]:8089", "10.1.2.3:8089", "127.0.0.1.evil.test:8089"])
def test_for_others_there_is_a_password_or_no_run(given: str) -> None:
    with pytest.raises(UsageError, match="no password"):
        web_page(given, {"HARNESS_WEB_PASSWORD": "short"}, fault_buttons=False)


def test_the_command_refuses_before_anything_is_started() -> None:
    for arguments in (
        ["--web", "0.0.0.0:8089"],
        ["--fault-buttons"],
        ["--web", "8089", "--fault-buttons", "--master", "5557"],
        ["--otlp", "file:///tmp/x"],
        ["--worker", "127.0.0.1:5557", "--url", "http://127.0.0.1:1", "--web", "8089"],
    ):
        result = CliRunner().invoke(
            cli, ["run", "smoke", *arguments] if "--worker" not in arguments else ["run", *arguments]
        )
        assert isinstance(result.exception, UsageError), (arguments, result.output)


def test_a_port_that_is_taken_is_told_before_anything_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            refuse_taken_port(web_page(str(port), {}, fault_buttons=False))
    refuse_taken_port(web_page(str(port), {}, fault_buttons=False))
    refuse_taken_port(None)
    with pytest.raises(UsageError, match="cannot listen"):
        refuse_taken_port(web_page("192.0.2.1:8089", PASSWORD, fault_buttons=False))


def test_the_otlp_endpoint_and_its_headers() -> None:
    target = otlp_target("http://127.0.0.1:4318/", {OTLP_HEADERS_ENV: "authorization=Bearer%20abcdef, x-scope=one"})
    assert target.url == "http://127.0.0.1:4318/v1/metrics"
    assert {name: value.reveal() for name, value in target.headers.items()} == {
        "authorization": "Bearer abcdef",
        "x-scope": "one",
    }
    assert "abcdef" not in repr(target)
    assert otlp_target("https://otel.test/v1/metrics", {}).url == "https://otel.test/v1/metrics"
    wrong = ("4318", "ftp://a.test", "http://", "http://u:p@a.test", "http://a.test:bad", "http://a.test:0")
    for bad in (*wrong, "http://a.test/\n", "http://a.test/?key=secret", "http://a.test#x", "http://b\u00fccher.test"):
        with pytest.raises(UsageError) as caught:
            otlp_target(bad, {})
        assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="in clear"):
        otlp_target("http://otel.test:4318", {OTLP_HEADERS_ENV: "authorization=secret"})
    for bad in ("nothing", "a b=c", "=c", "a=caf%C3%A9", "a=b%0D%0Ac", "a\nb=c"):
        with pytest.raises(UsageError, match="cannot be read"):
            otlp_target("https://otel.test", {OTLP_HEADERS_ENV: bad})
    for path in ("/otlp", "/otlp/v1/metrics", "/a-b_c.d~e/%20"):
        assert otlp_target(f"http://[::1]:4318{path}", {}).url.startswith(f"http://[::1]:4318{path}")


class Collector(ThreadingHTTPServer):
    """Takes what is posted; answers with `status`, after `delay_s`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.delay_s = 200, 0.0
        self.taken: list[tuple[str, dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.server.delay_s)
        self.server.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def until(true: object, patience_s: float = 30.0) -> None:
    deadline = time.monotonic() + patience_s
    while not true() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.02)


def test_sets_are_posted_with_their_headers_and_the_last_one_before_the_end(collector: Collector) -> None:
    told: list[str] = []
    target = otlp_target(f"http://127.0.0.1:{collector.server_port}", {OTLP_HEADERS_ENV: "x-key=secret-key-of-mine"})
    with OtlpSender(target, told.append) as sender:
        sender.offer({"n": 1})
        until(lambda: sender.sent == 1)
        sender.offer({"n": 2})
    assert [body for _, _, body in collector.taken] == [b'{"n":1}', b'{"n":2}']
    path, headers, _ = collector.taken[0]
    assert (path, headers["content-type"], headers["x-key"]) == (
        "/v1/metrics",
        "application/json",
        "secret-key-of-mine",
    )
    assert told == []


def test_of_sets_that_pile_up_the_newest_is_sent(collector: Collector) -> None:
    collector.delay_s = 0.5
    with OtlpSender(otlp_target(f"http://127.0.0.1:{collector.server_port}", {}), lambda _: None) as sender:
        for number in range(50):
            sender.offer({"n": number})
            time.sleep(0.005)
    assert len(collector.taken) < 5
    assert collector.taken[-1][2] == b'{"n":49}'


def test_a_collector_that_refuses_or_is_not_there_is_told_once(collector: Collector) -> None:
    told: list[str] = []
    collector.status = 503
    with OtlpSender(otlp_target(f"http://127.0.0.1:{collector.server_port}", {}), told.append) as sender:
        for number in range(3):
            sender.offer({"n": number})
            until(lambda wanted=number + 1: len(collector.taken) == wanted)
        assert told == ["metrics were not taken by 127.0.0.1: it answered 503"]
        collector.status = 200
        sender.offer({"n": 4})
        until(lambda: sender.sent == 1)
        collector.status = 500
        sender.offer({"n": 5})
        until(lambda: len(told) == 2)
    assert len(told) == 2, "again, because it had worked in between"
    with (
        contextlib.suppress(httpx.HTTPError),
        OtlpSender(OtlpTarget("http://127.0.0.1:9/v1/metrics"), told.append) as none,
    ):
        none.offer({})
    assert told[-1].startswith("metrics were not taken by 127.0.0.1: no answer")


def test_each_fault_by_hand_is_one_that_the_proxy_knows() -> None:
    known = registered()
    for one in HAND_FAULTS.values():
        known[one.fault].parse(one.attributes, strict=True)
        assert 0 < one.share <= 1
        assert refusal(one.name, 5, 0) == ""
        assert refusal(one.name, LONGEST_S + 1, 0)
        assert refusal(one.name, 0, 0)
        assert refusal(one.name, float("nan"), 0)
        assert refusal(one.name, 5, AT_ONCE)
    assert "slow" in refusal("rm -rf", 5, 0)
