"""The recording browser reaches this machine alone, also where the environment names a proxy that knows everybody."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from harness.trace.browser.chromium import NAMES, flags

BROWSER = next(filter(None, map(shutil.which, NAMES)), None)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_no_proxy_of_the_environment_is_asked(tmp_path: Path) -> None:
    """It asked this one for the page and for three hosts of its maker's."""
    assert BROWSER is not None
    asked = list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def listen() -> None:
            while True:
                try:
                    connection, _ = proxy.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1000))

        threading.Thread(target=listen, daemon=True).start()
        where = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        subprocess.run(
            [
                BROWSER,
                *flags("http://127.0.0.1:1"),
                f"--user-data-dir={tmp_path / 'profile'}",
                *("--dump-dom", "http://elsewhere.test/"),
            ],
            env=os.environ | {"http_proxy": where, "https_proxy": where},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        proxy.shutdown(socket.SHUT_RDWR)
    assert asked == []
