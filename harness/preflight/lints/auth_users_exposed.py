"""Views that show the accounts. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED
from harness.preflight.model import Lint

LINT = Lint(
    id="auth_users_exposed",
    severity="high",
    title="A view of the API reads auth.users",
    why="e-mail addresses and more of everybody may be read through it",
    manual="10",
    sql=f"""
select distinct c.oid::regclass::text, granted.text,
       format('revoke all on %s from anon, authenticated;', c.oid::regclass)
from pg_class c
join pg_rewrite r on r.ev_class = c.oid
join pg_depend d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass and d.refobjid = to_regclass('auth.users'),
{GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind in ('v', 'm') and granted.text is not null
""",
)
