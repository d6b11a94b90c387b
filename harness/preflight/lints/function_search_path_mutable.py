"""Functions that run as their owner along a path that the caller chooses. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="function_search_path_mutable",
    severity="medium",
    title="A function with its owner's rights has no fixed search_path",
    why="a caller who may create objects makes it run theirs",
    manual="10",
    sql=f"""
select p.oid::regprocedure::text, 'SECURITY DEFINER without SET search_path',
       format('alter function %s set search_path = %L;', p.oid::regprocedure, '')
from pg_proc p
where p.pronamespace = to_regnamespace('public') and p.prosecdef
  and not exists (select from unnest(p.proconfig) setting where setting like 'search_path=%')
  and {OURS.format(oid="p.oid")}
""",
)
