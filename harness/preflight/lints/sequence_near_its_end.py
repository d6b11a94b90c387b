"""Sequences that run out. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="sequence_near_its_end",
    severity="high",
    title="A sequence has used more than half of what it can give",
    why="after its last number each insert fails",
    manual="4.2",
    sql="""
select format('%I.%I', schemaname, sequencename),
       format('%s of %s', last_value, max_value),
       'alter the column and its sequence to bigint'
from pg_sequences where last_value > max_value / 2 and not cycle
""",
)
