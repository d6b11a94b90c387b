"""Who may steer the proxy, where it may forward to, and that nothing a client can send is our own error."""

from __future__ import annotations

import contextlib
import json
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.client import ClientError, InvalidApiUrl, Toxiproxy
from chaos.proxy.address import Address, AddressError, Upstream
from chaos.proxy.command import main
from chaos.proxy.guard import is_ours
from tests.chaos.process import Running, proxy_process


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with proxy_process("--upstream", "127.0.0.1:9", "--allow-upstream", "Shop.Example") as found:
        yield found


@pytest.fixture(scope="module")
def api(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.api, timeout=20, trust_env=False) as client:
        yield client


# ---- who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "attacker.example"},
        {"host": "attacker.example:8474"},
        {"host": "127.0.0.1.attacker.example"},
        {"host": "192.0.2.1"},
        {"host": "localhost@attacker.example"},
        {"host": ""},
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"user-agent": "Mozilla/5.0"},
    ],
    ids=lambda headers: next(iter(headers.items())),
)
def test_a_call_that_a_web_page_could_have_made_is_refused(api: httpx.Client, headers: dict[str, str]) -> None:
    before = api.get("/proxies").json()
    body = json.dumps({"name": "evil", "upstream": "127.0.0.1:22"})
    got = api.post("/proxies", content=body, headers={"content-type": "text/plain"} | headers)
    assert got.status_code == 403
    assert "access-control-allow-origin" not in got.headers
    assert api.post("/clear", headers=headers).status_code == 403
    assert api.get("/proxies", headers=headers).status_code == 403
    assert api.get("/proxies").json() == before


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:8474"])
def test_loopback_by_any_of_its_names_is_ours(api: httpx.Client, host: str) -> None:
    assert api.get("/proxies", headers={"host": host, "origin": f"http://{host}"}).status_code == 200


def test_two_hosts_or_none_are_refused(running: Running) -> None:
    place = running.api.removeprefix("http://").split(":")
    for fields in (b"", b"host: localhost\r\nhost: localhost\r\n", b"host: localhost\r\nhost: a.example\r\n"):
        with socket.create_connection((place[0], int(place[1])), 5) as connection:
            connection.sendall(b"GET /proxies HTTP/1.1\r\n" + fields + b"\r\n")
            assert connection.recv(100).split(b" ")[1] in (b"403", b"400")


def test_a_server_that_was_opened_to_others_answers_to_addresses_and_bare_names_only() -> None:
    for host, ours in {
        "192.0.2.1:8474": True,
        "[2001:db8::1]": True,
        "toxiproxy:8474": True,
        "a.example": False,
    }.items():
        assert is_ours(host, allow_remote=True) is ours
        assert not is_ours(host, allow_remote=False)


# ---- where to -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "upstream",
    ["169.254.169.254:80", "example.com:443", "https://example.com", "10.0.0.1:1", "[2001:db8::1]:80", "0.0.0.0:1",
     "127.1:80", "localhost.example:80", "[::ffff:10.0.0.1]:80", "https://shop.example@example.com"],
)  # fmt: skip
def test_an_upstream_is_on_loopback_or_listed_by_whoever_started_the_proxy(api: httpx.Client, upstream: str) -> None:
    calls: tuple[tuple[str, str, Any], ...] = (
        ("POST", "/proxies", {"name": "q", "upstream": upstream}),
        ("POST", "/proxies", {"name": "q", "upstream": upstream, "enabled": False}),
        ("POST", "/populate", [{"name": "q", "upstream": upstream}]),
        ("POST", "/populate", [{"name": "target", "upstream": upstream}]),
        ("PATCH", "/proxies/target", {"upstream": upstream}),
    )
    before = api.get("/proxies").json()
    for method, path, body in calls:
        got = api.request(method, path, json=body)
        assert got.status_code == 400, (path, got.text)
        assert "--allow-upstream" in got.json()["error"]
    assert api.get("/proxies").json() == before


@pytest.mark.parametrize(
    "upstream", ["shop.example:443", "https://SHOP.example", "127.0.0.9:1", "[::1]:1", "localhost:1"]
)
def test_listed_hosts_and_loopback_are_taken(api: httpx.Client, upstream: str) -> None:
    assert api.post("/proxies", json={"name": "listed", "upstream": upstream}).status_code == 201
    assert api.delete("/proxies/listed").status_code == 204


