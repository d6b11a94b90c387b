"""Who a newcomer is: a fresh synthetic person whose address says which run made it. (pure)

An account made by the sign-up form cannot carry the target's tag in `app_metadata`, because only a service key writes
there; so `harness users cleanup` does not know it by its usual two marks. The address is the mark instead:

    n<run tag, 8 hex digits>_<ticket of the session>@<the domain of the target's people>

The run tag stands in the run's `order.json` (`run_tag`), so everybody a run signed up is found with the pattern
`ADDRESS`, and everybody any run signed up with it too. The local part has at most 21 characters of `[a-z0-9_]`, which
the application's sign-up trigger demands (contract 1.4, T54), so there is no room in it for the tag of the target's
people. The user name has it: local part, underscore, tag, 30 characters at most, so that teams whose people share a
domain remove their own newcomers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ADDRESS = re.compile(r"n(?P<run_tag>[0-9a-f]{8})_(?P<ticket>[0-9]{1,11})@(?P<domain>.+)")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What goes into the sign-up form, password apart."""

    email: str
    display_name: str
    username: str


def newcomer(run_tag: int, ticket: int, people_pattern: str) -> NewPerson:
    """The person that the session `ticket` of a run signs up; the same again for the same run and ticket.

    people_pattern: the target's address pattern, for its tag and its domain.
    """
    local = f"n{run_tag:08x}_{ticket}"
    tag = people_pattern.partition("{")[0].rstrip("_")
    domain = people_pattern.rpartition("@")[2]
    return NewPerson(f"{local}@{domain}", f"Newcomer {ticket}", f"{local}_{tag}")


def signed_up_here(email: str, username: object, domain: str, tag: str) -> bool:
    """Whether an account is a newcomer of some run against a target whose people have this tag and domain: both marks.

    Domains are compared without regard to case: GoTrue stores addresses in lower case.
    """
    local = _local_part(email, domain)
    return local is not None and username == f"{local}_{tag}"


def signed_up_somewhere(email: str, username: object, domain: str) -> bool:
    """Whether an account is a newcomer of a harness that did not write the tag into the name: nobody's."""
    local = _local_part(email, domain)
    return local is not None and username == local


def _local_part(email: str, domain: str) -> str | None:
    match = ADDRESS.fullmatch(email)
    fits = match is not None and match["domain"].lower() == domain.lower()
    return email.partition("@")[0] if fits else None


def run_tag_of(email: str) -> int | None:
    """Which run signed up the owner of this address; None when none did."""
    match = ADDRESS.fullmatch(email)
    return int(match["run_tag"], 16) if match is not None else None
