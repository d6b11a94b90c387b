"""Whose deployment it is, and when it may be loaded: a word that only its owner puts there, and dated windows. (pure)

The claim is a random word. It stands in the target file and on the deployment, where only who runs it can write: as
the text of `/.well-known/movinesta-load-claim`, or in a row of `app_settings` that the service key alone reads.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from harness.core.errors import TargetError
from harness.core.target import Target, TargetWindow

CLAIM_PATH = "/.well-known/movinesta-load-claim"
CLAIM_KEY = "ops.load_test.claim"
CLAIM_ROW = f"app_settings?select=value&key=eq.{CLAIM_KEY}&scope=eq.server_only"
CLAIM_BYTES = 24


def new_claim() -> str:
    """A word that nobody guesses."""
    return f"load-{secrets.token_hex(CLAIM_BYTES)}"


def statement(claim: str) -> str:
    """What puts the claim's row there, for who may write to the database."""
    return (
        f"insert into public.app_settings (key, scope, value) values ('{CLAIM_KEY}', 'server_only', '\"{claim}\"') "
        "on conflict (key) do update set value = excluded.value;"
    )


def stands(claim: str, text: object) -> bool:
    """Whether what was read is the claim."""
    return isinstance(text, str) and hmac.compare_digest(text.strip().encode(), claim.encode())


def refuse_outside_windows(target: Target, now: datetime, lasts_s: float = 0.0) -> None:
    """Production is loaded in a window of its target file, from beginning to end, and at no other time.

    :raises TargetError: it is another time, or the run would outlast the window.
    """
    if target.environment != "production":
        return
    where = f"target {target.name}, [[window]]"
    current = next((one for one in target.window if one.begins <= now < one.ends), None)
    if current is None:
        raise TargetError(
            f"production may be loaded in a dated window only; it is {_shown(now)}, and {_told(target.window, now)}",
            where=where,
            remedy="have its owner write begins and ends, with dates, into [[window]] of the target file",
        )
    if now + timedelta(seconds=lasts_s) > current.ends:
        raise TargetError(
            f"this run lasts until {_exactly(now + timedelta(seconds=lasts_s))}, its window ends "
            f"{_exactly(current.ends)}",
            where=where,
            remedy="begin earlier, choose a shorter profile, wait less for workers (--wait), or have its owner "
            "lengthen the window",
        )


def _told(windows: Sequence[TargetWindow], now: datetime) -> str:
    if not windows:
        return "the target file has none"
    coming = sorted(one.begins for one in windows if one.begins > now)
    return f"the next one begins {_shown(coming[0])}" if coming else "all of the file's are over"


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _exactly(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