def test_the_host_of_the_commands_own_upstream_is_listed() -> None:
    with proxy_process("--upstream", "192.0.2.7:9") as own, httpx.Client(base_url=own.api, trust_env=False) as client:
        assert client.post("/proxies", json={"name": "q", "upstream": "192.0.2.7:10"}).status_code == 201
        assert client.post("/proxies", json={"name": "r", "upstream": "192.0.2.8:9"}).status_code == 400


def test_an_upstream_of_ipv6_is_written_in_brackets_as_toxiproxy_wants_it() -> None:
    assert Address.parse("[::1]:80") == Address("::1", 80)
    for text in ("::1:80", "fe80::1:2", "a:b:80"):
        with pytest.raises(AddressError, match="too many colons"):
            Upstream.parse(text)


# ---- what ---------------------------------------------------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000
PATHS = ("/proxies", "/populate", "/proxies/target", "/proxies/target/toxics", "/proxies/target/toxics/l", "/heartbeat")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        DEEP.encode(),
        b'{"name":"q","upstream":"127.0.0.1:1","attributes":' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'{"type":"latency","attributes":{"latency":' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"name":"\\ud800","holder":"\\ud800","upstream":"127.0.0.1:1","type":"noop","attributes":{"\\ud800":1}}',
        b'{"name":"q","upstream":"\\udfff:1"}',
        b'\xff\xfe{\x00}\x00',
        b'{"name":"\xff"}',
        b'{"type":"latency","attributes":{"latency":' + b"9" * 400 + b"}}",
        b'{"type":"latency","attributes":{"latency":' + b"9" * 5000 + b"}}",
        b'{"type":"bandwidth","attributes":{"rate":9223372036854775808},"toxicity":1e999,"lease_s":NaN}',
        b'{"toxicity":' + b"9" * 400 + b"}",
        b'{"lease_s":' + b"9" * 400 + b"}",
        b'{"toxicity":NaN,"type":"noop"}',
        b'{"name":"q","upstream":"http://[::1"}',
        b'{"name":"q","upstream":"https://a:99999"}',
        b'{"name":"q","listen":"localhost\\u0000:1","upstream":"127.0.0.1:1"}',
        b'{"name":"q","listen":"' + b"a" * 70 + b':0","upstream":"127.0.0.1:1"}',
        b'{"name":"q","listen":"127.0.0.1:1","upstream":"127.0.0.1:1","enabled":1}',
        b'{"name":{"a":[]},"type":[],"stream":5,"attributes":"x","upstream":{}}',
        b'[{"name":"q","upstream":"127.0.0.1:1","listen":"[::1"}]',
        b"[[[]]]",
        b"5",
        b"null",
    ],
    ids=range(23),
)  # fmt: skip
def test_no_body_is_our_own_error(api: httpx.Client, path: str, body: bytes) -> None:
    got = api.post(path, content=body)
    assert 200 <= got.status_code < 500, got.text
    for name in api.get("/proxies").json():
        if name != "target":
            api.delete(f"/proxies/{name}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("name", "type", "stream", "toxicity", "attributes", "lease_s", "holder", "upstream", "listen", "enabled")
BODIES = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(("latency", "noop", "127.0.0.1:1")), max_size=7)


@settings(max_examples=60)
@given(BODIES | JSON, st.sampled_from(PATHS), st.sampled_from(("POST", "PATCH")))
def test_no_json_is_our_own_error(api: httpx.Client, body: Any, path: str, method: str) -> None:
    got = api.request(method, path, content=json.dumps(body))
    assert got.status_code < 500, got.text


