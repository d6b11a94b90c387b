"""Which figures no day can have. (pure)"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from harness.core.behaviour import PERSONAS
from harness.plan.app import AppSettings
from harness.plan.ranges import Range, refuse

HOURS = 24
TOLERANCE = 1e-6
"""How far shares may be from a sum of 1: that of a profile's mix."""
POSITIVE = ("dau", "sessions_per_day", "session_minutes", "mau_per_dau", "days_per_month")
SHARES = ("messaging_share", "group_share", "live_share", "conversation_share", "offline_share", "compressed")
FORMS = ("curve", "mix", "app")
SWITCHES = ("browser",)
RANGES = ("swipes_per_session", "messages_per_person")
LEAST, MOST = 1e-6, 1e10
"""What is positive lies between them; beyond is a typing error, and products of it would overflow."""


def check(inputs: Any) -> None:
    """:raises UsageError: a figure of these `PlanInputs` is impossible; the message names it."""
    _check_forms(inputs.curve, inputs.mix, inputs.app)
    _check_numbers(inputs)
    _check_shares(inputs)


def _check_forms(curve: object, mix: object, app: object) -> None:
    """A file can hold anything under these names."""
    if not isinstance(curve, tuple | list):
        raise refuse("curve", repr(curve), "is not a day", "give 24 shares, one an hour")
    if not isinstance(mix, Mapping):
        raise refuse("mix", repr(mix), "is no table of shares", "write [mix], then lines of persona = share")
    if not isinstance(app, AppSettings):
        raise refuse("app", repr(app), "is no table of levers", "write [app], then lines of lever = value")


def _check_numbers(inputs: Any) -> None:
    for item in fields(inputs):
        value = getattr(inputs, item.name)
        if item.name in FORMS or (value is None and item.name == "messaging_share"):
            continue
        if item.name in SWITCHES:
            if not isinstance(value, bool):
                raise refuse(item.name, value, "is neither true nor false", "give true or false")
            continue
        if (item.name in RANGES) is not isinstance(value, Range):
            wanted = "Range(low, high)" if item.name in RANGES else "one number"
            raise refuse(item.name, value, "has the wrong form", f"give {wanted}")
        for number in (value.low, value.high) if isinstance(value, Range) else (value,):
            _check_number(item.name, number)
        if isinstance(value, Range) and value.high < value.low:
            raise refuse(item.name, f"{value.low:g}-{value.high:g}", "has its low end above its high one", "swap them")
    if inputs.group_size < 2:
        raise refuse("group_size", inputs.group_size, "is no group", "give 2 or more, the writer included")
    if inputs.mau_per_dau < 1:
        raise refuse("mau_per_dau", inputs.mau_per_dau, "means fewer people a month than a day", "give 1 or more")
    if inputs.session_minutes > HOURS * 60:
        raise refuse("session_minutes", inputs.session_minutes, "is longer than a day", "give minutes")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(name, repr(value), "is not a number", "give a number")
    if not math.isfinite(value):
        raise refuse(name, value, "is not finite", "give a number")
    if value < 0:
        raise refuse(name, f"{value:g}", "is negative", "give 0 or more")
    if name in POSITIVE and value < LEAST:
        raise refuse(name, f"{value:g}", "leaves nothing to plan", f"give {LEAST:g} or more")
    if value > MOST:
        raise refuse(name, f"{value:g}", "is beyond anything real", f"give {MOST:g} or less")
    if name in SHARES and value > 1:
        raise refuse(name, f"{value:g}", "is more than everybody", "give a share from 0 to 1")


def _check_shares(inputs: Any) -> None:
    if len(inputs.curve) != HOURS:
        raise refuse("curve", f"{len(inputs.curve)} numbers", "is not a day", "give 24 shares, one an hour")
    for hour, share in enumerate(inputs.curve):
        _check_number(f"curve[{hour}]", share)
    for persona, share in inputs.mix.items():
        if persona not in PERSONAS:
            near = difflib.get_close_matches(str(persona), PERSONAS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(PERSONAS)}"
            raise refuse("mix", persona, "is no persona", hint)
        _check_number(f"mix.{persona}", share)
    for name, shares in (("curve", inputs.curve), ("mix", tuple(inputs.mix.values()))):
        total = math.fsum(shares)
        if abs(total - 1) > TOLERANCE:
            raise refuse(f"sum of {name}", f"{total:.9g}", "is not 1", f"adjust one share by {1 - total:+.9g}")
    chats = inputs.sessions_per_day * inputs.mix.get("chatter", 0.0)
    if inputs.messaging_share is not None and inputs.messaging_share > chats * (1 + TOLERANCE):
        raise refuse(
            "messaging_share",
            f"{inputs.messaging_share:g}",
            f"is more people than have a chatter's session on a day ({chats:.3g} of them)",
            "raise mix.chatter or lower messaging_share",
        )
