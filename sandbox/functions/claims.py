"""The claims check of supabase-js, which three functions use and which throws where it should answer (contract 1.3).

It reads the token before anybody has verified it: one without an end, over, or whose parts are no JSON makes it throw,
whoever signed it. Any other fault is an answer. Then, with a symmetric key, GoTrue is asked whose token it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
import uuid
from typing import Any

from sandbox.functions import gate, js, js_json
from sandbox.services import Bearer, Services
from sandbox.tokens import TokenError

_PART = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?", re.ASCII)


class ClaimsThrew(Exception):
    """What the check throws; its text is what a function that catches it tells the caller."""


class NoClaims(Exception):
    """What the check answers: this is nobody's token."""


async def of_token(services: Services, token: str) -> tuple[Bearer, str]:
    """The token and its person. :raises ClaimsThrew: see above. :raises NoClaims: for any other token."""
    check_end(token)
    try:
        bearer = services.tokens.verify(token)
        user_id = str(uuid.UUID(bearer.principal.user_id or ""))
    except (TokenError, ValueError, AttributeError):
        raise NoClaims from None
    if not await gate.person_exists(services, bearer, user_id):
        raise NoClaims
    return bearer, user_id


def check_end(token: str) -> None:
    """The part that needs nobody's word. :raises NoClaims: when it is no token. :raises ClaimsThrew: see above."""
    parts = token.split(".")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise NoClaims
    _json(parts[0])
    payload = _json(parts[1])
    if payload is None:
        raise ClaimsThrew("Cannot read properties of null (reading 'exp')")
    end = payload.get("exp") if isinstance(payload, dict) else None
    if not end:
        raise ClaimsThrew("Missing exp claim")
    ends_at = js.to_number(end)
    if ends_at is not None and ends_at <= int(time.time()):
        raise ClaimsThrew("JWT has expired")


def _json(part: str) -> Any:
    try:
        return js_json.parse(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8"))
    except (ValueError, binascii.Error) as error:
        raise ClaimsThrew(f"{error} is not valid JSON") from None
