"""Whatever a peer sends, a parser comes to an end, and the proxy goes on answering."""

from __future__ import annotations

import base64
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.fault import draw
from chaos.frames import FrameSplitter
from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner
from chaos.http_fault import person
from tests.chaos.process import proxy_process
from tests.chaos.rig import on_loop, proxied
from tests.chaos.web import Shop

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def at_most(cpu_s: float) -> Iterator[None]:
    """Ends what takes longer; in seconds of this process's own work, however busy the machine is."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not at its end after {cpu_s} s")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def passed(scanner: MessageScanner) -> tuple[bytes, int]:
    """What comes out, with what was given up at its end, and how many messages ended."""
    out, ends = b"", 0
    try:
        while (part := scanner.pull()) is not None:
            if isinstance(part, MessageMark):
                ends += 1
            else:
                assert part
                out += part.raw if isinstance(part, MessageHead) else part
    except MalformedHttp:
        out += scanner.rest()
    return out, ends


@pytest.mark.parametrize(
    "size", [b"-6", b"+6", b"0x6", b"1_0", b" 6", b"\t6", b"", b"6 6", b"\xd9\xa6", b"-0", b"8" + b"0" * 15, b"0" * 17]
)
@pytest.mark.parametrize("reply", [True, False])
def test_the_size_of_a_chunk_is_hexadecimal_digits_and_bounded(size: bytes, reply: bool) -> None:
    raw = (CHUNKED if reply else b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n") + size + b"\r\nabcdef\r\n"
    scanner = MessageScanner(reply=reply)
    scanner.push(raw)
    with at_most(5):
        assert isinstance(scanner.pull(), MessageHead)
        with pytest.raises(MalformedHttp, match="size of a chunk"):
            list(iter(scanner.pull, None))


@pytest.mark.parametrize("size", [b"6", b"06", b"6;a=b", b"6 ;a=b", b"00000000000000A", b"a"])
def test_the_sizes_that_the_standard_allows_are_taken(size: bytes) -> None:
    length = int(size.split(b";")[0], 16)
    scanner = MessageScanner(reply=True)
    raw = CHUNKED + size + b"\r\n" + b"x" * length + b"\r\n0\r\n\r\n"
    scanner.push(raw)
    assert passed(scanner) == (raw, 1)


HTTP_LIKE = st.lists(
    st.one_of(
        st.sampled_from(
            (
                CHUNKED, b"GET / HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
                b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 100 Go\r\n\r\n",
                b"\r\n", b"\r", b"\n", b"0\r\n", b"0\r\n\r\n", b"-6\r\n", b"3\r\nabc\r\n", b"ffffffffffffffff\r\n",
                b"content-length: -1\r\n", b"content-length: 99999999999999999999\r\n\r\n", b"1", b";", b"a: b\r\n",
            )
        ),
        st.binary(max_size=20),
    ),
    max_size=12,
)  # fmt: skip


@given(HTTP_LIKE, st.booleans(), st.booleans())
def test_any_bytes_come_out_of_a_scanner_as_they_went_in(pieces: list[bytes], reply: bool, whole: bool) -> None:
    scanner, out = MessageScanner(reply=reply), b""
    with at_most(10):
        for piece in [b"".join(pieces)] if whole else pieces:
            scanner.push(piece)
            out += passed(scanner)[0]
    assert out + scanner.rest() == b"".join(pieces)


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_any_bytes_come_out_of_a_frame_splitter(pieces: list[bytes], acting: list[bool]) -> None:
    splitter, out = FrameSplitter(), b""
    with at_most(10):
        for piece, splits in zip(pieces, acting, strict=False):
            out += b"".join(splitter.split(piece)) if splits else splitter.track(piece)
    assert out + splitter.held == b"".join(pieces)


def test_many_messages_in_one_piece_take_time_in_proportion() -> None:
    request = b"GET / HTTP/1.1\r\n\r\n"
    number = (4 << 20) // len(request)
    scanner = MessageScanner(reply=False)
    scanner.push(request * number)
    ends = 0
    with at_most(20):
        while (part := scanner.pull()) is not None:
            ends += part is MessageMark.END
    assert ends == number


def test_many_requests_at_once_are_all_answered_by_a_fault() -> None:
    """None inside the other: 5000 of them are no deeper than one."""

    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            await rig.toxic("http_status", status=503, body="no", path="/x")
            reader, writer = await rig.connect()
            writer.write(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n" * 5000 + b"GET /last HTTP/1.1\r\nhost: a\r\n\r\n")
            writer.write_eof()
            got = await reader.read(-1)
            assert got.count(b"HTTP/1.1 503") == 5000
            assert got.endswith(b"GET /last 0")
            assert shop.asked == ["GET /last"]

    on_loop(main(), 60)


def test_a_chunk_of_a_negative_size_leaves_the_proxy_alive_and_passes_as_it_came() -> None:
    said = CHUNKED + b"-6\r\nabcdef\r\n0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        with proxy_process("--upstream", f"127.0.0.1:{server.getsockname()[1]}") as running:
            try:
                toxics = f"{running.api}/proxies/target/toxics"
                httpx.post(toxics, json={"type": "http_delay", "lease_s": 30}, trust_env=False).raise_for_status()
                host, listen = running.proxies["target"].split(":")
                with socket.create_connection((host, int(listen)), 5) as client:
                    client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                    client.settimeout(10)
                    got = b""
                    with contextlib.suppress(TimeoutError):
                        while data := client.recv(4096):
                            got += data
                assert httpx.get(f"{running.api}/proxies", timeout=10, trust_env=False).status_code == 200
                assert got == said
            except BaseException:
                running.process.kill()  # a frozen one hears no other signal
                raise


@pytest.mark.parametrize(
    "claims",
    [b"[" * 40_000, b'{"sub":"\\ud800"}', b'{"sub":5}', b"\xff"],
    ids=["deep", "surrogate", "number", "no text"],
)
def test_whatever_a_token_claims_there_is_a_key_that_can_be_drawn_for(claims: bytes) -> None:
    token = f"a.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c"
    assert 0 <= draw(1, "x", person({"authorization": f"Bearer {token}"}), 0) < 1
