"""The drift probes: facts of the schema that decide how a deployment behaves (contract 8.4). (pure)

Each is one statement with one text as its answer, so that what a deployment lacks costs one fact, not all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """One fact. sql: answers with one row of one text. path: what PostgREST tells of it, with the service key.

    path is a table with a query; the number of rows is the answer, or, where `column` is named, the first row's value.
    """

    name: str
    sql: str
    path: str = ""
    column: str = ""


def _policies(table: str, command: str) -> str:
    return (
        "select count(*)::text from pg_policies "
        f"where schemaname = 'public' and tablename = '{table}' and cmd in ('{command}', 'ALL')"
    )


def _partition(table: str) -> str:
    return (
        f"select coalesce(to_regclass('public.{table}_' || to_char(now() at time zone 'utc', 'YYYY_MM'))::text, "
        "'default')"
    )


_UNIQUE = "from pg_index i where i.indisunique and i.indrelid = 'public.{table}'::regclass and "

PROBES = (
    Probe(
        "media_events_triggers",
        "select count(*)::text from pg_trigger t where not t.tgisinternal and (t.tgrelid = "
        "'public.media_events'::regclass or t.tgrelid in (select inhrelid from pg_inherits where inhparent = "
        "'public.media_events'::regclass))",
    ),
    Probe(
        "uq_user_dedupe_without_day",
        f"select count(*)::text {_UNIQUE.format(table='media_events')}"
        "(select array_agg(a.attname::text order by a.attname) from pg_attribute a where a.attrelid = i.indrelid "
        "and a.attnum = any (i.indkey)) = array['dedupe_key', 'user_id']",
    ),
    Probe(
        "uq_messages_client_id",
        f"select count(*)::text {_UNIQUE.format(table='messages')}"
        "exists (select 1 from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey) "
        "and a.attname = 'client_id')",
    ),
    Probe("ratings_select_policy", _policies("ratings", "SELECT")),
    Probe("reviews_select_policy", _policies("reviews", "SELECT")),
    Probe(
        "profiles_select_policies",
        "select coalesce(string_agg(policyname, ',' order by policyname), 'none') from pg_policies "
        "where schemaname = 'public' and tablename = 'profiles' and cmd in ('SELECT', 'ALL')",
    ),
    Probe(
        "media_swipe_sessions_table",
        "select coalesce(to_regclass('public.media_swipe_sessions')::text, 'absent')",
    ),
    Probe(
        "rerank_cache_authenticated_select",
        "select has_table_privilege('authenticated', 'public.media_rerank_cache', 'select')::text",
    ),
    Probe(
        "check_rate_limit_anon_execute",
        "select has_function_privilege('anon', 'public.check_rate_limit(text,text,integer)', 'execute')::text",
    ),
    Probe("read_receipts_delete_policy", _policies("message_read_receipts", "DELETE")),
    Probe("media_events_current_partition", _partition("media_events")),
    Probe("rec_impressions_current_partition", _partition("rec_impressions")),
    Probe(
        "trending_rows",
        "select count(*)::text from public.media_trending_scores",
        path="media_trending_scores?select=media_item_id",
    ),
    Probe(
        "embedding_rows",
        "select count(*)::text from public.media_embeddings",
        path="media_embeddings?select=media_item_id",
    ),
    Probe(
        "active_experiments",
        "select count(*)::text from public.rec_experiments where status = 'active'",
        path="rec_experiments?select=id&status=eq.active",
    ),
    Probe(
        "rerank_swipe_enabled",
        "select coalesce((select rerank_swipe_enabled::text from public.embedding_settings where id = 1), 'no row')",
        path="embedding_settings?select=rerank_swipe_enabled&id=eq.1",
        column="rerank_swipe_enabled",
    ),
    Probe(
        "realtime_tables",
        "select coalesce(string_agg(tablename, ',' order by tablename), 'none') from pg_publication_tables "
        "where pubname = 'supabase_realtime'",
    ),
    Probe(
        "authenticated_statement_timeout",
        "select coalesce((select s.setconfig::text from pg_db_role_setting s join pg_roles r on r.oid = s.setrole "
        "where r.rolname = 'authenticated' limit 1), 'unset')",
    ),
    Probe(
        "default_partition_rows",  # beyond the contract's list: how full it is already, by the planner's estimate
        "select coalesce(sum(greatest(c.reltuples, 0))::bigint, 0)::text from pg_inherits h join pg_class c "
        "on c.oid = h.inhrelid where h.inhparent = 'public.media_events'::regclass "
        "and pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'",
    ),
    Probe(
        # Read, never run: how its last run ended by pg_cron's own log, which exists only where pg_cron does.
        "maintenance_job",
        "select case when to_regprocedure('public.run_scheduled_maintenance()') is null then 'absent' "
        "when to_regclass('cron.job_run_details') is null then 'not scheduled' "
        "else coalesce((xpath('//status/text()', query_to_xml('select d.status from cron.job_run_details d "
        "join cron.job j using (jobid) where j.command ilike ''%run_scheduled_maintenance%'' "
        "order by d.start_time desc limit 1', true, false, '')))[1]::text, 'never ran') end",
    ),
)
