"""Schemas in which everybody may create. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import API_ROLES
from harness.preflight.model import Lint

LINT = Lint(
    id="schema_open_for_creation",
    severity="high",
    title="The API's roles may create objects in the public schema",
    why="they can put functions in front of yours",
    manual="10",
    sql=f"""
select n.nspname::text, string_agg(r.rolname, ', ' order by r.rolname) || ' may create in it',
       format('revoke create on schema %I from public, anon, authenticated;', n.nspname)
from pg_namespace n join pg_roles r on r.rolname in {API_ROLES}
where n.nspname = 'public' and has_schema_privilege(r.oid, n.oid, 'CREATE')
group by n.nspname
""",
)
