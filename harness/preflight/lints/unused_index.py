"""Large indexes that nothing uses. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="unused_index",
    severity="low",
    title="A large index was never used",
    why="each write keeps it up to date for nobody",
    manual="4.3",
    sql="""
select s.indexrelid::regclass::text,
       format('on %s, %s, not scanned since %s', s.relid::regclass, pg_size_pretty(pg_relation_size(s.indexrelid)),
              to_char(d.stats_reset, 'YYYY-MM-DD')),
       format('drop index concurrently %s; -- once nothing monthly needs it', s.indexrelid::regclass)
from pg_stat_user_indexes s join pg_index i on i.indexrelid = s.indexrelid
join pg_stat_database d on d.datname = current_database()
where s.schemaname = 'public' and s.idx_scan = 0 and not i.indisunique and not i.indisexclusion
  and pg_relation_size(s.indexrelid) > 8 * 1024 * 1024 and d.stats_reset < now() - interval '1 day'
""",
)
