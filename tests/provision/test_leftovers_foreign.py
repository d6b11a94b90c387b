"""Removing what stays of people, at a target that answers something else than rows: one error, and an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.core.errors import TargetError
from harness.core.target import Target
from harness.provision.leftovers import Leftovers, RestJob, found, removed
from harness.provision.pacing import BackoffPolicy

NO_ROWS = [b"<html>sign in</html>", b"", b"null", b"{}", b"[null]", b'["a"]', b'[{"other": 1}]', b"[" * 100_000]


class Foreign(ThreadingHTTPServer):
    """Answers everything with `body`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.asked, self.charset = b"", 0, "utf-8"
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    server: Foreign

    def respond(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(self.server.status)
        self.send_header("content-type", f"text/plain; charset={self.server.charset}")
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_DELETE = respond

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    with Foreign() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def job(foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestJob]:
    monkeypatch.setenv("LEFT_ANON", "anon")
    monkeypatch.setenv("LEFT_SERVICE", "service")
    target = Target.model_validate(
        {
            "name": "foreign",
            "url": f"http://127.0.0.1:{foreign.server_port}",
            "environment": "local",
            "keys": {"anon_env": "LEFT_ANON", "service_env": "LEFT_SERVICE"},
        }
    )
    with RestJob(target, patience=BackoffPolicy(tries=1)) as opened:
        yield opened


@pytest.mark.parametrize("body", NO_ROWS)
def test_what_is_no_rows_ends_in_one_error(foreign: Foreign, job: RestJob, body: bytes) -> None:
    foreign.body = body
    with pytest.raises(TargetError, match=r"answered with something else than (rows|JSON)") as caught:
        found(job, ["a"])
    assert "/rest/v1/conversations" in caught.value.what
    if body not in (b"", b"null"):  # a deletion may say nothing
        with pytest.raises(TargetError, match=r"answered with something else than (rows|JSON)"):
            removed(job, Leftovers(people=("a",)))


def test_a_target_that_brings_the_same_page_for_ever_is_left(foreign: Foreign, job: RestJob) -> None:
    foreign.body = b'[{"id": "a"}]'
    with pytest.raises(TargetError, match="the same rows again"):
        found(job, ["a"])
    assert foreign.asked == 2


def test_a_refusal_in_no_charset_is_quoted(foreign: Foreign, job: RestJob) -> None:
    foreign.status, foreign.body, foreign.charset = 403, b"not you", "hex"
    with pytest.raises(TargetError, match="status 403: not you"):
        found(job, ["a"])


def test_an_id_that_no_address_can_hold_is_refused_with_one_error(job: RestJob) -> None:
    with pytest.raises(TargetError, match="InvalidURL"):
        found(job, ["a\x00b"])
