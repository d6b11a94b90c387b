"""`verdict.json`: the verdict for machines. Its schema is `reports.verdict.Verdict`. (pure)"""

from __future__ import annotations

from harness.core.visible import in_json
from reports.verdict import Verdict


def render(verdict: Verdict) -> str:
    return in_json(verdict.model_dump_json(indent=2)) + "\n"
