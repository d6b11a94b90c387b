"""Access tokens that a deployment has to refuse. (pure)"""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt

FOREIGN_SECRET = "a secret of some other project, 32 bytes or more"
OTHER_PROJECT = "preflightotherproject"


def bad_tokens(good: str, secret: str, now: float) -> dict[str, str]:
    """By name. Those that take the target's own secret are there only where it is known.

    good: a token that holds. secret: the target's signing secret, or empty.
    """
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    foreign = {"iss": f"https://{OTHER_PROJECT}.supabase.co/auth/v1", "ref": OTHER_PROJECT}
    made = {
        "garbage": "not-a-token",
        "wrong signature": jwt.encode(claims, FOREIGN_SECRET, algorithm="HS256"),
        "alg none": f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.",
        "other project": jwt.encode(claims | foreign, FOREIGN_SECRET, algorithm="HS256"),
    }
    if secret:
        over = claims | {"iat": int(now) - 7200, "exp": int(now) - 3600}
        made["expired"] = jwt.encode(over, secret, algorithm="HS256")
        endless = {name: value for name, value in claims.items() if name != "exp"}
        made["no exp"] = jwt.encode(endless, secret, algorithm="HS256")
    return made


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
