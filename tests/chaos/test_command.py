"""The proxy's process and commands as a person meets them."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from chaos.client import Toxiproxy
from chaos.proxy.address import Upstream
from chaos.proxy.command import main
from chaos.proxy.log import tell
from tests.chaos.process import clean_after, proxy_process


def test_harness_chaos_proxy_serves_until_ctrl_c_and_clear_ends_its_faults() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "chaos", "proxy", "--api", "127.0.0.1:0", "--upstream", "127.0.0.1:9"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        api = process.stdout.readline().split()[1]
        assert process.stdout.readline().startswith("proxy target: 127.0.0.1:")
        httpx.post(f"{api}/proxies/target/toxics", json={"type": "noop"}, trust_env=False).raise_for_status()
        cleared = subprocess.run(
            [sys.executable, "-m", "harness", "chaos", "clear", "--api", api], capture_output=True, text=True
        )
        assert (cleared.returncode, cleared.stdout) == (0, "1 fault ended\n")
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.wait(10)


def test_connections_end_with_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with proxy_process("--upstream", f"127.0.0.1:{port}") as running:
            host, listen = running.proxies["target"].split(":")
            connection = socket.create_connection((host, int(listen)), 5)
            server.accept()[0].close()
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(10) == 0
            connection.settimeout(5)
            assert connection.recv(1) == b""
            connection.close()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--api", "0.0.0.0:0"], 2, "--allow-remote"),
        (["--api", "nonsense"], 2, "write host:port"),
        (["--api", "127.0.0.1:0", "--lease", "0"], 2, "longer than 0 seconds"),
        (["--api", "127.0.0.1:0", "--upstream", "ftp://x"], 2, "https://host"),
        (["--api", "127.0.0.1:0", "--upstream", "a:1", "--listen", "0.0.0.0:0"], 2, "--allow-remote"),
        (["--api", "127.0.0.1:{used}"], 40, "choose another with --api"),
        (["--api", "127.0.0.1:0", "--upstream", "a:1", "--listen", "127.0.0.1:{used}"], 40, "address already in use"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        assert main([part.format(used=used.getsockname()[1]) for part in arguments]) == code
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def told_by(*arguments: str) -> list[str]:
    """What a proxy says on standard error while a client comes, a fault begins and its lease runs out."""
    with proxy_process("--upstream", "127.0.0.1:1", "--name", "the shop", *arguments) as running:
        with Toxiproxy(running.api) as server:
            server.add_toxic("the shop", "latency", {"latency": 1}, name="slow", lease_s=0.2)
            host, listen = running.proxies["the shop"].split(":")
            with socket.create_connection((host, int(listen)), 5) as connection:
                assert connection.recv(1) == b""  # nobody listens behind the proxy
            clean_after(running.api, 10)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
        assert running.process.stderr is not None
        return running.process.stderr.read().splitlines()


def test_the_log_tells_of_connections_faults_and_leases() -> None:
    lines = told_by("--log-level", "debug")
    expected = (
        r"INFO proxy started proxy=\"the shop\" listen=127\.0\.0\.1:\d+ upstream=127\.0\.0\.1:1",
        r"INFO ready api=http://127\.0\.0\.1:\d+ seed=0",
        r"INFO fault started proxy=\"the shop\" fault=slow type=latency stream=downstream share=1.0 why=api hits=0",
        r"INFO client accepted proxy=\"the shop\" session=\"connection 0\" client=127\.0\.0\.1:\d+",
        r"WARNING no connection to upstream proxy=\"the shop\" upstream=127\.0\.0\.1:1 error=.*refused",
        r"DEBUG connection ended proxy=\"the shop\" session=\"connection 0\" bytes_up=0 bytes_down=0",
        r"INFO fault ended proxy=\"the shop\" fault=slow .* why=\"lease expired\"",
        r"DEBUG API call method=POST path=\"/proxies/the shop/toxics\" status=200",
        r"INFO stopping signal=SIGTERM",
    )
    for pattern in expected:
        assert sum(bool(re.search(pattern, line)) for line in lines) == 1, (pattern, lines)


def test_by_default_the_log_has_warnings_only() -> None:
    lines = told_by()
    assert len(lines) == 1
    assert "WARNING no connection to upstream" in lines[0]


def test_the_log_neither_takes_new_lines_nor_tells_credentials(caplog: pytest.LogCaptureFixture) -> None:
    upstream = Upstream.parse("https://me:secret@shop.example")
    with caplog.at_level(logging.INFO, "chaos.proxy"):
        tell(logging.INFO, "proxy started", proxy="a\nb", upstream=upstream.place)
    assert caplog.messages == ['proxy started proxy="a\\nb" upstream=shop.example:443']


def test_clear_without_a_proxy_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "chaos", "clear", "--api", f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 40
    assert "harness chaos proxy" in done.stderr
    assert "Traceback" not in done.stderr
