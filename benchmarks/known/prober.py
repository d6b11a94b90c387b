"""A locustfile for `harness`' own shell: people who do one thing, once, at their planned instant."""

from __future__ import annotations

import os
from pathlib import Path

from harness.phone.calls import Call, Caller, Service
from harness.phone.phone import Phone
from harness.shell import PhoneUser

PROBE = Call("probe", "GET", "/probe/{}", Service.REST, Caller.PLAIN, signed_in=False)


def tell_zero(zero: float) -> None:
    """The plan's zero on CLOCK_MONOTONIC, for whoever lays plan and log side by side."""
    Path(os.environ["TRUTH_ZERO"]).write_text(repr(zero))


class Prober(PhoneUser):
    async def session(self, phone: Phone) -> None:
        """One request; its number is the ticket's, so that plan and the target's log can be laid side by side."""
        if phone.ticket == 0:
            tell_zero(phone.kit.zero)
        with phone.operation("probe") as operation:
            operation.ends((await phone.request(PROBE, str(phone.ticket))).outcome)
