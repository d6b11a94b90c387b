"""Every question of preflight, wherever it is asked: what a file of accepted findings may name, and SARIF's rules.
(pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.preflight.checkout.lints import CHECKOUT_LINTS
from harness.preflight.lints import LINTS
from harness.preflight.model import Severity
from harness.preflight.outside.questions import QUESTIONS


@dataclass(frozen=True, slots=True)
class Rule:
    """What a question is called, and how grave its finding is where nothing else is said."""

    id: str
    severity: Severity
    title: str
    why: str
    manual: str


RULES: tuple[Rule, ...] = (
    *(Rule(one.id, one.severity, one.title, one.why, one.manual) for one in LINTS),
    *(Rule(one.id, one.severity, one.title, one.why, one.manual) for one in QUESTIONS),
    *(Rule(one.id, one.severity, one.title, one.why, one.manual) for one in CHECKOUT_LINTS),
)
"""To the catalogue, from outside, to a checkout."""
