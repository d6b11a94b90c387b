"""An engine for a test, its loop in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.core.people import Secrets
from harness.core.profile import Profile
from harness.core.run_spec import RunSpec, windows_of
from harness.core.wire_limits import WireLimits
from harness.load.engine import Engine
from harness.record.run_log import NO_LOG, RunLog


@contextmanager
def engine_of(
    profile: Profile,
    url: str,
    secrets: Secrets,
    *,
    pattern: str = "p{index}@x.test",
    seed: int = 1,
    run_tag: int = 1,
    log: RunLog = NO_LOG,
    app_origin: str = "",
    limits: WireLimits | None = None,
) -> Iterator[Engine]:
    """Started and ready; stopped, and found to be over, at the end.

    app_origin: where the app's page comes from; left out, from the target itself, and so nothing is asked before calls.
    """
    order = RunSpec(
        run_id="t",
        run_tag=run_tag,
        folder="",
        url=url,
        seed=seed,
        profile=profile.model_copy(update={"app_origin": app_origin or url}),
        email_pattern=pattern,
        windows=windows_of(profile),
        limits=limits,
    )
    engine = Engine(order, secrets, zero=time.time(), worker=0, log=log)
    thread = threading.Thread(target=engine.serve, daemon=True)
    thread.start()
    while not engine.ready:
        time.sleep(0.001)
    try:
        yield engine
    finally:
        engine.stop()
        thread.join(10)
        assert engine.over