@settings(max_examples=60)
@given(st.text(alphabet=string.printable.strip() + "é\u2028", max_size=20), st.sampled_from(("GET", "DELETE", "PATCH")))
def test_no_path_is_our_own_error(running: Running, path: str, method: str) -> None:
    place = running.api.removeprefix("http://").split(":")
    with socket.create_connection((place[0], int(place[1])), 10) as connection:
        request = (
            f"{method} /proxies/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        connection.sendall(request.encode())
        assert connection.recv(100).split(b" ")[1][:1] in (b"2", b"4")


@pytest.mark.parametrize("since", ["9" * 18, "9" * 19, "9" * 5000, "-1", "٣", "1.5", "%00"])
def test_no_place_in_the_journal_is_our_own_error(api: httpx.Client, since: str) -> None:
    assert api.get(f"/journal?since={since}").status_code in (200, 400)


@pytest.mark.parametrize("path", ["/proxies", "/heartbeat"])
def test_a_body_without_end_is_refused_before_it_fills_the_memory(api: httpx.Client, path: str) -> None:
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        for _ in range(200):
            pulled += 1
            yield bytes(1 << 20)

    with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # hung up on while sending
        assert api.post(path, content=endless()).status_code == 413
    assert pulled < 100


@pytest.mark.parametrize("name", ["a/b", "/", "..", ".", "a\nb", "a\x00", "x" * 300, "\u2028"])
def test_a_name_that_no_path_can_address_is_refused(api: httpx.Client, name: str) -> None:
    for path, body in (
        ("/proxies", {"name": name, "upstream": "127.0.0.1:1"}),
        ("/populate", [{"name": name, "upstream": "127.0.0.1:1"}]),
        ("/proxies/target/toxics", {"name": name, "type": "noop"}),
    ):
        got = api.post(path, json=body)
        assert (got.status_code, "could not be addressed" in got.json()["error"]) == (400, True)


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=12))
def test_a_name_that_is_taken_can_be_addressed(running: Running, name: str) -> None:
    with Toxiproxy(running.api) as server:
        try:
            server.create(name, "127.0.0.1:1")
        except (ClientError, UnicodeEncodeError):
            return
        server.add_toxic(name, "noop", name=name)
        server.remove_toxic(name, name)
        assert server.proxy(name).name == name
        server.delete(name)


# ---- command lines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--lease", "nan"], "longer than 0 seconds"),
        (["--lease", "inf"], "longer than 0 seconds"),
        (["--lease", "-1"], "longer than 0 seconds"),
        (["--lease", "1e9"], "longer than 0 seconds"),
        (["--upstream", "http://[::1"], "upstream http://[::1"),
        (["--upstream", "::1:80"], "too many colons"),
        (["--upstream", "a:1", "--name", "a/b"], "could not be addressed"),
    ],
)
def test_options_that_cannot_be_exit_with_2_and_a_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--api", "127.0.0.1:0", *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("url", ["http://[::1", "http://a:99999", "ftp://a", "http://", "http://a:x", "http://\x7f"])
def test_a_bad_url_of_the_api_is_said_as_such(url: str) -> None:
    with pytest.raises(InvalidApiUrl, match="not the URL"):
        Toxiproxy(url)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clear", "--api", "http://[::1"], 2),
        (["clear", "--api", "localhost:99999"], 2),
        (["proxy", "--api", "127.0.0.1:0", "--upstream", "http://[::1"], 2),
        (["proxy", "--api", "127.0.0.1:0", "--lease", "nan"], 2),
    ],
)
def test_harness_chaos_exits_with_2(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "chaos", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


@pytest.mark.parametrize("said", [b"<html>", b"[]", b'{"ended":{}}', b"5", b"[" * 50_000])
def test_another_server_at_the_apis_address_is_told_apart(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said)

        threading.Thread(target=answer, daemon=True).start()
        with (
            Toxiproxy(f"http://127.0.0.1:{server.getsockname()[1]}") as client,
            pytest.raises(ClientError, match="no chaos proxy"),
        ):
            client.clear()


# ---- leases of proxies --------------------------------------------------------------------------------------------


def test_a_proxy_whose_maker_is_gone_is_removed_and_one_that_is_kept_alive_is_not(running: Running) -> None:
    with Toxiproxy(running.api, holder="alive") as alive, Toxiproxy(running.api, holder="gone") as gone:
        last = max((entry.id for entry in alive.journal()), default=0)
        kept = alive.create("kept", "127.0.0.1:1", lease_s=1.5)
        gone.create("left", "127.0.0.1:1", lease_s=1.5)
        gone.add_toxic("left", "noop", name="n")
        began = time.monotonic()
        while "left" in alive.proxies():
            assert time.monotonic() - began < 10
            assert alive.heartbeat() == 1
            time.sleep(0.1)
        assert time.monotonic() - began > 1
        assert alive.proxy("kept").listen == kept.listen
        told = [(entry.event, entry.why, entry.proxy) for entry in alive.journal(last)]
        assert told[-2:] == [("ended", "lease", "left"), ("removed", "lease", "left")]
        alive.delete("kept")
        assert alive.heartbeat() == 0
