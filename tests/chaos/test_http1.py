"""The message scanner, for any messages cut anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner, parse_head
from chaos.http_fault import person

BODY = st.binary(max_size=300)


def sized(body: bytes) -> bytes:
    return b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(parts: Sequence[bytes]) -> bytes:
    chunks = b"".join(b"%x;e=1\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: y\r\n\r\n"


MESSAGES = st.lists(
    st.one_of(BODY.map(sized), st.lists(BODY, max_size=4).map(chunked), st.just(b"GET / HTTP/1.1\r\nA: b\r\n\r\n")),
    max_size=5,
)


def parts_of(scanner: MessageScanner) -> list[MessageHead | bytes | MessageMark]:
    return list(iter(scanner.pull, None))


@given(MESSAGES, st.lists(st.integers(0, 10**5), max_size=10))
def test_messages_end_where_they_end_wherever_they_were_cut(messages: list[bytes], at: list[int]) -> None:
    whole = b"".join(messages)
    marks = sorted({0, len(whole), *(mark % (len(whole) + 1) for mark in at)})
    scanner, found, current = MessageScanner(reply=False), list[bytes](), b""
    for a, b in itertools.pairwise(marks):
        scanner.push(whole[a:b])
        for part in parts_of(scanner):
            if part is MessageMark.END:
                found.append(current)
                current = b""
            else:
                current += part.raw if isinstance(part, MessageHead) else bytes(part)
    assert found == messages
    assert scanner.between
    assert scanner.buffered == 0


@pytest.mark.parametrize(
    ("raw", "no_body", "ends", "rest"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP", False, True, b"HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nHTTP", True, True, b"HTTP"),
        (b"HTTP/1.1 204 No\r\n\r\nHTTP", False, True, b"HTTP"),
        (b"HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\nHTTP", False, True, b"HTTP"),
        (b"HTTP/1.1 101 Up\r\nupgrade: websocket\r\n\r\n\x81\x00", False, True, b"\x81\x00"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", False, False, b""),
    ],
)
def test_the_body_of_a_reply_depends_on_status_and_method(raw: bytes, no_body: bool, ends: bool, rest: bytes) -> None:
    scanner = MessageScanner(reply=True)
    scanner.no_body = no_body
    scanner.push(raw)
    seen = []
    while (part := scanner.pull()) is not None:
        seen.append(part)
        if part is MessageMark.END:
            break
    assert (seen[-1] is MessageMark.END) is ends
    assert scanner.rest() == rest
    if not ends:
        assert scanner.pull_end() is MessageMark.END


@pytest.mark.parametrize(
    "raw", [b"\x16\x03\x01\r\n\r\n", b"GET / FTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]
)
def test_what_is_not_http_is_malformed_and_kept(raw: bytes) -> None:
    scanner = MessageScanner(reply=False)
    scanner.push(raw)
    with pytest.raises(MalformedHttp):
        scanner.pull()
    assert scanner.rest() == raw


def test_a_head_without_end_and_a_wrong_chunk_are_malformed() -> None:
    scanner = MessageScanner(reply=False)
    scanner.push(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)
    with pytest.raises(MalformedHttp, match="64 KiB"):
        scanner.pull()
    scanner = MessageScanner(reply=False)
    scanner.push(b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
    scanner.pull()
    with pytest.raises(MalformedHttp, match="size of a chunk"):
        scanner.pull()


def test_a_head_says_method_target_and_headers() -> None:
    head = parse_head(b"GET /a?b HTTP/1.1\r\nX-One: 1\r\nx-one: 2\r\n\r\n", reply=False)
    assert (head.method, head.target, dict(head.headers)) == ("GET", "/a?b", {"x-one": "1, 2"})


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_authorization_is_survived(text: str) -> None:
    assert person({"authorization": f"Bearer {text}"}) == "" or text.count(".") == 2
