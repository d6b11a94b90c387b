"""Findings as SARIF 2.1.0 (OASIS standard), which code hosts show among their security alerts. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness import __version__
from harness.preflight.model import PreflightFinding, Severity
from harness.preflight.rules import RULES

LEVEL: dict[Severity, str] = {"high": "error", "medium": "warning", "low": "note"}


def sarif(findings: Sequence[PreflightFinding], accepted: Iterable[PreflightFinding] = ()) -> dict[str, Any]:
    """The document. Accepted ones are in it, as suppressed."""
    suppressed = {"suppressions": [{"kind": "external"}]}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "harness preflight",
                        "version": __version__,
                        "rules": [
                            {
                                "id": lint.id,
                                "shortDescription": {"text": lint.title},
                                "fullDescription": {"text": f"{lint.title}: {lint.why}."},
                                "defaultConfiguration": {"level": LEVEL[lint.severity]},
                            }
                            for lint in RULES
                        ],
                    }
                },
                "results": [
                    *(_result(one) for one in findings),
                    *(_result(one) | suppressed for one in accepted),
                ],
            }
        ],
    }


def _result(finding: PreflightFinding) -> dict[str, Any]:
    return {
        "ruleId": finding.lint,
        "level": LEVEL[finding.severity],
        "message": {"text": f"{finding.title}: {finding.object} ({finding.evidence}). {finding.remedy}"},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": finding.object, "kind": "object"}]}],
        "partialFingerprints": {"object/v1": f"{finding.lint}:{finding.object}"},
    }
