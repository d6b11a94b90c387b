"""A worker's engine as it is, without Locust around it, whose people the replay knows."""

from __future__ import annotations

import threading
import time

from harness.core.people import Secrets
from harness.core.profile import Profile
from harness.core.run_spec import RunSpec, windows_of
from harness.core.secret import Secret
from harness.load.engine import Engine
from replay.recording import copies


def serving(url: str, profile: Profile, name: str) -> tuple[Engine, threading.Thread]:
    """At work, in a thread that ends once the engine is told to stop."""
    spec = RunSpec(
        run_id=name,
        run_tag=1,
        folder="",
        url=url,
        seed=1,
        profile=profile,
        email_pattern="p_{index:06d}@replay.test",
        user_ids=tuple(copies(profile.people)),
        windows=windows_of(profile),
    )
    secrets = Secrets(anon_key=Secret("replay"), password=Secret("replay"), jwt_secret=Secret("5eed" * 16))
    engine = Engine(spec, secrets, zero=time.time(), worker=0)
    thread = threading.Thread(target=engine.serve, daemon=True)
    thread.start()
    while not engine.ready:
        time.sleep(0.01)
    return engine, thread
