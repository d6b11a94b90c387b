"""OpenSLO v1 documents: a service, an SLO for each promise, an alert policy for each burn rate, as a stream of YAML.

OpenSLO 1.0 (openslo.com, README of OpenSLO/OpenSLO). Its policies have one window each, so the long one of each pair
stands there, with the short one as the time for which it has to hold. Documents are JSON, which YAML takes. (pure)
"""

from __future__ import annotations

import json
from typing import Any

from harness.alerts.burn_rates import BURN_RATES, PERIOD
from harness.alerts.queries import Promise, identifier

VERSION = "openslo/v1"
LONGEST = 1050
"""Characters of a description."""
WINDOW = "5m"
"""Of the rates in the queries; a ratio of counters needs some."""


def documents(promises: list[Promise], service: str) -> list[dict[str, Any]]:
    """As JSON values."""
    name = identifier(service)
    found = [_document("Service", name, service, {"description": "Watched by the promises of its SLO file."})]
    found += [
        _document(
            "AlertPolicy",
            f"burn-{burn.severity}-{burn.long}",
            f"Error budget spent at {burn.rate:g} times the even pace",
            {
                "description": f"{burn.spent * 100:g} % of the budget of {PERIOD} within {burn.long}.",
                "alertWhenBreaching": True,
                "alertWhenResolved": True,
                "alertWhenNoData": False,
                "conditions": [
                    {
                        "kind": "AlertCondition",
                        "metadata": {"name": f"burn-{burn.severity}-{burn.long}"},
                        "spec": {
                            "severity": burn.severity,
                            "condition": {
                                "kind": "burnrate",
                                "op": "gt",
                                "threshold": burn.rate,
                                "lookbackWindow": burn.long,
                                "alertAfter": burn.short,
                            },
                        },
                    }
                ],
                "notificationTargets": [{"targetRef": burn.severity}],
            },
        )
        for burn in BURN_RATES
    ]
    found += [
        _document("AlertNotificationTarget", severity, severity, {"target": severity})
        for severity in dict.fromkeys(burn.severity for burn in BURN_RATES)
    ]
    return found + [_slo(promise, name) for promise in promises]


def render(promises: list[Promise], left: list[str], service: str) -> str:
    """As one file. left: promises that cannot be watched, as comments."""
    head = "# Written by `harness slo export --openslo`.\n" + "".join(f"# Not watched: {why}\n" for why in left)
    return head + "".join(
        f"---\n{json.dumps(one, indent=2, ensure_ascii=False)}\n" for one in documents(promises, service)
    )


def _slo(promise: Promise, service: str) -> dict[str, Any]:
    def source(query: str) -> dict[str, Any]:
        return {"metricSource": {"type": "Prometheus", "spec": {"query": query.replace("$window", WINDOW)}}}

    policies = [burn for burn in BURN_RATES if burn.threshold(promise.budget) is not None]
    return _document(
        "SLO",
        promise.id,
        promise.name,
        {
            "description": (promise.text + (f". Not seen: {promise.unseen}" if promise.unseen else ""))[:LONGEST],
            "service": service,
            "indicator": {
                "metadata": {"name": f"{promise.id[:59]}-sli"},
                "spec": {"ratioMetric": {"counter": False, "bad": source(promise.bad), "total": source(promise.total)}},
            },
            "timeWindow": [{"duration": PERIOD, "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": promise.text[:63], "target": round(1 - promise.budget, 9)}],
            "alertPolicies": [f"burn-{burn.severity}-{burn.long}" for burn in policies],
        },
    )


def _document(kind: str, name: str, title: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name, "displayName": title}, "spec": spec}
