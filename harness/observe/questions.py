"""What Postgres is asked about itself. (pure)

Each statement answers with the columns of one table of the record, but for `at_us`. Views and columns are those of
PostgreSQL 15 and newer (docs: "The Cumulative Statistics System", "pg_stat_statements", "pg_blocking_pids").
"""

from __future__ import annotations

import re

EXTENSION = """
select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
"""
"""Where pg_stat_statements lives; no row: it is not there."""

SEES_OTHERS = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage')"
"""Whether the role may see what others run."""

_OURS = "schemaname not in ('pg_catalog', 'information_schema') and schemaname !~ '^pg_toast'"

RELATIONS = f"""
select schemaname::text, relname::text, coalesce(seq_scan, 0), coalesce(seq_tup_read, 0), coalesce(idx_scan, 0),
       n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, n_dead_tup, vacuum_count + autovacuum_count,
       coalesce(pg_total_relation_size(relid), 0)
from pg_stat_user_tables where {_OURS}
"""

INDEXES = f"""
select s.schemaname::text, s.relname::text, s.indexrelname::text, s.idx_scan,
       coalesce(pg_relation_size(s.indexrelid), 0), i.indisunique
from pg_stat_user_indexes s join pg_index i on i.indexrelid = s.indexrelid where {_OURS}
"""

SECOND = """
with clients as materialized (
    select state, wait_event_type, xact_start from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
)
select (select count(*) from clients),
       (select count(*) from clients where state = 'active'),
       (select count(*) from clients where state like 'idle in transaction%'),
       (select count(*) from clients where wait_event_type = 'Lock'),
       (select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8 from clients),
       current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
       xact_commit, xact_rollback, blks_hit, blks_read, temp_bytes, deadlocks,
       (select wal_bytes::bigint from pg_stat_wal)
from pg_stat_database where datname = current_database()
"""

CLIENTS = """
select coalesce(left(application_name, 100), ''), coalesce(usename::text, ''), coalesce(state, ''), count(*),
       coalesce(extract(epoch from max(clock_timestamp() - state_change)), 0)::float8
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() group by 1, 2, 3
"""

BREAKERS = """
select model, failure_count::bigint, extract(epoch from open_until - clock_timestamp())::float8
from public.openrouter_circuit_breakers order by model limit 100
"""

WAITS = """
select coalesce(extract(epoch from clock_timestamp() - l.waitstart), 0)::float8,
       coalesce((select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.oid = l.relation), ''),
       l.mode, left(a.query, 2000), left(b.query, 2000),
       coalesce(b.state, ''), coalesce(extract(epoch from clock_timestamp() - b.xact_start), 0)::float8
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
cross join lateral unnest(pg_blocking_pids(l.pid)) blocker
join pg_stat_activity b on b.pid = blocker
where not l.granted limit 50
"""


def statements(schema: str) -> str:
    """Counters by statement and role, without texts: their file is not read. `schema`: a quoted identifier."""
    return f"""
select queryid, coalesce(r.rolname::text, ''), sum(calls)::bigint, sum(total_exec_time), sum(rows)::bigint,
       sum(shared_blks_hit)::bigint, sum(shared_blks_read)::bigint, sum(temp_blks_written)::bigint,
       sum(wal_bytes)::bigint
from {schema}.pg_stat_statements(false) s left join pg_roles r on r.oid = s.userid
where s.queryid is not null and s.toplevel and s.dbid = (select oid from pg_database where datname = current_database())
group by 1, 2
"""


def texts(schema: str) -> str:
    """Texts of some statements."""
    return f"select distinct on (queryid) queryid, query from {schema}.pg_stat_statements(true) where queryid = any($1)"


OURS = re.compile("pg_stat_|pg_locks")
"""In what the observer asks, and the target's own monitoring."""
_QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$|[eE]?'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_UNCLOSED = re.compile(r"'.*\Z", re.DOTALL)
_REMARK = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?\b")
TEXT_LENGTH = 2000


def without_literals(text: str | None) -> str:
    """A statement as it may be kept: no literal of anybody's, no remark, in one line, of bounded length."""
    if not text:
        return ""
    shown = _NUMBER.sub("?", _UNCLOSED.sub("?", _REMARK.sub(" ", _QUOTED.sub("?", text))))
    shown = " ".join(shown.split())
    return shown if len(shown) <= TEXT_LENGTH else f"{shown[: TEXT_LENGTH - 1]}…"
