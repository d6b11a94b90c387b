"""The checks, one a file, in the order in which they are told. (pure)"""

from __future__ import annotations

from harness.doctor.checks import (
    clock,
    database,
    deployment,
    endpoints,
    generator,
    key_set,
    keys,
    name,
    ownership,
    people,
    plan,
    realtime,
    sign_in,
    sign_in_limit,
    tls,
)
from harness.doctor.model import Check

_ANSWERS = ("name", "TLS", "deployment")
_OPEN = (*_ANSWERS, "keys")

CHECKS = (
    Check("name", name.judge),
    Check("TLS", tls.judge, ("name",)),
    Check("deployment", deployment.judge, ("name", "TLS")),
    Check("clock", clock.judge, _ANSWERS),
    Check("keys", keys.judge, _ANSWERS),
    Check("ownership", ownership.judge, _OPEN),
    Check("key set", key_set.judge, (*_OPEN, "people")),
    Check("people", people.judge, _OPEN),
    Check("sign-in", sign_in.judge, (*_OPEN, "people")),
    Check("sign-in limit", sign_in_limit.judge, (*_OPEN, "key set", "sign-in")),
    Check("endpoints", endpoints.judge, (*_OPEN, "clock")),
    Check("Realtime", realtime.judge, _OPEN),
    Check("database", database.judge, ("name",)),
    Check("plan", plan.judge),
    Check("generator", generator.judge),
)
