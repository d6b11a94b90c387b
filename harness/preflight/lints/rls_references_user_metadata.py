"""Policies that believe what people say of themselves. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="rls_references_user_metadata",
    severity="high",
    title="A policy reads user_metadata",
    why="everybody can change their own, and so let themselves in",
    manual="10",
    sql="""
select format('%s.%s', c.oid::regclass, p.polname), left(text, 200), 'read app_metadata, which the service alone writes'
from pg_policy p join pg_class c on c.oid = p.polrelid,
lateral (select concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) e (text)
where text ilike '%user_metadata%'
""",
)
