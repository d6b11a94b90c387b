"""Locust's page: this machine or a login, no other page's requests, no foreign host; the last test's exit code."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.core.errors import UsageError
from harness.core.web_names import WEB_PASSWORD_ENV as PASSWORD_ENV
from harness.load.web_ui import listens_on, may_load, refusal
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
HERE = "127.0.0.1:8089"
PASSWORD = {PASSWORD_ENV: "a-long-password"}


@pytest.mark.parametrize(("given", "host"), [("", "127.0.0.1"), ("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")])
def test_without_a_login_it_listens_to_this_machine(given: str, host: str) -> None:
    assert listens_on(given, login=False, environ={}) == host


@pytest.mark.parametrize("given", ["*", "0.0.0.0", "::", "192.168.1.5", "[::]", "build-host", "127.0.0.1.evil.test"])
def test_others_only_with_a_login_that_has_a_password(given: str) -> None:
    with pytest.raises(UsageError, match="would start load for anybody"):
        listens_on(given, login=False, environ=PASSWORD)
    with pytest.raises(UsageError, match="no password"):
        listens_on(given, login=True, environ={PASSWORD_ENV: "short"})
    assert listens_on(given, login=True, environ=PASSWORD) == ("" if given == "*" else given)
    assert listens_on("", login=True, environ=PASSWORD) == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "path", "method", "answered"),
    [
        ({"Host": HERE}, "/stats/requests", "GET", True),
        ({"Host": "localhost:8089"}, "/swarm", "POST", True),
        ({"Host": "[::1]:8089"}, "", "GET", True),
        ({"Host": HERE, "Origin": f"http://{HERE}"}, "/swarm", "POST", True),
        ({"Host": HERE, "Origin": "http://evil.test"}, "/swarm", "POST", False),
        ({"Host": HERE, "Origin": "null"}, "/swarm", "POST", False),
        ({"Host": HERE, "Origin": "http://127.0.0.1:9"}, "/swarm", "POST", False),
        ({"Host": HERE, "Origin": "http://127.0.0.1:8089.evil.test"}, "/swarm", "POST", False),
        ({"Host": "evil.test"}, "/stats/requests", "GET", False),
        ({"Host": "127.0.0.1@evil.test"}, "", "GET", False),
        ({}, "", "GET", False),
        ({"Host": HERE, "Sec-Fetch-Site": "cross-site"}, "/stop", "GET", False),
        ({"Host": HERE, "Sec-Fetch-Site": "same-site"}, "/stats/reset", "GET", False),
        ({"Host": HERE, "Sec-Fetch-Site": "cross-site"}, "", "GET", True),
        ({"Host": HERE, "Sec-Fetch-Site": "cross-site"}, "", "POST", False),
        ({"Host": HERE, "Sec-Fetch-Site": "same-origin"}, "/stop", "GET", True),
    ],
)
def test_who_is_answered(headers: dict[str, str], path: str, method: str, answered: bool) -> None:
    assert (refusal(headers, path, login=False, method=method) == "") == answered


def test_a_page_behind_a_login_may_have_any_name_but_only_its_own_requests() -> None:
    assert refusal({"Host": "load.test"}, "/swarm", login=True, method="POST") == ""
    assert refusal({"Host": "load.test", "Origin": "http://evil.test"}, "/swarm", login=True, method="POST")


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("http://127.0.0.1:9", True),
        ("localhost:54321", True),
        ("https://staging.test", True),
        ("https://staging.test/", True),
        ("https://staging.test:444", False),
        ("http://10.1.2.3:8787", False),
        ("10.1.2.3", False),
        ("http://127.0.0.1@evil.test", False),
        ("http://evil.test\\@127.0.0.1", False),
        ("http://127.0.0.1:bad", False),
    ],
)
def test_which_target_its_form_may_name(host: str, may: bool) -> None:
    assert may_load(host, "https://staging.test") is may


@contextlib.contextmanager
def page(*arguments: str, **environ: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "HARNESS_"))}
    command = [sys.executable, "-m", "locust", "-f", "scenarios/locustfile.py", "--web-port", str(port), *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=kept | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url, timeout=5.0, trust_env=False)
                break
            time.sleep(0.1)
        yield url, process
    finally:
        process.kill()
        process.wait(30)


def wait_for(client: httpx.Client, state: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if client.get("/stats/requests").json()["state"] == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"never {state}")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_real_page_refuses_others_and_ends_with_the_last_tests_code() -> None:
    form = {"user_count": "1", "spawn_rate": "1"}
    with (
        Sandbox(SandboxOptions(people=5, catalogue=60)) as sandbox,
        page("--host", sandbox.url) as (url, process),
        httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client,
    ):
        assert client.post("/swarm", data=form, headers={"origin": "http://evil.test"}).status_code == 403
        assert client.get("/stats/requests", headers={"host": "evil.test"}).status_code == 403
        refused = client.post("/swarm", data=form | {"host": "http://10.1.2.3:1"})
        assert (refused.status_code, refused.json()["success"]) == (403, False)
        assert "access-control-allow-origin" not in client.get("/stats/requests").headers
        assert client.get("/stats/requests").json()["state"] == "ready", "nothing was started"

        assert client.post("/swarm", data=form | {"host": "http://127.0.0.1:9"}).json()["success"]
        wait_for(client, "stopped")  # no sandbox there: refused, and its code would be 40
        assert client.post("/swarm", data=form | {"host": sandbox.url}).json()["success"]
        wait_for(client, "running")
        assert "Cut all load" in client.get("/harness-kill").text
        assert client.post("/harness-kill", headers={"origin": "http://evil.test"}).status_code == 403
        assert client.get("/stats/requests").json()["state"] == "running"
        assert client.post("/harness-kill").text == "the load is cut\n"
        wait_for(client, "stopped")
        assert client.post("/swarm", data=form | {"host": sandbox.url}).json()["success"]
        wait_for(client, "running")
        assert client.post("/stop").status_code == 200
        wait_for(client, "stopped")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_login_lets_in_who_knows_the_password() -> None:
    with page("--web-login", HARNESS_WEB_PASSWORD="a-long-password") as (url, _), httpx.Client(base_url=url) as client:
        assert client.get("/stats/requests").status_code == 302
        assert client.post("/harness-kill").status_code == 302
        assert client.post("/swarm", data={"user_count": "1", "spawn_rate": "1"}).status_code == 302
        wrong = client.post("/harness-login", data={"username": "harness", "password": "wrong-password"})
        assert re.search("/login", wrong.headers["location"])
        assert client.get("/stats/requests").status_code == 302
        client.post("/harness-login", data={"username": "harness", "password": "a-long-password"})
        assert client.get("/stats/requests").json()["state"] == "ready"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_page_for_all_without_a_login_ends_at_once() -> None:
    with page("--web-host", "0.0.0.0") as (_, process):
        assert process.wait(60) == 2
