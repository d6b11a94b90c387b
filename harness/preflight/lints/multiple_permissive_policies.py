"""Several policies for the same role and verb. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="multiple_permissive_policies",
    severity="low",
    title="Several permissive policies serve one role and verb",
    why="each of them is asked for each row",
    manual="4.4",
    sql="""
select c.oid::regclass::text || ' ' || verb || ' ' || role, string_agg(p.polname, ', ' order by p.polname),
       'make one policy of them, with OR'
from pg_policy p join pg_class c on c.oid = p.polrelid
cross join lateral unnest(case p.polcmd when 'r' then array['select'] when 'a' then array['insert']
  when 'w' then array['update'] when 'd' then array['delete']
  else array['select', 'insert', 'update', 'delete'] end) verb
cross join lateral (
  select case r when 0 then 'public' else pg_get_userbyid(r) end from unnest(p.polroles) r
) roles (role)
where c.relnamespace = to_regnamespace('public') and p.polpermissive and role in ('anon', 'authenticated', 'public')
group by c.oid, verb, role having count(*) > 1
""",
)
