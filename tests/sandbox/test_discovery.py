"""Who is told a sandbox's secrets: this machine, by a name of its own, and no web page."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from sandbox.app import _from_this_machine

HERE = "127.0.0.1:54321"


def asked(*headers: tuple[str, str], peer: str = "127.0.0.1") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": "http", "headers": raw}
    return Request({**scope, "client": (peer, 9), "server": ("127.0.0.1", 54321)})


@pytest.mark.parametrize("host", [HERE, "localhost:54321", "LOCALHOST", "[::1]:54321", "127.8.8.8"])
def test_loopback_names_are_told(host: str) -> None:
    assert _from_this_machine(asked(("host", host)))
    assert _from_this_machine(asked(("host", host), ("origin", f"http://{host}"), ("sec-fetch-site", "same-origin")))


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:54321", "127.0.0.1.evil.test", "localhost.evil.test", "127.0.0.1@evil.test", "", "[", "0"],
)
def test_a_name_that_only_leads_here_is_not(host: str) -> None:
    assert not _from_this_machine(asked(("host", host)))


def test_neither_are_other_machines_nor_other_pages() -> None:
    assert not _from_this_machine(asked(("host", HERE), peer="10.0.0.5"))
    assert not _from_this_machine(asked())
    assert not _from_this_machine(asked(("host", HERE), ("host", "evil.test")))
    assert not _from_this_machine(asked(("host", HERE), ("origin", "http://evil.test")))
    assert not _from_this_machine(asked(("host", HERE), ("origin", "null")))
    assert not _from_this_machine(asked(("host", HERE), ("sec-fetch-site", "cross-site")))
    assert not _from_this_machine(asked(("host", HERE), ("sec-fetch-site", "same-site")))
