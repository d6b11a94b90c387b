"""What browsers ask before requests: against the recordings of the real client, and against the standard."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.app_client import PRODUCTION_ORIGIN, checked_origin
from harness.core.cors import (
    DEFAULT_AGE_S,
    LONGEST_AGE_S,
    LONGEST_URL,
    MOST_ENTRIES,
    OWN_HEADERS,
    PURGED_AT_ONCE,
    Ask,
    Grant,
    PreflightCache,
    Refusal,
    age_of,
    ask_of,
    grant_of,
    reads,
)

TRACES = Path(__file__).parents[1] / "data" / "traces"
ORIGIN = "http://localhost:5173"
SERVER = "http://127.0.0.1:54321"
KEYS = b"apikey: k\r\nauthorization: Bearer t\r\n"


def requests() -> list[dict[str, Any]]:
    """Every recorded request, with the number of its flow."""
    found, flow = [], 0
    for name in ("real-client.jsonl", "real-client-more.jsonl"):
        for line in (TRACES / name).read_text().splitlines():
            entry = json.loads(line)
            flow += entry["event"] == "flow"
            if entry["event"] == "request":
                found.append(entry | {"flow": flow})
    return found


REQUESTS = requests()


def lines(headers: dict[str, str]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())


def recorded_ask(entry: dict[str, Any]) -> Ask:
    headers = entry["headers"]
    names = headers["access-control-request-headers"].encode().split(b",")
    return Ask(headers["access-control-request-method"], tuple(names))


def own_ask(entry: dict[str, Any]) -> Ask:
    ask = ask_of(entry["method"], KEYS + lines(entry["headers"]))
    assert ask is not None
    return ask


# ---- against the recordings -------------------------------------------------------------------------------------


def test_what_is_asked_for_is_what_the_real_client_asked_for() -> None:
    """Every question in the recordings is followed by a request that asks for just that; but for the reads of a page
    that was left meanwhile, and for the one call that is refused as shipped."""
    asked = Counter[tuple[str, Ask]]()
    checked = 0
    for entry in REQUESTS:
        if entry["method"] == "OPTIONS":
            asked[entry["url"], recorded_ask(entry)] += 1
        else:
            key = (entry["url"], own_ask(entry))
            checked += key in asked
            asked[key] -= key in asked and asked[key] > 0
    assert checked > 180
    never_sent = {url for (url, _), left in asked.items() if left}
    assert {url for url in never_sent if url.startswith("/functions/")} == {"/functions/v1/experiment-assign"}
    assert len(never_sent) <= 4


def real_length(url: str) -> int:
    """With ids of the usual length instead of the stand-ins."""
    return len(SERVER) + len(url) + (36 - len("id-0001")) * url.count("id-0")


def test_when_is_asked_is_when_the_real_client_asked() -> None:
    """The cache, fed with what was answered, says before each request of a flow whether a question comes before it."""
    right = wrong = 0
    for _, flow in groupby(REQUESTS, key=lambda entry: entry["flow"]):
        cache, known, pending = PreflightCache(SERVER), set[str](), Counter[str]()
        for entry in flow:
            url, at = entry["url"], entry["t"]
            padded = url + "x" * (real_length(url) - len(SERVER) - len(url))
            if entry["method"] == "OPTIONS":
                ask = recorded_ask(entry)
                if url in known and not pending[url]:
                    wrong += cache.allows(padded, ask, at)
                    right += not cache.allows(padded, ask, at)
                pending[url] += 1
            elif pending[url]:
                pending[url] -= 1
                known.add(url)
                headers = {b"access-control-allow-origin": b"*", b"access-control-allow-headers": b"*"}
                if not url.startswith("/functions/"):
                    headers[b"access-control-max-age"] = b"86400"
                grant = grant_of(200, headers, ORIGIN)
                assert isinstance(grant, Grant)
                cache.learn(padded, grant, at)
            elif url in known:
                right += cache.allows(padded, own_ask(entry), at)
                wrong += not cache.allows(padded, own_ask(entry), at)
    assert wrong == 0
    assert right > 40


def test_a_list_of_forty_ids_in_the_url_is_asked_for_each_time() -> None:
    """The recording shows it twice in one session, minutes apart, with two hours to go."""
    long = {entry["url"] for entry in REQUESTS if real_length(entry["url"]) >= LONGEST_URL}
    of_them = Counter(entry["method"] for entry in REQUESTS if entry["url"] in long)
    assert long
    assert of_them["OPTIONS"] == of_them["GET"]


# ---- what needs no question -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", b""),
        ("HEAD", b"accept: */*\r\n"),
        ("POST", b"content-type: text/plain;charset=UTF-8\r\n"),
        ("POST", b"content-type: multipart/form-data; boundary=----x\r\n"),
        ("POST", b"Content-Type: application/x-www-form-urlencoded\r\naccept-language: de-CH, de;q=0.9\r\n"),
        ("GET", b"range: bytes=0-\r\n"),
        ("GET", b"range: bytes=5-10\r\nuser-agent: x\r\norigin: y\r\nsec-fetch-mode: cors\r\nproxy-x: 1\r\n"),
        ("GET", b"accept: " + b"a" * 128 + b"\r\n"),
    ],
)
def test_what_a_form_could_send(method: str, headers: bytes) -> None:
    assert ask_of(method, headers) is None


@pytest.mark.parametrize(
    ("method", "headers", "names"),
    [
        ("PATCH", b"", ()),
        ("DELETE", b"accept: */*\r\n", ()),
        ("GET", b"apikey: k\r\n", (b"apikey",)),
        ("GET", b"X-B: 1\r\nx-a: 2\r\n", (b"x-a", b"x-b")),
        ("POST", b"content-type: application/json\r\n", (b"content-type",)),
        ("POST", b'content-type: text/plain; x="y"\r\n', (b"content-type",)),
        ("GET", b"accept: " + b"a" * 129 + b"\r\n", (b"accept",)),
        ("GET", b"accept: text/html; a=(b)\r\n", (b"accept",)),
        ("GET", b"accept-language: en_US\r\n", (b"accept-language",)),
        ("GET", b"range: bytes=-5\r\n", (b"range",)),
        ("GET", b"range: bytes=5-4\r\n", (b"range",)),
        ("GET", b"range: lines=0-\r\n", (b"range",)),
        ("GET", b"range: bytes=0-1, 3-4\r\n", (b"range",)),
    ],
)
def test_what_a_form_could_not_send(method: str, headers: bytes, names: tuple[bytes, ...]) -> None:
    assert ask_of(method, headers) == Ask(method, names)


def test_too_many_simple_values_together_are_asked_for() -> None:
    one = b"accept: " + b"a" * 128 + b"\r\n"
    assert ask_of("GET", one * 8) is None
    assert ask_of("GET", one * 8 + b"accept-language: de\r\n") == Ask("GET", (b"accept", b"accept-language"))


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(str.encode)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.encode)
PAIRS = st.lists(st.tuples(TOKEN, VALUE), max_size=8)


@given(PAIRS, st.randoms())
def test_an_ask_does_not_depend_on_order_or_case(pairs: list[tuple[bytes, bytes]], random: Random) -> None:
    block = b"".join(name + b": " + value + b"\r\n" for name, value in pairs)
    mixed = [(name.upper(), value) for name, value in pairs]
    random.shuffle(mixed)
    ask = ask_of("GET", block)
    assert ask == ask_of("GET", b"".join(name + b":" + value + b"\r\n" for name, value in mixed))
    if ask is not None:
        assert list(ask.names) == sorted(set(ask.names))
        assert not OWN_HEADERS.intersection(ask.names)


# ---- what a reply allows ----------------------------------------------------------------------------------------

GOOD = {b"access-control-allow-origin": b"*", b"access-control-allow-headers": b"apikey, X-Request-Id"}


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_good_status_will_do(status: int) -> None:
    grant = grant_of(status, GOOD, ORIGIN)
    assert isinstance(grant, Grant)
    assert grant.refuses(Ask("POST", (b"apikey", b"x-request-id"))) == ""


@pytest.mark.parametrize(
    ("status", "headers", "refusal"),
    [
        (302, GOOD, Refusal.REDIRECT),
        (403, GOOD, Refusal.STATUS),
        (500, GOOD, Refusal.STATUS),
        (200, {}, Refusal.ORIGIN),
        (200, GOOD | {b"access-control-allow-origin": b"http://localhost:3000"}, Refusal.ORIGIN),
        (200, GOOD | {b"access-control-allow-origin": b"http://localhost:5173, *"}, Refusal.ORIGIN),
    ],
)
def test_what_is_no_grant(status: int, headers: dict[bytes, bytes], refusal: Refusal) -> None:
    assert grant_of(status, headers, ORIGIN) is refusal


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (Ask("GET", ()), ""),
        (Ask("POST", (b"apikey",)), ""),  # simple methods need no mention
        (Ask("PATCH", ()), "method not allowed"),
        (Ask("patch", ()), "method not allowed"),
        (Ask("POST", (b"apikey", b"authorization")), "header not allowed: authorization"),
    ],
)
def test_what_a_grant_leaves_out_is_refused(ask: Ask, refusal: str) -> None:
    grant = grant_of(200, GOOD, ORIGIN)
    assert isinstance(grant, Grant)
    assert grant.refuses(ask) == refusal


def test_a_star_stands_for_everything() -> None:
    star = {f"access-control-allow-{what}".encode(): b"*" for what in ("origin", "methods", "headers")}
    grant = grant_of(200, star, ORIGIN)
    assert isinstance(grant, Grant)
    assert grant.refuses(Ask("DELETE", (b"apikey", b"authorization", b"x-y"))) == ""


@pytest.mark.parametrize(
    ("said", "age_s"),
    [
        (None, DEFAULT_AGE_S),
        (b"", DEFAULT_AGE_S),
        (b"soon", DEFAULT_AGE_S),
        (b"1.5", DEFAULT_AGE_S),
        (b"0", 0.0),
        (b"-1", 0.0),
        (b"600", 600.0),
        (b"86400", LONGEST_AGE_S),
        (b"9" * 400, LONGEST_AGE_S),
        (b"-" + b"9" * 400, 0.0),
    ],
)
def test_how_long_a_grant_lasts(said: bytes | None, age_s: float) -> None:
    assert age_of(said) == age_s


def test_who_may_read_a_reply() -> None:
    assert reads({b"access-control-allow-origin": b"*"}, ORIGIN)
    assert reads({b"access-control-allow-origin": ORIGIN.encode()}, ORIGIN)
    assert not reads({}, ORIGIN)
    assert not reads({b"access-control-allow-origin": b"null"}, ORIGIN)


# ---- the cache --------------------------------------------------------------------------------------------------

PATHS = st.sampled_from(["/a", "/a?b=1", "/a?b=2", "/" + "c" * LONGEST_URL])
ASKS = st.sampled_from([Ask("GET", (b"apikey",)), Ask("POST", (b"apikey",)), Ask("PATCH", (b"apikey", b"prefer"))])
GRANTS = st.builds(
    Grant,
    st.sampled_from([frozenset(("GET",)), frozenset(("PATCH",)), frozenset("*")]),
    st.sampled_from([frozenset((b"apikey",)), frozenset((b"apikey", b"prefer")), frozenset[bytes]()]),
    st.sampled_from([0.0, 5.0, 7200.0]),
)
STEPS = st.lists(st.tuples(st.floats(0, 4000), PATHS, ASKS, GRANTS), max_size=40)


@given(STEPS)
def test_the_cache_is_a_table_of_urls_with_ends(steps: list[tuple[float, str, Ask, Grant]]) -> None:
    cache, table, now = PreflightCache(SERVER), dict[str, tuple[float, Grant]](), 0.0
    for passed, path, ask, grant in steps:
        now += passed
        until, known = table.get(path, (0.0, None))
        expected = known is not None and now < until and not known.refuses(ask)
        assert cache.allows(path, ask, now) is expected
        if not expected:
            table.pop(path, None)
            cache.learn(path, grant, now)
            if len(SERVER) + len(path) < LONGEST_URL:
                table[path] = (now + grant.age_s, grant)
        assert len(cache) == len(table)
    cache.clear()
    assert len(cache) == 0


@given(st.integers(0, 3 * MOST_ENTRIES))
def test_the_cache_has_an_end(count: int) -> None:
    cache, grant = PreflightCache(), Grant(frozenset("*"), frozenset((b"*",)), 7200.0)
    for number in range(count):
        cache.learn(f"/{number}", grant, 0.0)
    assert min(count, MOST_ENTRIES - PURGED_AT_ONCE) <= len(cache) < MOST_ENTRIES
    if count:
        assert cache.allows(f"/{count - 1}", Ask("GET", ()), 1.0)


# ---- origins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (PRODUCTION_ORIGIN, PRODUCTION_ORIGIN),
        ("HTTPS://MoviNesta.app:443/", PRODUCTION_ORIGIN),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://a.example:80", "http://a.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_as_browsers_write_them(text: str, origin: str) -> None:
    assert checked_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["", "movinesta.app", "https://", "https://a/b", "ftp://a", "https://u@a", "https://a\r\nx: y"]
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="is not the origin of an app"):
        checked_origin(text)
