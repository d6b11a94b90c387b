"""A master that is anybody's: its order sends whoever connects to a host of its choosing. A locustfile."""

from __future__ import annotations

import json
import os
from typing import Any

from locust import events

from harness.config.load import load_profile
from harness.core.run_spec import RunSpec, windows_of
from scenarios.locustfile import Swiper

__all__ = ["Swiper"]


@events.init.add_listener  # type: ignore[untyped-decorator]
def _order(environment: Any, **_: Any) -> None:
    profile = load_profile(os.environ["HOSTILE_PROFILE"])
    spec = RunSpec(
        run_id="hostile",
        run_tag=1,
        folder="",
        url=os.environ["HOSTILE_URL"],
        seed=1,
        profile=profile,
        email_pattern="p_{index:06d}@people.sandbox.test",
        windows=windows_of(profile),
    )
    options = environment.parsed_options
    options.harness_order = spec.model_dump_json()
    options.harness_zero = 0.0


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _workers(environment: Any, **_: Any) -> None:
    clients = getattr(environment.runner, "clients", None)
    if clients is not None:
        environment.parsed_options.harness_workers = json.dumps([client.id for client in clients.ready])
