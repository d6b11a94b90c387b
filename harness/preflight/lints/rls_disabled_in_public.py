"""Tables of the API without row-level security. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED, OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="rls_disabled_in_public",
    severity="high",
    title="A table of the API has no row-level security",
    why="everybody with the public key does with its rows whatever the grants allow",
    manual="10",
    sql=f"""
select c.oid::regclass::text, granted.text, format('alter table %s enable row level security;', c.oid::regclass)
from pg_class c, {GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not c.relrowsecurity
  and granted.text is not null and {OURS.format(oid="c.oid")}
""",
)
