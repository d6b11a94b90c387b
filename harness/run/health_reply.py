"""Is what answers the health check the app's deployment at all? (pure)

A base URL that redirects, a login page in front, or somebody else's service would answer every request of the load with
something that is no reply of the app; the run would then blame the target for all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.core.errors import TargetError

NAME = "GoTrue"
"""What Supabase Auth calls itself at `/auth/v1/health`."""
URL_REMEDY = "check the url in the target file: the project's own address, where Supabase answers under /auth/v1"
ILL_REMEDY = "is the project paused (540), restoring, or overloaded? its dashboard and its logs say so; then again"
KEY_REMEDY = "check the anon key's environment variable named in the target file"


def refuse_foreign(url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """:raises TargetError: the reply to GET /auth/v1/health is not one of the app's deployment."""
    if 300 <= status < 400:
        to = _printed(headers.get("location", "")) or "nowhere"
        raise TargetError(
            f"the target redirects (status {status}) to {to}",
            where=url,
            remedy=f"write the address that answers itself; redirects are not followed. {URL_REMEDY}",
        )
    if status >= 400:
        ill = status >= 500 or status in (408, 429)
        raise TargetError(
            f"the target {'is too ill to answer' if ill else 'refuses'} the health check with status {status}",
            where=url,
            remedy=ILL_REMEDY if ill else KEY_REMEDY,
        )
    if status != 200 or not _is_auth(body):
        kind = _printed(headers.get("content-type", "")) or "no content type"
        raise TargetError(
            f"what answers is not the app's deployment: status {status}, {kind}, beginning {_beginning(body)}",
            where=url,
            remedy=URL_REMEDY,
        )


def _is_auth(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("name") == NAME


def _beginning(body: bytes) -> str:
    return f"{body[:60].decode('utf-8', 'replace')!r}" if body else "with nothing"


def _printed(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]
