"""Functions that run as their owner, for everybody. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import OURS
from harness.preflight.model import Lint

WRITES = r'(?:insert\s+into|update\s+[a-z_."]+\s+(?:as\s+\w+\s+)?set|delete\s+from|truncate)'
CALLER = r"auth[.](uid|jwt|role|email)[(]|request[.]jwt|request[.]headers"

LINT = Lint(
    id="definer_function_for_anyone",
    severity="medium",
    title="Anybody may call a function that runs with its owner's rights",
    why="row-level security does not bind it: what it does, everybody does",
    manual="10",
    sql=f"""
select p.oid::regprocedure::text,
       concat_ws('; ', 'SECURITY DEFINER',
         case when writes then 'it writes: ' || left(regexp_replace(found[1], '\\s+', ' ', 'g'), 80)
              else 'it reads' end,
         case when asks then 'it looks at who is calling' else 'it does not look at who is calling' end),
       format('revoke execute on function %s from public, anon;', p.oid::regprocedure),
       case when asks then 'low' when writes then 'high' else 'medium' end
from pg_proc p,
lateral (select regexp_match(p.prosrc, '{WRITES}[^;]{{0,60}}', 'i')) m (found),
lateral (select found is not null, p.prosrc ~* '{CALLER}') w (writes, asks)
where p.pronamespace = to_regnamespace('public') and p.prosecdef and p.prokind in ('f', 'p')
  and p.prorettype <> to_regtype('trigger') and p.prorettype <> to_regtype('event_trigger')
  and to_regrole('anon') is not null and has_function_privilege(to_regrole('anon'), p.oid, 'EXECUTE')
  and {OURS.format(oid="p.oid")}
""",
)
