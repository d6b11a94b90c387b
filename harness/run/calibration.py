"""How many sessions a second a sandbox on this machine carries, by what its calls cost this machine's CPU.

Each kind of call that a session consists of is made a few times, one after the other, by one of the sandbox's people,
and the CPU time of the sandbox's processes before and after (proc(5), schedstat) says what it costs. The plan's figures
for the profile's mix say how many of each a session has; the generator's own cost a request is known. All in a second
or two. CPU time, not time: other programs on the machine do not change it, though they take their share of the CPU
later. Chats' sockets and what the database does by itself are in SPARE.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.core.errors import HarnessError
from harness.core.profile import Profile
from harness.core.resolved_target import ResolvedTarget
from harness.egress import web
from harness.egress.gate import Gate
from harness.load import child_process as processes
from harness.plan.run_peak import mean_session

SPARE = 0.7
"""Of the machine's CPU: above, answers queue (measured: decks at half load 60 ms, at 0.9 of it a second)."""
GENERATOR_MS = 0.45
"""CPU of the generator a request, sockets and chats included (0.25 to 0.5 measured, docs/numbers.md)."""
REPEATS = 4
LIMIT_S = 2.5
TIMEOUT_S = 10.0
SIGN_IN_PATH = "/auth/v1/token?grant_type=password"
DECK, FEED, EVENT, EDGE, READ, PREFLIGHT, SIGN_IN = "deck", "feed", "event", "edge", "read", "preflight", "sign-in"


@dataclass(frozen=True, slots=True)
class Calibration:
    """ms: CPU of the sandbox by kind of call. session_ms: of sandbox and generator, a mean session of the mix."""

    ms: Mapping[str, float]
    session_ms: float
    cores: int

    @property
    def sessions_per_s(self) -> float:
        """What this machine carries of the mix, with room for queues."""
        return SPARE * self.cores * 1000 / self.session_ms

    @property
    def text(self) -> str:
        return (
            f"this sandbox carries about {self.sessions_per_s:.2g} sessions/s of this mix here "
            f"({self.session_ms:,.0f} ms of CPU a session, {self.cores} cores)"
        )


def kind_of(endpoint: str) -> str:
    """Which of the measured calls stands for an endpoint of the plan. (pure)"""
    for part, kind in (
        ("media-swipe-deck", DECK),
        ("media-swipe-event", EVENT),
        ("functions/", EDGE),
        ("rpc/get_home_feed", FEED),
        ("rpc/get_conversation", FEED),
        ("OPTIONS", PREFLIGHT),
        ("auth/token", SIGN_IN),
        ("auth/signup", SIGN_IN),
    ):
        if part in endpoint:
            return kind
    return READ


def session_cost(profile: Profile, ms: Mapping[str, float]) -> float:
    """Milliseconds of CPU that a mean session takes of sandbox and generator. (pure)"""
    by_endpoint = mean_session(profile).by_endpoint
    return sum(count * (ms[kind_of(name)] + GENERATOR_MS) for name, count in by_endpoint.items())


def calibrate(access: ResolvedTarget, profile: Profile) -> Calibration | None:
    """Of the run's own sandbox; None where the system does not tell CPU time, or the sandbox did not answer."""
    try:
        ms = _measured(access, profile.sandbox.people - 1)
    except (OSError, ValueError, KeyError, httpx.HTTPError, HarnessError):
        return None
    return None if ms is None else Calibration(ms, session_cost(profile, ms), processes.cores())


def _measured(access: ResolvedTarget, number: int) -> dict[str, float] | None:
    if cpu_ms(access.pid) is None:
        return None
    key = {"apikey": access.anon_key.reveal()}
    person = {"email": access.email_pattern.format(index=number), "password": access.password.reveal()}
    session = str(uuid.uuid4())
    with web.client(Gate(access.reach), base_url=access.url, timeout=TIMEOUT_S) as http:

        def post(path: str, body: Mapping[str, Any]) -> httpx.Response:
            return http.post(path, headers=headers, json=body)

        def get(path: str) -> httpx.Response:
            return http.get(f"/rest/v1/{path}", headers=headers)

        headers = dict(key)
        signed_in = post(SIGN_IN_PATH, person).raise_for_status().json()
        headers["authorization"] = f"Bearer {signed_in['access_token']}"
        user = str(signed_in["user"]["id"])
        title = get("media_items?select=id&limit=1").raise_for_status().json()[0]["id"]
        deck = {"sessionId": session, "mode": "combined", "limit": 72}
        event = {"sessionId": session, "mediaItemId": title, "eventType": "detail_open", "source": "probe"}
        ask = {"origin": "http://localhost", "access-control-request-method": "POST"}
        calls: dict[str, Callable[[], httpx.Response]] = {
            DECK: lambda: post("/functions/v1/media-swipe-deck", deck),
            FEED: lambda: post("/rest/v1/rpc/get_home_feed_v2", {"p_user_id": user, "p_limit": 40}),
            EVENT: lambda: post("/functions/v1/media-swipe-event", event | {"clientEventId": str(uuid.uuid4())}),
            EDGE: lambda: post("/functions/v1/public-app-settings", {}),
            READ: lambda: get(f"library_entries?select=*&user_id=eq.{user}"),
            PREFLIGHT: lambda: http.request("OPTIONS", "/rest/v1/media_items", headers=ask),
            SIGN_IN: lambda: post(SIGN_IN_PATH, person),
        }
        until = time.monotonic() + LIMIT_S
        return {kind: _cost(access.pid, call, until) for kind, call in calls.items()}


def _cost(pid: int, call: Callable[[], httpx.Response], until: float) -> float:
    """CPU of one call, milliseconds; the first is left out, it fills caches."""
    call()
    before, made = cpu_ms(pid) or 0.0, 0
    while made < REPEATS and (made == 0 or time.monotonic() < until):
        call()
        made += 1
    return max(0.0, (cpu_ms(pid) or 0.0) - before) / made


def cpu_ms(pid: int, root: Path = Path("/proc")) -> float | None:
    """CPU time that a process and its descendants have had; None where the system does not tell."""
    children = defaultdict[int, list[int]](list)
    for entry in root.iterdir():
        if entry.name.isdecimal():
            try:
                rest = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                children[int(rest[1])].append(int(entry.name))
            except (OSError, ValueError, IndexError):  # it ended meanwhile
                continue
    total, found, todo = 0.0, False, [pid]
    while todo:
        one = todo.pop()
        todo += children[one]
        for task in (root / str(one) / "task").glob("*/schedstat"):
            try:
                total += int(task.read_text(encoding="ascii").split()[0]) / 1e6
                found = True
            except (OSError, ValueError, IndexError):
                continue
    return total if found else None
