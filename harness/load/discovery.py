"""How a process finds the secrets of its target: the environment, or a sandbox on loopback that tells them.

A sandbox answers `GET /.well-known/movinesta-sandbox` to loopback peers only, with its keys and its people; so a
target on this machine needs no file. No other kind of host is ever asked, and the address that was asked is the one
that is used: a reply that names another host is refused.
"""

from __future__ import annotations

import os
import secrets
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError

from harness.config.load import load_profile
from harness.core.errors import TargetError, UsageError
from harness.core.people import Secrets
from harness.core.phase_window import Window
from harness.core.run_spec import ANON_KEY_ENV, JWT_SECRET_ENV, PASSWORD_ENV, RunSpec
from harness.core.secret import NOTHING, Secret
from harness.core.tables import Phase
from harness.core.target import checked_url
from harness.core.target_guard import is_loopback, shown
from harness.egress import database, web
from harness.egress.gate import LOOPBACK, host_of

WELL_KNOWN = "/.well-known/movinesta-sandbox"
CLOSED_PROFILE, EVERYBODY = "smoke", "nightly"
"""Whose behaviour closed users show under plain `locust -f`: short sessions; who is not in it, as in the other."""
ENDLESS_S = 1e9
"""Plain Locust ends when somebody ends it; everything until then is measured."""
CLOSED_PERSONAS = frozenset({"swiper", "reader", "chatter"})
"""Who takes part there unless classes are named: people whose calls all succeed on a deployment as shipped."""


def _hidden(value: object) -> Secret:
    """:raises ValueError: it is no text."""
    if isinstance(value, str | Secret):
        return Secret(value)
    raise ValueError("not a text")


Hidden = Annotated[Secret, PlainValidator(_hidden), PlainSerializer(str)]
"""A secret as it stands in JSON; written back, it is the mask."""


class SandboxPeople(BaseModel):
    model_config = ConfigDict(extra="ignore")
    count: int
    email_pattern: str
    password: Hidden


class Discovered(BaseModel):
    """A sandbox's own description of itself."""

    model_config = ConfigDict(extra="ignore")
    name: str
    url: str
    anon_key: Hidden
    service_key: Hidden
    jwt_secret: Hidden = NOTHING
    signing_key: Hidden = NOTHING  # private half, where a key signs and the secret does not
    dsn: Hidden = NOTHING
    people: SandboxPeople
    seed: int
    quirks: dict[str, object] = Field(default_factory=dict)


def discover(url: str) -> Discovered:
    """Ask a sandbox on loopback. Its `url` is the one that was asked.

    :raises UsageError: no URL. :raises TargetError: there is no sandbox at that address, or it names another host.
    """
    try:
        url = checked_url(url)
    except ValueError as error:
        raise UsageError(f"not the URL of a sandbox: {error}", where="--url") from None
    host = host_of(url)
    remedy = "start one with `harness sandbox up`, or name the target's keys in a target file (docs/targets.md)"
    if not is_loopback(host):
        raise TargetError(f"the keys of {host or 'the target'} are not known here", where=url, remedy=remedy)
    try:
        reply = web.get(LOOPBACK, url + WELL_KNOWN, timeout_s=5.0)
        reply.raise_for_status()
        found = Discovered.model_validate_json(reply.content)
    except httpx.HTTPError as error:
        raise TargetError(f"no sandbox answers: {error}", where=url, remedy=remedy) from error
    except ValidationError as error:
        raise TargetError("what answers is not a sandbox of this harness", where=url, remedy=remedy) from error
    _stays_here(found, url)
    return found.model_copy(update={"url": url})


def _stays_here(found: Discovered, asked: str) -> None:
    """:raises TargetError: the reply leads away from this machine."""
    remedy = "stop what answers there; a sandbox of this harness names only loopback"
    try:
        hosts = [("url", host_of(found.url)), *(("dsn", host) for host, _ in _databases(found.dsn.reveal()))]
    except UsageError as error:
        raise TargetError(f"what answers names a database that is none: {error.what}", where=asked) from None
    for key, host in hosts:
        if not is_loopback(host):
            raise TargetError(
                f"what answers says that its {key} is at {shown(host)}, so nothing more was sent to anybody",
                where=asked,
                remedy=remedy,
            )


def _databases(dsn: str) -> tuple[tuple[str, int], ...]:
    return database.places(dsn, {}).hosts if dsn else ()


def secrets_for(url: str) -> Secrets:
    """From the environment where the supervisor put them, else from the sandbox. :raises TargetError:"""
    given = secrets_from_environment()
    if given.anon_key:
        return given
    found = discover(url)
    return Secrets(found.anon_key, found.people.password)


def secrets_from_environment() -> Secrets:
    """What the supervisor put there, or nothing; from now on this process's filter knows it."""
    return Secrets(*(os.environ.get(name, "") for name in (ANON_KEY_ENV, PASSWORD_ENV, JWT_SECRET_ENV)))


def closed_spec(url: str) -> RunSpec:
    """What plain Locust users do against `--host`: one session after the other."""
    if not url:
        raise TargetError("no host to load", where="locust --host", remedy="give --host http://127.0.0.1:PORT")
    found = discover(url)
    profile = load_profile(CLOSED_PROFILE)
    behaviour = load_profile(EVERYBODY).behaviour | profile.behaviour
    profile = profile.model_copy(update={"people": found.people.count, "behaviour": behaviour})
    return RunSpec(
        run_id="closed",
        run_tag=secrets.randbits(32),
        folder="",
        url=url,
        seed=secrets.randbits(31),
        profile=profile,
        email_pattern=found.people.email_pattern,
        windows=(Window(phase=Phase.MEASURE, start_s=0.0, end_s=ENDLESS_S),),
    )
