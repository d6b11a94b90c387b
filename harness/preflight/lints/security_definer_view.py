"""Views that read as their owner. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED, OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="security_definer_view",
    severity="high",
    title="A view of the API reads with its owner's rights",
    why="row-level security of the tables behind it does not bind it",
    manual="10",
    sql=f"""
select c.oid::regclass::text, format('owned by %s; %s', pg_get_userbyid(c.relowner), granted.text),
       format('alter view %s set (security_invoker = on);', c.oid::regclass)
from pg_class c, {GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind = 'v' and granted.text is not null
  and not exists (select from unnest(c.reloptions) o where o ~* '^security_invoker=(on|true|1|yes)$')
  and {OURS.format(oid="c.oid")}
""",
)
