"""`verdict.json`: the verdict for machines. Its schema is `reports.verdict.Verdict`. (pure)"""

from __future__ import annotations

from reports.verdict import Verdict


def render(verdict: Verdict) -> str:
    return verdict.model_dump_json(indent=2) + "\n"
