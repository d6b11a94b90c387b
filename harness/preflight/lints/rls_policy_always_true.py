"""Policies that let everybody write anything. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import API_ROLES
from harness.preflight.model import Lint

LINT = Lint(
    id="rls_policy_always_true",
    severity="high",
    title="A policy lets everybody write any row",
    why="one person can write or delete what belongs to others",
    manual="10",
    sql=f"""
select format('%s.%s', c.oid::regclass, p.polname),
       format('for %s to %s using (%s) with check (%s)',
              case p.polcmd when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
              roles.names, coalesce(pg_get_expr(p.polqual, p.polrelid), ''),
              coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')),
       format('alter policy %I on %s ... -- compare the row with (select auth.uid())', p.polname, c.oid::regclass)
from pg_policy p join pg_class c on c.oid = p.polrelid,
lateral (
  select string_agg(case r when 0 then 'public' else pg_get_userbyid(r) end, ', ') as names,
         bool_or(r = 0 or pg_get_userbyid(r) in {API_ROLES}) as api
  from unnest(p.polroles) r
) roles
where c.relnamespace = to_regnamespace('public') and p.polpermissive and p.polcmd <> 'r' and roles.api
  and c.relrowsecurity
  and case p.polcmd when 'a' then pg_get_expr(p.polwithcheck, p.polrelid) = 'true'
                    else coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') = 'true' end
""",
)
