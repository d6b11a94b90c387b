"""Where a connection string leads, whether it may, and that the password does not travel in clear."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ExitCode, TargetError, UsageError
from harness.core.target_guard import Reach
from harness.egress import database
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.names import Names
from tests.certificate import Certificate, self_signed, server_side
from tests.egress.resolver import Resolver, installed

NAME = "db.test"
NO_DATABASE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
SECRET = "s3cr3t-w0rd"
LISTED = Gate(Reach(frozenset({NAME}), frozenset({NAME})), Names(Resolver({NAME: ["127.0.0.1"]})))


@pytest.mark.parametrize(
    ("dsn", "hosts", "sockets"),
    [
        ("postgresql://u:p@h/db", (("h", 5432),), ()),
        ("postgres://u:p@h:6543/db?sslmode=require", (("h", 6543),), ()),
        ("postgresql://u:p@[::1]:7/db", (("::1", 7),), ()),
        ("postgresql://u:p@a:1,b:2/db", (("a", 1), ("b", 2)), ()),
        ("postgresql:///db?host=h&port=9", (("h", 9),), ()),
        ("postgresql://u:p@h/db?host=elsewhere", (("h", 5432),), ()),
        ("postgresql://u@/db?host=/run/pg&port=5433", (), (("/run/pg", 5433),)),
        ("postgresql://u@%2Frun%2Fpg/db", (), (("/run/pg", 5432),)),
        ("postgresql://u:p%40x@h/db", (("h", 5432),), ()),
        ("postgresql:///db", (), ()),
    ],
)
def test_where_a_string_leads(
    dsn: str, hosts: tuple[tuple[str, int], ...], sockets: tuple[tuple[str, int], ...]
) -> None:
    found = database.places(dsn, {})
    assert (found.hosts, found.sockets) == (hosts, sockets)


def test_where_it_says_nothing_libpqs_variables_do() -> None:
    assert database.places("postgresql:///db", {"PGHOST": "h", "PGPORT": "7"}).hosts == (("h", 7),)
    assert database.places("postgresql://a/db", {"PGHOST": "h"}).hosts == (("a", 5432),)
    assert database.places("postgresql://a/db", {"PGSSLMODE": "disable"}).sslmode == "disable"


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://u:{SECRET}@h/db",
        f"h {SECRET}",
        f"postgresql://u:{SECRET}@127.0.0.1@10.1.2.3/db",
        f"postgresql://u:{SECRET}@h:99999/db",
        f"postgresql://u:{SECRET}@h:x/db",
        f"postgresql://u:{SECRET}@:5432/db?host=10.1.2.3",
        f"postgresql://u:{SECRET}@h,/db",
        f"postgresql://u:{SECRET}@[::1/db",
        f"postgresql://u:{SECRET}@/db?service=somewhere",
        f"postgresql://u:{SECRET}@h/db?sslmode=perhaps",
        f"postgresql://u:{SECRET}@h/db?{SECRET}",
    ],
)
def test_what_cannot_be_read_is_exit_2_and_repeats_no_password(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        database.check(LISTED, dsn)
    assert caught.value.exit_code is ExitCode.USAGE
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_an_answer_or_exit_2(text: str, rest: bool) -> None:
    with contextlib.suppress(UsageError):
        database.places(f"postgresql://{text}" if rest else text, {})


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p@10.1.2.3/db",
        "postgresql://u:p@127.0.0.1,10.1.2.3/db",
        "postgresql://u:p@db.elsewhere.test/db",
        "postgresql:///db?host=10.1.2.3",
        "postgresql://u:p@localhost./db",
        "postgresql://u:p@%31%30.1.2.3/db",
    ],
)
def test_hosts_that_nobody_listed_are_refused_without_a_lookup(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = installed(monkeypatch, Resolver({}))
    for way in (lambda: database.check(LISTED, dsn), lambda: asyncio.run(database.connect(LOOPBACK, dsn))):
        with pytest.raises(TargetError, match="neither loopback nor listed"):
            way()
    assert resolver.asked == []


@pytest.mark.parametrize("mode", database.IN_CLEAR)
def test_a_password_in_clear_is_refused_unless_it_stays_here(mode: str) -> None:
    with pytest.raises(TargetError, match="in clear"):
        database.check(LISTED, f"postgresql://u:p@{NAME}/db?sslmode={mode}")
    database.check(LISTED, f"postgresql://u:p@127.0.0.1/db?sslmode={mode}")


@contextlib.contextmanager
def listening(answer: bytes, certificate: Certificate | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A database that answers the request for TLS, and then notes what it is told. The first bytes of each kind."""
    heard: list[bytes] = []

    def serve(server: socket.socket) -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(20.0)
                try:
                    heard.append(peer.recv(8))
                    peer.sendall(answer)
                    if certificate is not None:
                        with server_side(certificate).wrap_socket(peer, server_side=True) as secure:
                            heard.append(b"TLS:" + secure.recv(1000))
                    else:
                        heard.append(peer.recv(1000))
                except (OSError, ssl.SSLError):
                    continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(20.0)


SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16/"


@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-full"])
def test_where_a_database_does_not_speak_tls_it_hears_no_password(mode: str) -> None:
    with listening(b"N") as (port, heard):
        with pytest.raises(NO_DATABASE) as caught:
            asyncio.run(database.connect(LISTED, f"postgresql://u:{SECRET}@{NAME}:{port}/db{mode}", timeout=20.0))
        assert SECRET not in str(caught.value)
    assert [one for one in heard if one] == [SSL_REQUEST]


@pytest.mark.parametrize(
    ("names", "mode", "welcome"),
    [
        ((NAME,), "verify-full", True),
        (("other.test",), "verify-full", False),
        (("other.test",), "verify-ca", True),
        (("other.test",), "require", True),
    ],
)
def test_a_certificate_is_held_to_the_name_though_the_connection_goes_to_an_address(
    names: tuple[str, ...], mode: str, welcome: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where libpq's own root.crt would be
    certificate = self_signed(tmp_path, *names)
    root = f"&sslrootcert={certificate[0]}" if mode != "require" else ""
    with listening(b"S", certificate) as (port, heard):
        dsn = f"postgresql://u:{SECRET}@{NAME}:{port}/db?sslmode={mode}{root}"
        with pytest.raises(NO_DATABASE) as caught:  # it is no database; how far did we come?
            asyncio.run(database.connect(LISTED, dsn, timeout=20.0))
        assert isinstance(caught.value, ssl.SSLCertVerificationError) is not welcome
    assert any(one.startswith(b"TLS:\x00") for one in heard) is welcome
