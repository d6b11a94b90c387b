"""What somebody asked for, and who watches it happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.core.assistant_slo import AssistantRule
from harness.core.profile import Profile
from harness.core.slo import CatchAll, DatabaseLimits, Slo
from harness.core.target import Target
from harness.preflight.accepted import AcceptedFinding
from harness.run.web_page import OtlpTarget, WebPage


@dataclass(frozen=True)
class RunRequest:
    """What somebody asked for on the command line, loaded and valid."""

    profile: Profile
    source: str  # where the profile came from, for messages
    slos: tuple[Slo, ...]
    out: Path
    catch_all: CatchAll | None = None  # bounds of everything that no SLO names
    database: DatabaseLimits | None = None  # what the target's database may say of itself
    assistant: tuple[AssistantRule, ...] = ()  # what its assistant's models may take and cost
    target: Target | None = None
    sandbox_url: str | None = None  # a sandbox that already runs here, instead of a target
    sandbox_ours: bool = False  # that sandbox is this process' child: what other programs take of its machine is told
    seed: int | None = None
    processes: int | None = None  # worker processes on this machine; 1: everything in one; None: as many as it takes
    master_port: int | None = None  # set: workers on other machines connect here
    expect_workers: int = 0
    bind: str = "127.0.0.1"  # where the master listens for them
    wait_s: float = 60.0  # for the workers to come
    token: str = field(default="", repr=False)  # that master and workers share; "": one of this run's own
    rebalance: bool = False  # let the other workers take over what a lost one has not begun
    proxy: str | None = None  # API of a proxy server that runs already; None: one is started when chaos needs it
    quirks: tuple[str, ...] = ()
    sandbox_code: Path | None = None  # checkout whose sandbox is started, instead of the one beside this code
    questions: bool = True  # the probes before the load, which write a few rows; False: they were asked a moment ago
    preflight: bool = False  # before the load, also where the profile does not ask for it
    accepted: tuple[AcceptedFinding, ...] = ()  # of its findings those that do not count
    fit: bool = False  # run a part of the profile where a sandbox of its own carries no more
    observe: bool = True  # the target's database, where the target has a connection string
    allow_production: bool = False
    web: WebPage | None = None  # where the run shows itself
    otlp: OtlpTarget | None = None  # where its metrics are sent


class Watcher(Protocol):
    """Who shows a run to people. Called with the lines the generator says about itself."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Mapping[str, Any]) -> None: ...

    def problem(self, text: str) -> None: ...
