"""`metrics.txt`: a run's figures in the OpenMetrics text format, as GitLab's metrics report reads them. (pure)

OpenMetrics 1.0; GitLab shows each figure of a merge request beside that of its target branch. Seconds and shares, as
the format asks for; an operation that has no figure (its percentile falls on a failure) is +Inf.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from harness.core.visible import visible
from reports.verdict import Verdict

Sample = tuple[Mapping[str, str], float]


def render(verdict: Verdict) -> str:
    """All figures of one run, closed by `# EOF`."""
    slos = verdict.slos
    latencies = [row for row in slos if row.kind == "latency" and row.samples]
    families: list[tuple[str, str, str, list[Sample]]] = [
        ("harness_exit_code", "", "The run's exit code; 0 is a pass.", [({}, float(verdict.exit_code))]),
        (
            "harness_latency_seconds",
            "seconds",
            "Percentile of an operation that an SLO names.",
            [
                (
                    {"slo": row.name, "view": row.view, "percentile": row.objective.split()[0]},
                    math.inf if row.value is None else row.value / 1000,
                )
                for row in latencies
            ],
        ),
        (
            "harness_bad_ratio",
            "ratio",
            "Share of samples that an SLO counts as bad.",
            [
                ({"slo": row.name, "view": row.view}, row.value or 0.0)
                for row in slos
                if row.kind == "share" and row.samples
            ],
        ),
        (
            "harness_slo_met",
            "",
            "1: met, 0: missed or not answered.",
            [({"slo": row.name, "view": row.view}, float(row.status == "pass")) for row in slos],
        ),
        (
            "harness_integrity_broken",
            "",
            "Rows or writes that a data check found wrong.",
            [({"rule": row.id}, float(row.count)) for row in verdict.integrity.checks if row.status != "not checked"],
        ),
        (
            "harness_attempts_per_second",
            "",
            "Requests a second in the measure phase.",
            [({}, verdict.facts.attempts_per_s)],
        ),
        (
            "harness_regressed_operations",
            "",
            "Operations slower than the baseline.",
            [({}, float(len(verdict.comparison.regressed)))] if verdict.comparison is not None else [],
        ),
    ]
    lines = [line for name, unit, help_, samples in families for line in _family(name, unit, help_, samples)]
    return "\n".join([*lines, "# EOF", ""])


def _family(name: str, unit: str, help_: str, samples: Iterable[Sample]) -> list[str]:
    rows = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    if not rows:
        return []
    return [
        f"# TYPE {name} gauge",
        *([f"# UNIT {name} {unit}"] if unit else []),
        f"# HELP {name} {help_}",
        *rows,
    ]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return "+Inf" if math.isinf(value) else f"{value:.9g}"
