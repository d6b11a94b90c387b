"""Finds the facts, one after the other, and stops asking where an answer could not be had any more."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from harness.client.auth.account import Account
from harness.config.load import ResolvedKeys, resolve_keys
from harness.core.api_key import claims_of, key_headers, kind_of
from harness.core.errors import HarnessError, TargetError
from harness.core.ownership import refuse_outside_windows
from harness.core.people import email_pattern
from harness.core.profile import Profile
from harness.core.secret import NOTHING
from harness.core.target import Target
from harness.core.target_guard import is_loopback, permit
from harness.doctor.elsewhere import database_fact, joined
from harness.doctor.facts import Facts, KeyFact, MachineFact, Reply
from harness.doctor.http import Asking
from harness.egress.gate import Gate
from harness.provision import user_ids
from harness.run.health_reply import refuse_foreign
from harness.run.ownership import refuse_unowned
from harness.run.plan_limits import largest_scale, peak_of
from harness.run.token_signing import KEY_SET, Minting, check_taken, minting

HEALTH, TOKEN = "/auth/v1/health", "/auth/v1/token"
SETTINGS_ROW = "/rest/v1/app_settings_meta?select=version&limit=1"
ASKED_OF_LIMITER = 5
"""Beyond what the target file says that may go at once."""


def find(target: Target, profile: Profile, machine: MachineFact, *, allow_production: bool = False) -> Facts:
    """All that can be found.

    :raises UsageError: a variable that the target file names is not set.
    :raises TargetError: this target may not be asked at all: not listed, or production without saying so.
    """
    gate = Gate(permit(target, peak_phones=0, allow_production=allow_production).reach)
    keys = resolve_keys(target, os.environ)
    facts = _planned(Facts(target, profile, datetime.now(UTC), machine), allow_production)
    facts = replace(
        facts, anon=_key(keys.anon.reveal()), service=None if keys.service is None else _key(keys.service.reveal())
    )
    try:
        facts = replace(facts, addresses=gate.pin(target.host, "the target").addresses)
    except TargetError as error:
        return replace(facts, name_problem=error.what)
    except OSError as error:
        return replace(facts, name_problem=f"nobody knows the name {target.host} ({error.strerror or error})")
    facts = _with_database(facts, gate, keys)
    if target.url.startswith("http:") and not is_loopback(target.host) and not target.limits[target.host].private:
        return replace(facts, tls_problem="url is http: keys and tokens would travel in clear")
    limits = target.limits.get(target.host)
    with Asking(gate, target.url, None if limits is None else limits.requests_per_second) as asking:
        facts = _deployment(facts, asking, gate, keys)
        return replace(facts, clock_ahead_s=asking.ahead_s, tls_days_left=asking.days_left)


def _planned(facts: Facts, allow_production: bool) -> Facts:
    """The plan beside the limits and windows of the target file."""
    target, profile = facts.target, facts.profile
    peak = peak_of(profile, profile.seed)
    facts = replace(facts, peak=peak)
    try:
        permit(
            target,
            peak_phones=peak.phones,
            peak_requests_per_second=peak.requests_per_second,
            peak_connections_per_second=peak.connections_per_second,
            peak_sockets=peak.sockets,
            largest_scale=lambda limits: largest_scale(profile, profile.seed, limits),
            allow_production=allow_production,
        )
    except TargetError as error:
        return replace(facts, permit_problem=error.what, permit_remedy=error.remedy)
    return facts


def _key(text: str) -> KeyFact:
    claims = claims_of(text)
    expires, project = claims.get("exp"), claims.get("ref")
    return KeyFact(
        kind_of(text), float(expires) if isinstance(expires, int | float) else None, str(project) if project else ""
    )


def _with_database(facts: Facts, gate: Gate, keys: ResolvedKeys) -> Facts:
    return facts if keys.dsn is None else replace(facts, database=database_fact(gate, keys.dsn.reveal()))


def _deployment(facts: Facts, asking: Asking, gate: Gate, keys: ResolvedKeys) -> Facts:
    target, anon = facts.target, keys.anon.reveal()
    health = asking.ask("GET", HEALTH, {"apikey": anon})
    facts = replace(facts, health=health, tls_problem=asking.tls_problem)
    if not health.status:
        return facts
    refused = health.status in (401, 403)
    if not refused and (why := _foreign(asking, anon)):
        return replace(facts, foreign=why)
    if refused or (read := asking.ask("GET", SETTINGS_ROW, key_headers(anon))).status in (401, 403):
        return replace(facts, key_refused=f"status {health.status if refused else read.status}")
    facts = _owned(facts, gate, keys)
    facts = replace(facts, key_set=asking.ask("GET", KEY_SET, {"apikey": anon}))
    if keys.service is not None:
        admin = asking.ask("GET", "/auth/v1/admin/users?page=1&per_page=1", key_headers(keys.service.reveal()))
        if admin.status in (401, 403):
            facts = replace(facts, service_refused=admin.shown)
        elif admin.status != 200:  # says nothing of the key
            facts = replace(facts, people_problem=f"the admin API answers {admin.shown}")
    facts, minted, ids = _people(facts, gate, keys)
    facts, token = _signed_in(facts, asking, gate, keys, minted, ids)
    facts = replace(facts, realtime=joined(gate, target.url, anon, token))
    if token:
        facts = replace(facts, endpoints=_endpoints(asking, anon, token))
    return _limiter(facts, asking, anon)


def _foreign(asking: Asking, anon: str) -> str:
    reply = asking.raw(HEALTH, {"apikey": anon})
    if reply is None:
        return ""
    try:
        refuse_foreign(HEALTH, reply.status_code, reply.headers, reply.content)
    except TargetError as error:
        return error.what
    return ""


def _owned(facts: Facts, gate: Gate, keys: ResolvedKeys) -> Facts:
    phases = facts.profile.phases
    try:
        refuse_outside_windows(facts.target, facts.now, phases.end_s + phases.drain_s)
        return replace(facts, owned=refuse_unowned(facts.target, keys, gate))
    except TargetError as error:
        return replace(facts, owned_problem=error.what, owned_remedy=error.remedy)


def _people(facts: Facts, gate: Gate, keys: ResolvedKeys) -> tuple[Facts, Minting, dict[int, str]]:
    """Who is there, and what their tokens would be minted with."""
    minted, ids = Minting(), dict[int, str]()
    try:
        minted = minting(facts.target, keys, gate)
    except HarnessError as error:
        facts = replace(facts, minting_problem=error.what, minting_remedy=error.remedy)
    if keys.service is None or facts.service_refused or facts.people_problem:
        return facts, minted, ids
    try:
        ids = user_ids(facts.target, keys, facts.profile.people, allow_production=True)
    except HarnessError as error:
        return replace(facts, people_problem=error.what), minted, ids
    return replace(facts, people_found=len(ids)), minted, ids


def _signed_in(
    facts: Facts, asking: Asking, gate: Gate, keys: ResolvedKeys, minted: Minting, ids: Mapping[int, str]
) -> tuple[Facts, str]:
    """A token of the first person: by password where one is named, else minted."""
    anon, email, token = keys.anon.reveal(), email_pattern(facts.target.people).format(index=0), ""
    if minted.text and 0 in ids:
        try:
            check_taken(gate, facts.target.url, anon, minted.text, ids[0], email)
        except TargetError as error:
            facts = replace(facts, minting_problem=error.what, minting_remedy=error.remedy)
        else:
            facts = replace(facts, minting=minted.how)
            now = datetime.now(UTC).timestamp()
            token = Account.minted(ids[0], email, minted.text.reveal(), now=0.0, epoch=now).access_token
    if keys.password is not None and (facts.people_found is None or 0 in ids):
        body = {"email": email, "password": (keys.password or NOTHING).reveal()}
        reply = asking.ask("POST", f"{TOKEN}?grant_type=password", {"apikey": anon}, body)
        facts = replace(facts, sign_in=reply)
        found = reply.body if isinstance(reply.body, dict) else {}
        if reply.status == 200 and isinstance(found.get("access_token"), str):
            token = token or found["access_token"]
        facts = replace(
            facts, sign_in=replace(reply, body={key: found.get(key) for key in ("error_code", "code", "msg")})
        )
    return facts, token


def _endpoints(asking: Asking, anon: str, token: str) -> dict[str, Reply]:
    """One reply of each kind of endpoint. Nothing is written: the event is one that the function refuses."""
    headers = {"apikey": anon, "authorization": f"Bearer {token}"}
    deck: dict[str, Any] = {"sessionId": str(uuid.uuid4()), "limit": 1}
    return {
        "GET /auth/v1/user": asking.ask("GET", "/auth/v1/user", headers),
        "GET /rest/v1/media_items": asking.ask("GET", "/rest/v1/media_items?select=id&limit=1", headers),
        "POST public-app-settings": asking.ask("POST", "/functions/v1/public-app-settings", headers, {}),
        "POST media-swipe-deck": asking.ask("POST", "/functions/v1/media-swipe-deck", headers, deck),
        "POST media-swipe-event": asking.ask("POST", "/functions/v1/media-swipe-event", headers, {"eventType": "none"}),
    }


def _limiter(facts: Facts, asking: Asking, anon: str) -> Facts:
    """Ask it only where the plan would meet it, of a deployment that nobody uses, with refreshes of nobody."""
    from harness.doctor.checks.sign_in_limit import allowed, needed

    if facts.minting or facts.sign_in is None or facts.sign_in.status != 200 or needed(facts) <= allowed(facts):
        return facts
    if facts.target.environment == "production":
        return facts
    most = facts.target.sign_in.burst + ASKED_OF_LIMITER
    for number in range(1, most + 1):
        body = {"refresh_token": "doctor"}
        if asking.ask("POST", f"{TOKEN}?grant_type=refresh_token", {"apikey": anon}, body).status == 429:
            return replace(facts, limited_after=number, limiter_asked=number)
    return replace(facts, limiter_asked=most)
