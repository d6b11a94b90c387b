"""After cancellations and failures nothing is left: no descriptor, nothing for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import pytest

from harness.client.http.connection import Connection
from harness.egress.tls import shared_context
from tests.certificate import Certificate, server_side
from tests.client.wire.peer import (
    OK,
    TEXT,
    answering,
    ending_with,
    eventually,
    get,
    run_tolerating_server_noise,
    serving,
    sized,
    wire_to,
)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count descriptors")
def test_no_descriptor_is_left_behind(run: Any, certificate: Certificate) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    async def troubles() -> None:
        for reply, end in ((OK, "close"), (b"junk", "stay"), (sized(TEXT)[:-1], "reset"), (b"", "stay")):
            async with serving(ending_with(reply, end)) as server:
                wire = wire_to(server.port, connections=2)
                await asyncio.gather(*(get(wire, timeout_s=0.04) for _ in range(4)), return_exceptions=True)
                send = asyncio.ensure_future(get(wire))
                await asyncio.sleep(0.01)
                send.cancel()
                await asyncio.gather(send, return_exceptions=True)
                wire.close()
        async with serving(answering(OK), server_side(certificate)) as server:
            for tls in (None, shared_context(certificate[0])):
                wire = wire_to(server.port, scheme="https", tls=tls)
                await asyncio.gather(*(get(wire) for _ in range(3)), return_exceptions=True)
                wire.close()

    async def work() -> None:
        await troubles()  # whatever is opened once and kept
        await asyncio.sleep(0.1)
        before = descriptors()
        for _ in range(3):
            await troubles()
        await eventually(lambda: descriptors() <= before)

    run_tolerating_server_noise(run, work)


def test_failed_requests_leave_no_work_for_the_garbage_collector(run: Any) -> None:
    """Under chaos thousands fail a second, and a worker may keep the collector out of its measured window."""

    def alive() -> int:
        return sum(isinstance(thing, Connection) for thing in gc.get_objects())

    async def work() -> None:
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for reply, end in ((OK, "close"), (b"junk", "stay"), (b"", "reset"), (b"", "stay")):
                async with serving(ending_with(reply, end)) as server:
                    wire = wire_to(server.port)
                    await asyncio.gather(*(get(wire, timeout_s=0.1) for _ in range(3)), return_exceptions=True)
                    wire.close()
                    await eventually(lambda: alive() <= before)
        finally:
            gc.enable()

    run(work())
