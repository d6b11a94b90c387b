"""What was left from finding a fault. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED, OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="debug_object_in_api",
    severity="medium",
    title="A table or function for debugging is part of the API",
    why="it was made for one person, and everybody with the public key may use it",
    manual="10",
    sql=f"""
select c.oid::regclass::text, granted.text, format('drop table %s; -- or revoke all on it', c.oid::regclass), 'high'
from pg_class c, {GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'v', 'm') and granted.text is not null
  and c.relname ~ '(^|_)(debug|test|tmp|temp|backup|bak|old)(_|$)'
union all
select p.oid::regprocedure::text, 'anon may call it',
       format('drop function %s; -- or revoke execute on it from public, anon', p.oid::regprocedure), 'medium'
from pg_proc p
where p.pronamespace = to_regnamespace('public') and p.proname ~ '(^|_)(debug|test|tmp)(_|$)'
  and p.prorettype <> to_regtype('trigger')
  and to_regrole('anon') is not null and has_function_privilege(to_regrole('anon'), p.oid, 'EXECUTE')
  and {OURS.format(oid="p.oid")}
""",
)
