"""Indexes that are the same. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="duplicate_index",
    severity="low",
    title="Two indexes are the same",
    why="each write keeps both up to date",
    manual="4.3",
    sql="""
select string_agg(i.indexrelid::regclass::text, ', ' order by i.indexrelid::regclass::text),
       format('on %s, %s each', i.indrelid::regclass, pg_size_pretty(min(pg_relation_size(i.indexrelid)))),
       format('drop index concurrently %s;', max(i.indexrelid::regclass::text))
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = to_regnamespace('public') and not c.relispartition
group by i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text, i.indcollation::text,
         coalesce(pg_get_expr(i.indexprs, i.indrelid), ''), coalesce(pg_get_expr(i.indpred, i.indrelid), '')
having count(*) > 1
""",
)
