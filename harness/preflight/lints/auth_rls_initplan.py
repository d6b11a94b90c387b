"""Policies that ask who somebody is once a row. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="auth_rls_initplan",
    severity="medium",
    title="A policy calls auth.uid() for each row",
    why="the time of every statement on the table grows with its rows",
    manual="4.4",
    sql="""
select format('%s.%s', c.oid::regclass, p.polname), left(text, 200),
       format('alter policy %I on %s ... -- (select auth.uid()) instead of auth.uid()', p.polname, c.oid::regclass)
from pg_policy p join pg_class c on c.oid = p.polrelid,
lateral (select concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) e (text)
where c.relnamespace = to_regnamespace('public')
  and regexp_replace(text, '[(]\\s*SELECT\\s+(auth[.](uid|jwt|role|email)[(][)]|current_setting[(])', '', 'gi')
      ~* 'auth[.](uid|jwt|role|email)[(][)]'
""",
)
