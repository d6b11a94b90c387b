"""Asks a deployment for the claim of its target file: before it is loaded, and when the doctor looks."""

from __future__ import annotations

import httpx

from harness.config.load import ResolvedKeys
from harness.core.api_key import key_headers
from harness.core.errors import TargetError
from harness.core.ownership import CLAIM_KEY, CLAIM_PATH, CLAIM_ROW, stands
from harness.core.target import Target
from harness.core.target_guard import is_loopback
from harness.egress import web
from harness.egress.gate import Gate
from harness.egress.names import is_public

TIMEOUT_S = 10.0
REMEDY = "harness doctor --target FILE --claim prints one, and where it has to stand"


def refuse_unowned(target: Target, keys: ResolvedKeys, gate: Gate) -> str:
    """Where the claim was found, in words; loopback needs none.

    :raises TargetError: nothing shows that this deployment may be loaded.
    """
    where = f"target {target.name}, [ownership]"
    if is_loopback(target.host):
        return "loopback needs no claim"
    if target.ownership.waived:
        try:
            addresses = gate.pin(target.host, "the target", where=where).addresses
        except OSError as error:
            raise TargetError(f"nobody knows the name {target.host} ({error.strerror or error})", where=where) from None
        public = [one for one in addresses if is_public(one)]
        if public:
            raise TargetError(
                f"its claim is waived for a private network, and {target.host} is at {public[0]}, which is none",
                where=where,
                remedy=REMEDY,
            )
        return "waived: only a private network knows it"
    claim = target.ownership.claim
    if claim is None:
        raise TargetError(
            f"nothing shows that {target.host} is yours to load: the target file has no claim",
            where=where,
            remedy=REMEDY,
        )
    if stands(claim, _text(gate, target)):
        return f"the claim stands at {CLAIM_PATH}"
    if keys.service is not None and stands(claim, _row(gate, target, keys.service.reveal())):
        return f"the claim stands in app_settings, {CLAIM_KEY}"
    row = "" if keys.service is not None else " (the row is read with keys.service_env, which is not named)"
    raise TargetError(
        f"the claim of the target file stands neither at {CLAIM_PATH} nor in app_settings, {CLAIM_KEY}{row}",
        where=where,
        remedy=REMEDY,
    )


def _text(gate: Gate, target: Target) -> str:
    try:
        reply = web.get(gate, target.url + CLAIM_PATH, timeout_s=TIMEOUT_S)
    except httpx.HTTPError:
        return ""
    return reply.text[:1000] if reply.status_code == 200 else ""


def _row(gate: Gate, target: Target, service_key: str) -> object:
    headers = key_headers(service_key)
    try:
        reply = web.get(gate, f"{target.url}/rest/v1/{CLAIM_ROW}", timeout_s=TIMEOUT_S, headers=headers)
        rows = reply.json() if reply.status_code == 200 else None
        return rows[0]["value"] if rows else None
    except (httpx.HTTPError, ValueError, LookupError, TypeError, RecursionError):
        return None
