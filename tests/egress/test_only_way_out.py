"""Nothing in `harness` opens a connection but `harness.egress`. Whoever needs to is listed here, with the reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GATE = "harness/egress/"
PLACES = sorted(path for name in ("harness", "reports", "scenarios") for path in (ROOT / name).rglob("*.py"))

OPENERS = frozenset(
    {
        "create_connection",
        "create_datagram_endpoint",
        "create_unix_connection",
        "getaddrinfo",
        "gethostbyname",
        "gethostbyname_ex",
        "getnameinfo",
        "open_connection",
        "open_unix_connection",
        "sock_connect",
        "sendto",
        "start_tls",
        "urlopen",
        "urlretrieve",
    }
)
"""Whoever they are methods or functions of."""
LIBRARIES: dict[str, frozenset[str]] = {
    # library -> what of it opens nothing: types, errors, protocols without a socket
    "asyncpg": frozenset(
        {
            "Connection",
            "InsufficientPrivilegeError",
            "InterfaceError",
            "LockNotAvailableError",
            "ObjectNotInPrerequisiteStateError",
            "PostgresError",
            "QueryCanceledError",
            "UndefinedColumnError",
            "UndefinedObjectError",
            "UndefinedTableError",
        }
    ),
    "httpx": frozenset(
        {
            "AsyncClient",
            "Client",
            "HTTPError",
            "HTTPStatusError",
            "Headers",
            "InvalidURL",
            "Limits",
            "Request",
            "Response",
            "Timeout",
        }
    ),
    "socket": frozenset({"gaierror", "gethostname"}),
    "websockets": frozenset(
        {
            "ClientConnection",
            "ClientProtocol",
            "Frame",
            "InvalidStatus",
            "Opcode",
            "Origin",
            "PayloadTooBig",
            "ProtocolError",
        }
        | {"Response", "State", "WebSocketException", "WebSocketURI"}
    ),
    # and of these, nothing at all
    **dict.fromkeys(
        (
            *("aiohttp", "ftplib", "http.client", "psycopg", "psycopg2", "requests", "smtplib", "socketserver"),
            *("telnetlib", "urllib.request", "urllib3", "websocket", "xmlrpc", "zmq"),
        ),
        frozenset(),
    ),
}
MADE_BY_THE_GATE = frozenset({"AsyncClient", "Client", "ClientConnection", "Connection"})
"""Types that may be named, never called."""
EXCEPTIONS: dict[str, frozenset[str]] = {
    # the machine's own echo: a server and a client of it, both on 127.0.0.1, with ports of their own
    "harness/run/canary.py": frozenset(
        {"socket.create_connection", "socket.create_server", "socket.socket"}
        | {"socket.IPPROTO_TCP", "socket.TCP_NODELAY"}
    ),
    # looks for a free port, and whether the page's own is free: binds, and connects to nobody
    "harness/run/locust_process.py": frozenset(
        {"socket.socket", "socket.AF_INET", "socket.AF_INET6", "socket.SOL_SOCKET", "socket.SO_REUSEADDR"}
    ),
    # keys of the channel between master and workers: opens nothing
    "harness/load/channel_keys.py": frozenset(
        {"zmq", "zmq.curve_keypair", "zmq.curve_public", "zmq.utils.z85", "zmq.utils.z85.encode"}
    ),
    # Locust's own two sockets, replaced; a worker is given an address that the gate has pinned (harness/run/worker.py)
    "harness/load/locust_channel.py": frozenset(
        {
            "zmq",
            "zmq.DEALER",
            "zmq.EVENT_DISCONNECTED",
            "zmq.EVENT_HANDSHAKE_FAILED_AUTH",
            "zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL",
            "zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL",
            "zmq.EVENT_HANDSHAKE_SUCCEEDED",
            "zmq.EVENT_MONITOR_STOPPED",
            "zmq.IDENTITY",
            "zmq.LINGER",
            "zmq.MAXMSGSIZE",
            "zmq.ROUTER",
            "zmq.ZMQError",
            "zmq.utils.monitor.parse_monitor_message",
        }
    ),
    # asks a master at an address that the gate has pinned whether it wants one more worker
    "harness/run/master_hello.py": frozenset(
        {
            "zmq",
            "zmq.Context",
            "zmq.DEALER",
            "zmq.EVENT_CONNECTED",
            "zmq.EVENT_DISCONNECTED",
            "zmq.EVENT_HANDSHAKE_FAILED_AUTH",
            "zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL",
            "zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL",
            "zmq.EVENT_HANDSHAKE_SUCCEEDED",
            "zmq.IDENTITY",
            "zmq.IPV6",
            "zmq.POLLIN",
            "zmq.Poller",
            "zmq.Socket",
            "zmq.ZMQError",
            "zmq.utils.monitor.parse_monitor_message",
        }
    ),
}


def openers(source: str) -> Iterator[str]:
    """Every way to open a connection that the source names."""
    tree = ast.parse(source)
    names: dict[str, str] = {}  # of this module -> what they stand for, dotted
    for node in ast.walk(tree):
        for name, dotted in imported(node):
            names[name] = dotted
            yield from unknown(dotted)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = names.get(node.value.id, "") if isinstance(node.value, ast.Name) else ""
            yield from unknown(f"{owner}.{node.attr}".lstrip("."))
        elif isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            dotted = f"{names.get(first, '')}.{rest}".rstrip(".")
            if library_of(dotted) and last(dotted) in MADE_BY_THE_GATE:
                yield f"{dotted}()"


def imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that an import makes, and what they stand for."""
    if isinstance(node, ast.Import):
        for one in node.names:
            yield one.asname or one.name.partition(".")[0], one.name
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        for one in node.names:
            yield one.asname or one.name, f"{node.module}.{one.name}"


