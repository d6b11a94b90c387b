"""Policies that nobody asks. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="policy_exists_rls_disabled",
    severity="high",
    title="A table has policies, and row-level security is off",
    why="they are not asked: it looks protected and is open",
    manual="10",
    sql="""
select c.oid::regclass::text, format('%s policies: %s', count(*), string_agg(p.polname, ', ' order by p.polname)),
       format('alter table %s enable row level security;', c.oid::regclass)
from pg_policy p join pg_class c on c.oid = p.polrelid
where not c.relrowsecurity and c.relnamespace = to_regnamespace('public')
group by c.oid
""",
)
