"""Tables that are mostly dead rows. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="dead_rows",
    severity="medium",
    title="A table holds many dead rows",
    why="every read passes over them: vacuum does not keep up",
    manual="4.3",
    sql="""
select s.relid::regclass::text,
       format('%s dead of %s rows, last vacuum %s', s.n_dead_tup, s.n_live_tup + s.n_dead_tup,
              coalesce(to_char(greatest(s.last_vacuum, s.last_autovacuum), 'YYYY-MM-DD HH24:MI'), 'never')),
       format('vacuum %1$s; alter table %1$s set (autovacuum_vacuum_scale_factor = 0.02);', s.relid::regclass)
from pg_stat_user_tables s
where s.n_dead_tup + s.n_live_tup >= 10000 and s.n_dead_tup > 0.2 * (s.n_dead_tup + s.n_live_tup)
""",
)
