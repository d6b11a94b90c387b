"""A sandbox from the outside: its process, its address, its discovery document, its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sandbox import services as services_module
from sandbox.options import SECRET_VARIABLE
from sandbox.server import AddressInUse, OptionError, Sandbox, SandboxOptions
from sandbox.services import Background, Services, TokenCache
from sandbox.switches import NAMES, Switches
from sandbox.tokens import Keys, TokenError

SMALL = ("--people", "3", "--catalogue", "10")
COMMAND = (sys.executable, "-m", "sandbox.server")
SECRET = "a secret of this test, long enough for HS256"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def start(started: list[subprocess.Popen[str]], *arguments: str, **environment: str) -> tuple[Any, dict[str, Any]]:
    process = subprocess.Popen(
        [*COMMAND, *SMALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    started.append(process)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return process, json.loads(line)


def gone(processes: list[psutil.Process], within_s: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return not alive


def test_the_process_says_ready_serves_and_ends_without_a_trace(started: list[subprocess.Popen[str]]) -> None:
    process, ready = start(started, "--quirk", "delay_deck_ms=5", **{SECRET_VARIABLE: SECRET})
    assert set(ready) == {"ready", "url"}
    assert ready["ready"] is True
    assert httpx.get(f"{ready['url']}/health").json() == {"ok": True}
    document = httpx.get(f"{ready['url']}/.well-known/movinesta-sandbox").json()
    assert document["name"] == "movinesta-sandbox"
    assert document["url"] == ready["url"]
    assert document["jwt_secret"] == SECRET
    assert document["anon_key"] == Keys(SECRET).anon
    assert document["service_key"] == Keys(SECRET).service
    assert document["people"]["count"] == 3
    assert tuple(document["quirks"]) == NAMES
    assert document["quirks"]["delay_deck_ms"] == 5
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    assert len(family) > 2
    socket_folder = Path(document["dsn"].partition("host=")[2].partition("&")[0].replace("%2F", "/"))
    assert socket_folder.is_dir()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 3
    assert gone(family, 3)
    assert not socket_folder.exists()
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read() == ""
    assert "Traceback" not in process.stderr.read()


def test_it_stops_in_time_with_a_request_under_way(started: list[subprocess.Popen[str]]) -> None:
    process, ready = start(started, "--quirk", "delay_deck_ms=60000")
    host, _, port = ready["url"].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as hanging:
        hanging.sendall(b"POST /functions/v1/media-swipe-deck HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux only")
def test_it_dies_with_its_parent() -> None:
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([*{COMMAND!r}, *{SMALL!r}, '--with-parent'], stdout=subprocess.PIPE, text=True)\n"
        "print(p.pid, p.stdout.readline(), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        parent.kill()
        assert gone(family, 5)
    finally:
        parent.kill()
        parent.wait(10)
        if parent.stdout is not None:
            parent.stdout.close()


def test_a_signal_while_it_starts_is_a_clean_end(started: list[subprocess.Popen[str]]) -> None:
    process = subprocess.Popen([*COMMAND, *SMALL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started.append(process)
    own = psutil.Process(process.pid)
    deadline = time.monotonic() + 20
    while not own.children() and time.monotonic() < deadline:
        time.sleep(0.01)
    family = [own, *own.children(recursive=True)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert gone(family, 3)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["--quirk", "delay_dek_ms=1"], {}, "there is no quirk 'delay_dek_ms'; there are: delay_deck_ms"),
        (["--people", "0"], {}, "people is 0\n  remedy: give a whole number from 1"),
        (["--port", "70000"], {}, "port is 70000"),
        (["--people", "many"], {}, "'many' is not a valid integer"),
        ([], {SECRET_VARIABLE: "short"}, f"where: environment variable {SECRET_VARIABLE}"),
        (["--host", "203.0.113.1"], {}, "cannot listen"),
    ],
)
def test_wrong_options_are_one_message_and_exit_2(
    arguments: list[str], environment: dict[str, str], expected: str
) -> None:
    result = run(*arguments, **environment)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_exit_40() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("--port", str(port))
        assert (result.returncode, result.stdout) == (40, "")
        assert f"the port is in use\n  where: 127.0.0.1:{port}" in result.stderr
        with pytest.raises(AddressInUse):
            Sandbox(SandboxOptions(port=port)).start()


@pytest.mark.parametrize("option", [{"people": 0}, {"pool_size": 0}, {"password": "short"}, {"secret": "short"}])
def test_options_are_checked_where_they_are_made(option: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        SandboxOptions(**option)


def test_secrets_stay_out_of_what_is_printed() -> None:
    text = repr(SandboxOptions(secret=SECRET, password="not to be seen"))
    assert SECRET not in text
    assert "not to be seen" not in text


def test_a_kept_database_is_not_seeded_again() -> None:
    folder = Path("/var/tmp") / f"sandbox-test-{os.getpid()}-{time.monotonic_ns()}"
    options = SandboxOptions(people=3, catalogue=10, database=folder)
    try:
        found = []
        for _ in range(2):  # with another random password each time, which seeded people take on
            with Sandbox(options) as sandbox:
                document = sandbox.discovery
                body = {
                    "email": document["people"]["email_pattern"].format(index=1),
                    "password": document["people"]["password"],
                }
                reply = httpx.post(
                    f"{sandbox.url}/auth/v1/token?grant_type=password",
                    json=body,
                    headers={"apikey": document["anon_key"]},
                )
                assert reply.status_code == 200, reply.text
                found.append(reply.json()["user"]["id"])
        assert found[0] == found[1]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_one_sandbox_cannot_be_started_twice_but_again() -> None:
    sandbox = Sandbox(SandboxOptions(people=2, catalogue=5, switches=Switches(error_share=1.0)))
    with sandbox:
        with pytest.raises(Exception, match="already running"):
            sandbox.start()
        reply = httpx.post(f"{sandbox.url}/functions/v1/media-swipe-event")
        assert reply.status_code in (500, 503)
        assert reply.headers["content-type"] == "text/html"
        assert httpx.get(f"{sandbox.url}/nowhere").json() == {"message": "no Route matched with those values"}
        assert httpx.get(f"{sandbox.url}/health").status_code == 200
        url = sandbox.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")
    sandbox.stop()


def test_rest_is_behind_the_gateways_key() -> None:
    with Sandbox(SandboxOptions(people=2, catalogue=5)) as sandbox:
        url, anon = f"{sandbox.url}/rest/v1/profiles?select=id&limit=1", sandbox.discovery["anon_key"]
        missing, wrong = httpx.get(url), httpx.get(url, headers={"apikey": "x"})
        assert missing.json()["message"] == "No API key found in request"
        assert (missing.status_code, wrong.status_code) == (401, 401)
        right = httpx.get(url, headers={"apikey": anon})
        assert right.status_code == 200
        assert right.headers["access-control-allow-origin"] == "*"
        bad = httpx.get(url, headers={"apikey": anon, "authorization": "Bearer a.b.c"})
        assert (bad.status_code, bad.json()["code"]) == (401, "PGRST301")
        assert httpx.options(url).headers["access-control-allow-methods"].startswith("GET")


def test_tokens_are_checked_for_their_end_every_time() -> None:
    keys = Keys(SECRET)
    cache = TokenCache(keys)
    token = keys.access_token("00000000-0000-4000-8000-000000000001", "a@b.test", lifetime_s=1, issuer="t")
    assert cache.verify(token) is cache.verify(token)
    time.sleep(2.1)
    with pytest.raises(TokenError) as caught:
        cache.verify(token)
    assert caught.value.expired
    with pytest.raises(TokenError):
        cache.verify(token[:-2])


def test_the_least_used_token_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "TOKENS_REMEMBERED", 2)
    keys = Keys(SECRET)
    cache = TokenCache(keys)
    person = "00000000-0000-4000-8000-000000000001"
    one, two, three = (
        keys.access_token(person, f"{name}@b.test", lifetime_s=60, issuer="t") for name in ("one", "two", "three")
    )
    first, second = cache.verify(one), cache.verify(two)
    assert cache.verify(one) is first
    third = cache.verify(three)
    assert (cache.verify(one), cache.verify(three)) == (first, third)
    assert cache.verify(one) is first
    assert cache.verify(two) is not second  # verified anew, and equal all the same
    assert cache.verify(two) == second


def test_expired_tokens_are_remembered_while_they_are_taken() -> None:
    keys = Keys(SECRET)
    cache = TokenCache(keys, expired=True)
    token = keys.access_token("00000000-0000-4000-8000-000000000001", "a@b.test", lifetime_s=-60, issuer="t")
    assert cache.verify(token) is cache.verify(token)


def test_background_work_is_waited_for_then_cancelled() -> None:
    done: list[str] = []

    async def work(name: str, seconds: float, fails: bool = False) -> None:
        await asyncio.sleep(seconds)
        done.append(name)
        if fails:
            raise RuntimeError("swallowed")

    async def main() -> None:
        background = Background()
        background.spawn(work("quick", 0.01))
        background.spawn(work("failing", 0.01, fails=True))
        background.spawn(work("slow", 30))
        began = time.monotonic()
        await background.drain(0.2)
        assert time.monotonic() - began < 2
        assert len(background) == 0

    asyncio.run(main())
    assert sorted(done) == ["failing", "quick"]


def test_services_act_as_the_service_role() -> None:
    services = Services(Keys(SECRET), pool=None, auth_pool=None)
    assert services.service.role == "service_role"
