"""Who signs up at a replay: a person of its own each time, who is answered as the recorded one was. (pure)"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from replay.recording import Recording

SIGN_UP = "/auth/v1/signup"


def signed_up(reply: bytes, asked: bytes, new_id: str) -> tuple[bytes, str]:
    """The recorded reply for somebody new, and the id that it was recorded for; "" where it signs nobody in.

    The token says whose it is and keeps the recorded signature, which nobody checks.
    """
    told = orjson.loads(reply)
    if not isinstance(told, dict) or not isinstance(told.get("user"), dict) or "access_token" not in told:
        return reply, ""
    recorded, email = str(told["user"]["id"]), str(told["user"].get("email") or "")
    header, claims, signature = str(told["access_token"]).split(".")
    subject = {**_claims(claims), "sub": new_id}
    body = orjson.dumps({**told, "access_token": f"{header}.{_encoded(subject)}.{signature}"})
    body = body.replace(recorded.encode(), new_id.encode())
    if email and (address := str(orjson.loads(asked).get("email") or "")):
        body = body.replace(email.encode(), address.encode())
    return body, recorded


def newcomers(recording: Recording) -> set[str]:
    """Who signed up while it was made: people with little to show, of whom others are no copies."""
    replies = [one.body for key, rows in recording.shapes.items() if f" {SIGN_UP}?" in key for _, one in rows]
    return {signed_up(reply, b"{}", "")[1] for reply in replies}


def _claims(part: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _encoded(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
