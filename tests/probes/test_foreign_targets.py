"""What answers instead of the app: redirects, login pages, somebody else's JSON, one object for everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.core.errors import TargetError
from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import Secret
from harness.probes.ask import QUESTIONS, probe
from harness.run.health_reply import refuse_foreign
from harness.run.resolved_target import _probe

GOTRUE = b'{"version":"v2.185.0","name":"GoTrue","description":"GoTrue is a user registration API"}'
USER = {"id": "7", "email": "a@b"}
BODIES: tuple[Any, ...] = (
    {},
    {"ok": True},
    {"access_token": "x", "user": USER},
    {"access_token": "x.y.z", "user": USER, "version": 10**30, "0": 1},
    {"access_token": 1, "user": {"id": [1]}, "version": None},
    {"access_token": None, "user": []},
    [],
    [1],
    [[]],
    [None],
    "text",
    7,
    None,
    True,
)


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def target(url: str) -> ResolvedTarget:
    return ResolvedTarget(
        name="foreign",
        url=url,
        environment="staging",
        anon_key=Secret("anon"),
        password=Secret("password-of-people"),
        email_pattern="load_{index:06d}@people.example.com",
        signing_secret=Secret("a-secret-that-is-long-enough-for-hs256"),
        service_key=Secret("service"),
    )


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_target_that_answers_everything_with_one_json_is_asked_without_a_fault(body: Any) -> None:
    with answering(200, json.dumps(body).encode(), content_type="application/json") as url:
        found = probe(target(url), people=2)
    assert len(found.answers) == len(QUESTIONS)
    assert [answer for answer in found.answers if answer.status == "held" and answer.asked > 1] == []


def test_the_health_check_of_a_deployment_is_taken() -> None:
    with answering(200, GOTRUE, content_type="application/json") as url:
        _probe(target(url))


@pytest.mark.parametrize(
    ("status", "headers", "body", "named"),
    [
        (301, {"location": "https://project.example.com/auth/v1/health"}, b"", "https://project.example.com/auth"),
        (302, {"location": "/login\x1b[31m"}, b"", "/login [31m"),
        (307, {}, b"", "nowhere"),
        (204, {}, b"", "status 204"),
        (201, {}, GOTRUE, "status 201"),
        (200, {"content-type": "text/html"}, b"<html><title>Sign in\x1b[1m</title>", "text/html"),
        (200, {"content-type": "application/json"}, b'{"status":"UP"}', "UP"),
        (200, {"content-type": "application/json"}, b'[{"name":"GoTrue"}]', "not the app's deployment"),
        (200, {}, b"[" * 100_000, "not the app's deployment"),
        (200, {}, b"\xff\xfe\x00", "not the app's deployment"),
        (401, {}, GOTRUE, "status 401"),
        (503, {}, b"", "status 503"),
    ],
)
def test_anything_else_is_refused_before_the_load(
    status: int, headers: dict[str, str], body: bytes, named: str
) -> None:
    with pytest.raises(TargetError) as caught:
        refuse_foreign("http://127.0.0.1:1/auth/v1/health", status, headers, body)
    assert caught.value.exit_code == 40
    assert named in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.remedy


def test_a_redirect_is_named_and_not_followed() -> None:
    with answering(302, b"", location="https://login.example.com/") as url, pytest.raises(TargetError) as caught:
        _probe(target(url))
    assert "https://login.example.com/" in str(caught.value)


@pytest.mark.parametrize(("status", "blamed"), [(401, True), (403, True), (429, False), (503, False), (540, False)])
def test_a_deployment_that_is_ill_is_not_said_to_have_another_key(status: int, blamed: bool) -> None:
    """A paused project answers 540, a restarting one 5xx: whoever makes new keys then breaks what works."""
    with pytest.raises(TargetError, match=f"status {status}") as caught:
        refuse_foreign("http://127.0.0.1:1/auth/v1/health", status, {}, b"{}")
    assert ("anon key" in caught.value.remedy) is blamed
