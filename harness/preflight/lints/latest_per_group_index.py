"""The two patterns that the manual names: newest first, per conversation and per person. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="latest_per_group_index",
    severity="medium",
    title="Newest rows per conversation or person are read without an index that gives the order",
    why="each such read sorts all rows of the conversation or person",
    manual="4.1",
    sql="""
select c.oid::regclass::text || ' (' || g.attname || ', ' || t.attname || ')',
       'about ' || greatest(c.reltuples, 0)::bigint || ' rows, no index begins with these columns',
       format('create index concurrently on %s (%I, %I desc);', c.oid::regclass, g.attname, t.attname)
from pg_class c
join pg_attribute g on g.attrelid = c.oid and g.attname in ('conversation_id', 'user_id') and not g.attisdropped
join pg_attribute t on t.attrelid = c.oid and t.attname = 'created_at' and not t.attisdropped
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not c.relispartition
  and (g.attname = 'conversation_id' and c.relname ~ 'messages$'
       or g.attname = 'user_id' and c.relname ~ '(_events|_outcomes|_impressions)$')
  and not exists (
    select from pg_index i
    where i.indrelid = c.oid and i.indkey[0] = g.attnum and i.indkey[1] = t.attnum and i.indisvalid
  )
""",
)
