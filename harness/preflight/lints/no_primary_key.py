"""Tables whose rows nothing tells apart. (pure)"""

from __future__ import annotations

from harness.preflight.lints._parts import OURS
from harness.preflight.model import Lint

LINT = Lint(
    id="no_primary_key",
    severity="medium",
    title="A table has no primary key",
    why="logical replication sends whole rows for each update, or refuses",
    manual="4.1",
    sql=f"""
select c.oid::regclass::text, 'about ' || greatest(c.reltuples, 0)::bigint || ' rows',
       format('alter table %s add primary key (...);', c.oid::regclass)
from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not c.relispartition
  and {OURS.format(oid="c.oid")}
  and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
""",
)
