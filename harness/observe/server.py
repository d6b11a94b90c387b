"""What Postgres tells of itself as a server: its log, checkpoints, files, replicas and default partitions. (pure)

Names and values, because versions differ in what they have: pg_stat_io came with PostgreSQL 16, checkpoints moved to
pg_stat_checkpointer with 17 (docs: "The Cumulative Statistics System"). What a version lacks is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerQuestion:
    """One question; each row of its answer is a name and a value. since, until: versions that can answer it."""

    sql: str
    since: int = 15
    until: int = 99


QUESTIONS: tuple[ServerQuestion, ...] = (
    ServerQuestion(
        "select 'wal_records', wal_records::float8 from pg_stat_wal "
        "union all select 'wal_full_pages', wal_fpi::float8 from pg_stat_wal "
        "union all select 'wal_buffers_full', wal_buffers_full::float8 from pg_stat_wal"
    ),
    ServerQuestion(
        "select 'checkpoints_timed', checkpoints_timed::float8 from pg_stat_bgwriter "
        "union all select 'checkpoints_requested', checkpoints_req::float8 from pg_stat_bgwriter "
        "union all select 'checkpoint_buffers', buffers_checkpoint::float8 from pg_stat_bgwriter",
        until=16,
    ),
    ServerQuestion(
        "select 'checkpoints_timed', num_timed::float8 from pg_stat_checkpointer "
        "union all select 'checkpoints_requested', num_requested::float8 from pg_stat_checkpointer "
        "union all select 'checkpoint_buffers', buffers_written::float8 from pg_stat_checkpointer",
        since=17,
    ),
    ServerQuestion("select 'backend_buffers', buffers_backend::float8 from pg_stat_bgwriter", until=16),
    ServerQuestion(
        "select kind || ' ' || backend_type, value from (select backend_type, sum(reads)::float8 reads, "
        "sum(writes)::float8 writes, sum(extends)::float8 extends, sum(evictions)::float8 evictions from pg_stat_io "
        "where backend_type in ('client backend', 'autovacuum worker', 'checkpointer', 'background writer') "
        "group by 1) io cross join lateral (values ('io reads', reads), ('io writes', writes), "
        "('io extends', extends), ('io evictions', evictions)) each(kind, value) where value is not null",
        since=16,
    ),
    ServerQuestion(
        "select 'replica_lag_s ' || coalesce(nullif(application_name, ''), pid::text), "
        "coalesce(extract(epoch from replay_lag), 0)::float8 from pg_stat_replication"
    ),
    ServerQuestion(
        "select 'default_partition_rows ' || n.nspname || '.' || c.relname, greatest(c.reltuples, 0)::float8 "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relispartition and pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'"
    ),
    ServerQuestion(
        "select 'partitions ' || n.nspname || '.' || p.relname, count(*)::float8 from pg_inherits i "
        "join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = p.relnamespace "
        "where p.relkind = 'p' group by n.nspname, p.relname"
    ),
)

STANDS = ("replica_lag_s", "default_partition_rows", "partitions")
"""Names, up to the first space, of what is a reading and no counter."""

WORDS: Mapping[str, str] = {
    "wal_records": "records of the log",
    "wal_full_pages": "whole pages written to the log",
    "wal_buffers_full": "writes of the log because its buffers were full",
    "checkpoints_timed": "checkpoints whose time had come",
    "checkpoints_requested": "checkpoints because of the log's size",
    "checkpoint_buffers": "blocks written by checkpoints",
    "backend_buffers": "blocks that connections had to write themselves",
    "io reads": "blocks or calls read from files",
    "io writes": "written to files",
    "io extends": "files made longer",
    "io evictions": "blocks pushed out of memory",
    "replica_lag_s": "seconds that a replica is behind",
    "default_partition_rows": "rows in a default partition, an estimate",
    "partitions": "partitions",
}
"""What each name means; behind a space stands whose it is."""


def meaning(name: str) -> str:
    """In words: `blocks pushed out of memory (client backend)`."""
    for kind in sorted(WORDS, key=len, reverse=True):
        if name == kind or name.startswith(f"{kind} "):
            whose = name[len(kind) + 1 :]
            return WORDS[kind] + (f" ({whose})" if whose else "")
    return name
