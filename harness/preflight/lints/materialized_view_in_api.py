"""Materialized views, which know no row-level security. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED
from harness.preflight.model import Lint

LINT = Lint(
    id="materialized_view_in_api",
    severity="medium",
    title="A materialized view is part of the API",
    why="row-level security does not bind it: everybody sees all of it",
    manual="10",
    sql=f"""
select c.oid::regclass::text, granted.text, format('revoke all on %s from anon, authenticated;', c.oid::regclass)
from pg_class c, {GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind = 'm' and granted.text is not null
""",
)
