"""Protected tables that nobody may read. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import GRANTED, OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="rls_enabled_no_policy",
    severity="low",
    title="A table of the API has row-level security and no policy",
    why="whoever asks gets nothing: meant for the service alone, or forgotten",
    manual="10",
    sql=f"""
select c.oid::regclass::text, granted.text,
       format('revoke all on %s from anon, authenticated; -- or a policy, if people are to see it', c.oid::regclass)
from pg_class c, {GRANTED}
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and c.relrowsecurity
  and not c.relispartition and granted.text is not null and {OURS.format(oid="c.oid")}
  and not exists (select from pg_policy p where p.polrelid = c.oid)
""",
)
