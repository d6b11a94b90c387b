"""Puts every question to a checkout. Nothing is sent anywhere."""

from __future__ import annotations

from pathlib import Path

from harness.core.visible import visible
from harness.preflight.checkout.lints import CHECKOUT_LINTS
from harness.preflight.checkout.model import read
from harness.preflight.model import PreflightFinding, by_gravity


def checkout(folder: Path) -> tuple[PreflightFinding, ...]:
    """The findings, the gravest first. :raises UsageError: there is no checkout."""
    found = read(folder)
    return tuple(
        by_gravity(
            [
                PreflightFinding(
                    lint=lint.id,
                    severity=one.severity or lint.severity,
                    title=lint.title,
                    why=lint.why,
                    manual=lint.manual,
                    object=visible(one.object),
                    evidence=visible(one.evidence),
                    remedy=visible(one.remedy),
                )
                for lint in CHECKOUT_LINTS
                for one in lint.look(found)
            ]
        )
    )
