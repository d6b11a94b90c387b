"""Switches that are the hosted platform's own limits, and the presets that set them all. (pure)

Off is a server of one's own: nobody counts sign-ins, functions never boot. Each figure of a preset stands in
docs/sandbox.md with where it comes from; what a single switch says goes before its preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.switches.switch import Value, choice, count, flag


@dataclass(frozen=True, slots=True)
class HostedPreset:
    """A plan of the platform: its limits by switch, and the plan of Realtime that goes with it."""

    realtime_plan: str
    values: Mapping[str, Value]


_ANY_PLAN: Mapping[str, Value] = {
    "sign_in_per_5_minutes": 150,
    "sign_up_per_5_minutes": 30,
    "sign_in_burst": 30,
    "auth_timeout_ms": 10_000,
    "edge_idle_timeout_ms": 150_000,
    "edge_cpu_ms": 2_000,
    "edge_boot_ms": 400,
    "rest_pool_size": 10,
    "rest_pool_timeout_ms": 10_000,
    "anon_statement_ms": 3_000,
    "authenticated_statement_ms": 8_000,
}
_FREE = HostedPreset("free", {**_ANY_PLAN, "emails_per_hour": 2, "edge_worker_life_s": 150})
_PRO = HostedPreset("pro", {**_ANY_PLAN, "emails_per_hour": 30, "edge_worker_life_s": 400})
PRESETS: Mapping[str, HostedPreset] = {"hosted": _PRO, "hosted-free": _FREE, "hosted-pro": _PRO}


@dataclass(frozen=True)
class HostedSwitches:
    """The value of every limit; all off is a platform that limits nothing."""

    preset: str = choice(
        tuple(PRESETS),
        "sets every limit of the hosted platform, those of Realtime too; other switches and settings go before it",
        "realtime contract 1.6",
    )
    api_keys: str = choice(
        ("legacy", "new", "both"),
        "which API keys are taken: JWTs of the secret, the platform's new sb_publishable_ and sb_secret_, or both; the "
        "discovery document names the new ones only where no others are",
        "realtime contract 1.4",
    )
    token_signing: str = choice(
        ("HS256", "ES256", "RS256"),
        "what access tokens are signed with: the secret, or a signing key of the key set, whose other kind is in "
        "reserve; with api_keys=new the secret signs nothing any more",
        "contract 1.2",
    )
    sign_in_per_5_minutes: int = count(
        "so many sign-ins and refreshes in five minutes from one address, refilled evenly; beyond them 429 "
        "over_request_rate_limit; 0 counts none",
        "contract 1.1",
    )
    sign_up_per_5_minutes: int = count(
        "the same for each of sign-up, password recovery and changes of the account; 0 counts none",
        "contract 1.1",
    )
    sign_in_burst: int = count(
        "how many of these one address may send at once, with a limit of them; 0 leaves the platform's 30",
        "contract 1.1",
    )
    auth_timeout_ms: int = count(
        "a request of /auth/v1 that is not done after so many ms is answered 504 request_timeout; 0 waits",
        "contract 1.1",
    )
    emails_per_hour: int = count(
        "mails an hour for the whole project, and one a minute for a person; beyond them 429 "
        "over_email_send_rate_limit; 0 counts none",
        "contract 1.1",
    )
    forwarded_for_trusted: bool = flag(
        "the first address of X-Forwarded-For is the caller's, as behind a load balancer of one's own; off: the "
        "connection's, whatever the header says",
        "contract 1.1",
    )
    edge_boot_ms: int = count(
        "so many ms until a function's worker is up: its first call waits for it, and those that come meanwhile",
        "contract T60",
    )
    edge_worker_life_s: int = count(
        "a function's worker is retired after so many seconds and the next call boots another; 0 keeps it",
        "contract T60",
    )
    edge_worker_requests: int = count(
        "a function's worker is retired after so many calls; 0 keeps it",
        "contract T60",
    )
    edge_boot_failure_one_in: int = count(
        "every n-th boot of a worker fails: 503 BOOT_ERROR for all who wait for it",
        "contract 0.2",
    )
    edge_worker_limit_one_in: int = count(
        "every n-th call ends its worker at a resource limit: 546 for all calls on it, and the next one boots another; "
        "alternately before the call's work and after it",
        "contract 0.2",
    )
    edge_cpu_ms: int = count(
        "a call that needs more of this machine's CPU ends its worker as well: 546",
        "contract 0.2",
    )
    edge_idle_timeout_ms: int = count(
        "a call that has not begun to answer after so many ms is answered 504 IDLE_TIMEOUT, and its work goes on",
        "contract 0.2",
    )
    rest_pool_size: int = count(
        "database connections of REST and functions together; 0 leaves --pool-size",
        "contract 12.1, T01",
    )
    rest_pool_timeout_ms: int = count(
        "a request that got no connection after so many ms is answered 504 PGRST003; 0 leaves PostgREST's 10,000",
        "contract 7.5, T01",
    )
    anon_statement_ms: int = count(
        "a statement of who is not signed in ends after so many ms with 57014, HTTP 500; 0 leaves the platform's 3,000",
        "contract 7.5",
    )
    authenticated_statement_ms: int = count(
        "a statement of who is signed in ends after so many ms with 57014, HTTP 500; 0 leaves the platform's 8,000",
        "contract 7.5",
    )
