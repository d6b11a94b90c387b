"""Foreign keys that no index covers. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="unindexed_foreign_keys",
    severity="medium",
    title="A foreign key has no covering index",
    why="each delete of what it names reads the whole table, and joins along it do too",
    manual="4.1",
    sql="""
select f.conrelid::regclass::text || '.' || f.conname, 'columns ' || columns.names || ', about '
         || greatest(c.reltuples, 0)::bigint || ' rows',
       format('create index concurrently on %s (%s);', f.conrelid::regclass, columns.names)
from pg_constraint f join pg_class c on c.oid = f.conrelid,
lateral (
  select string_agg(quote_ident(a.attname), ', ' order by k.place) as names
  from unnest(f.conkey) with ordinality k (number, place)
  join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number
) columns
where f.contype = 'f' and f.connamespace = to_regnamespace('public') and f.conparentid = 0 and not c.relispartition
  and not exists (
    select from pg_index i
    where i.indrelid = f.conrelid and i.indisvalid and i.indpred is null
      and (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey
  )
""",
)
