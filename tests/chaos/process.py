"""The proxy as a process of its own, as a person starts it."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.client import Toxiproxy

READY_S = 30


@dataclass
class Running:
    """api: URL. proxies: listen addresses by name."""

    process: subprocess.Popen[str]
    api: str
    proxies: dict[str, str]


@contextlib.contextmanager
def proxy_process(*arguments: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--with-parent", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        if not select.select([process.stdout], [], [], READY_S)[0]:
            raise AssertionError("the proxy did not become ready")
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        ready = json.loads(line)
        yield Running(process, ready["api"], ready["proxies"])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def clean_after(api: str, limit_s: float) -> float:
    """Seconds until no fault is left."""
    began = time.monotonic()
    with Toxiproxy(api) as server:
        while time.monotonic() - began < limit_s:
            if all(proxy.enabled and not proxy.toxics for proxy in server.proxies().values()):
                return time.monotonic() - began
            time.sleep(0.02)
    raise AssertionError(f"still faulty after {limit_s} s")