def library_of(dotted: str) -> str:
    return next((name for name in LIBRARIES if f"{dotted}.".startswith(f"{name}.")), "")


def unknown(dotted: str) -> Iterator[str]:
    """What is named, unless it is known to open nothing."""
    library = library_of(dotted)
    if last(dotted) in OPENERS:
        yield dotted
    parts = dotted.removeprefix(library).strip(".").split(".")
    if library and (not LIBRARIES[library] or (parts != [""] and LIBRARIES[library].isdisjoint(parts))):
        yield dotted


def last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


WORTH_PARSING = re.compile(
    rf"\b(?:{'|'.join(OPENERS)})\b|^\s*(?:import|from) (?:{'|'.join(re.escape(name) for name in LIBRARIES)})\b"
    r"|^\s*(?:import|from) (?:http|urllib)(?:\.request)? ",
    re.MULTILINE,
)


def found_in(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return set(openers(text)) if WORTH_PARSING.search(text) else set()


def test_no_module_opens_anything_itself() -> None:
    assert len(PLACES) > 300
    found = {}
    for path in PLACES:
        name = path.relative_to(ROOT).as_posix()
        ways = set() if name.startswith(GATE) else found_in(path) - EXCEPTIONS.get(name, frozenset())
        if ways:
            found[name] = sorted(ways)
    assert found == {}, "open it through harness.egress"


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_is_still_needed(name: str) -> None:
    assert found_in(ROOT / name) == EXCEPTIONS[name]


@pytest.mark.parametrize(
    "source",
    [
        "import socket\nsocket.create_connection(('h', 1))",
        "import socket as s\ns.socket().connect(('h', 1))",
        "from socket import socket",
        "from socket import create_connection as c",
        "import asyncio\nasyncio.open_connection('h', 1)",
        "from asyncio import open_connection",
        "async def f(loop): await loop.create_connection(None, 'h', 1)",
        "async def f(loop): await loop.getaddrinfo('h', 1)",
        "import httpx\nhttpx.get('http://h')",
        "import httpx as web\nweb.AsyncClient()",
        "from httpx import AsyncClient\nAsyncClient()",
        "from httpx import Client\nClient()",
        "import asyncpg\nasyncpg.connect('')",
        "import asyncpg\nasyncpg.create_pool('')",
        "from asyncpg import connect",
        "from websockets.asyncio.client import connect",
        "import websockets\nwebsockets.connect('ws://h')",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import http.client",
        "import requests",
        "import zmq",
    ],
)
def test_the_scan_sees(source: str) -> None:
    assert list(openers(source))
    assert WORTH_PARSING.search(source)


@pytest.mark.parametrize(
    "source",
    [
        "import httpx\ndef f(http: httpx.AsyncClient) -> httpx.Response: ...",
        "import socket\nsocket.gethostname()",
        "import asyncpg\nasyncpg.PostgresError",
        "from urllib.parse import urlsplit",
        "from websockets.client import ClientProtocol\nClientProtocol('')",
        "from http import HTTPStatus",
    ],
)
def test_the_scan_lets_types_and_errors_pass(source: str) -> None:
    assert list(openers(source)) == []
