-- What the service's own jobs call: the queue of the assistant's replies, its triggers, alerts, the provider's log.

-- The oldest replies that are due, and those whose worker left them; each is claimed once, whoever asks beside.
create function public.assistant_claim_reply_jobs_v1(p_limit integer default 20, p_stuck_minutes integer default 10)
  returns setof public.assistant_reply_jobs
  language plpgsql volatile security definer set search_path = public, pg_temp
  as $$
begin
  return query
    with due as (
      select j.id from public.assistant_reply_jobs j
      where (j.status = 'pending' and j.next_run_at <= now())
        or (j.status = 'processing' and j.updated_at < now() - make_interval(mins => p_stuck_minutes))
      order by j.created_at
      limit greatest(1, least(p_limit, 200))
      for update skip locked
    )
    update public.assistant_reply_jobs j
    set status = 'processing', attempts = j.attempts + 1, updated_at = now(),
      processing_started_at = coalesce(j.processing_started_at, now())
    from due where j.id = due.id
    returning j.*;
end $$;
revoke execute on function public.assistant_claim_reply_jobs_v1(integer, integer) from public, anon, authenticated;

-- Who swipes much and likes little, and was not spoken to of late.
create function public.assistant_trigger_candidates_swipe_low_like_rate(
  p_trigger_id uuid, p_window_hours integer default 36, p_min_actions integer default 20,
  p_max_like_rate double precision default 0.12, p_cooldown_minutes integer default 240
) returns table (user_id uuid, actions integer, likes integer, like_rate double precision)
  language sql volatile security definer set search_path = public
  as $$
    select e.user_id, count(*)::integer, count(*) filter (where e.event_type = 'like')::integer,
      (count(*) filter (where e.event_type = 'like'))::double precision / count(*)
    from public.media_events e
    where e.created_at >= now() - make_interval(hours => p_window_hours) and e.event_type in ('like', 'skip', 'dislike')
      and not exists (
        select 1 from public.assistant_trigger_fires f where f.user_id = e.user_id and f.trigger_id = p_trigger_id
          and f.fired_at >= now() - make_interval(mins => p_cooldown_minutes)
      )
    group by e.user_id
    having count(*) >= p_min_actions
      and (count(*) filter (where e.event_type = 'like'))::double precision / count(*) <= p_max_like_rate
  $$;

-- Whose watchlist grows while nothing of it is watched; 9999 days for who never watched anything.
create function public.assistant_trigger_candidates_watchlist_stuck(
  p_trigger_id uuid, p_min_watchlist integer default 15, p_max_watched_days integer default 14,
  p_cooldown_minutes integer default 720
) returns table (user_id uuid, watchlist_count integer, days_since_watched integer)
  language sql volatile security definer set search_path = public
  as $$
    select l.user_id, l.waiting, coalesce(greatest(0, date_part('day', now() - l.watched_at)::integer), 9999)
    from (
      select user_id, count(*) filter (where status = 'want_to_watch')::integer as waiting,
        max(coalesce(completed_at, updated_at, created_at)) filter (where status = 'watched') as watched_at
      from public.library_entries group by user_id
    ) l
    where l.waiting >= p_min_watchlist
      and (l.watched_at is null or l.watched_at < now() - make_interval(days => p_max_watched_days))
      and not exists (
        select 1 from public.assistant_trigger_fires f where f.user_id = l.user_id and f.trigger_id = p_trigger_id
          and f.fired_at >= now() - make_interval(mins => p_cooldown_minutes)
      )
  $$;

create function public.openrouter_circuit_cleanup_v1(p_keep_days integer default 30) returns integer
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
declare
  v_gone integer;
begin
  perform public._ops_require_service_role_v1();
  delete from public.openrouter_circuit_breakers
  where updated_at < now() - make_interval(days => greatest(1, least(p_keep_days, 365)));
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;

-- Requests to the provider whose cost is not known yet, the newest first, page by page.
create function public.openrouter_generation_backfill_candidates_v1(
  p_since timestamptz, p_limit integer default 50, p_cursor_created_at timestamptz default null,
  p_cursor_id uuid default null
) returns table (id uuid, created_at timestamptz, base_url text, upstream_request_id text, meta jsonb)
  language sql stable set search_path = pg_catalog, public
  as $$
    select l.id, l.created_at, l.base_url, l.upstream_request_id, l.meta
    from public.openrouter_request_log l
    where l.created_at >= p_since and l.upstream_request_id is not null and not l.meta ? 'generation_stats'
      and (p_cursor_created_at is null or l.created_at < p_cursor_created_at
        or (l.created_at = p_cursor_created_at and (p_cursor_id is null or l.id < p_cursor_id)))
    order by l.created_at desc, l.id desc
    limit greatest(1, least(p_limit, 200))
  $$;

-- Always fails as shipped: it names a unique index as if that were a constraint (42704).
create function public.ops_alert_raise_v1(
  p_kind text, p_severity text, p_title text, p_detail text, p_source text, p_dedupe_key text,
  p_meta jsonb default '{}'
) returns public.ops_alerts
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
declare
  v_row public.ops_alerts;
begin
  perform public._ops_require_service_role_v1();
  insert into public.ops_alerts as a (kind, severity, title, detail, source, dedupe_key, meta)
  values (p_kind, p_severity, coalesce(p_title, ''), coalesce(p_detail, ''), coalesce(p_source, ''), p_dedupe_key,
    coalesce(p_meta, '{}'))
  on conflict on constraint ops_alerts_active_dedupe_key_uniq do update set kind = excluded.kind,
    severity = excluded.severity, title = excluded.title, detail = excluded.detail, source = excluded.source,
    meta = excluded.meta
  returning * into v_row;
  return v_row;
end $$;

create function public.ops_alert_resolve_by_dedupe_key_v1(p_dedupe_key text, p_admin uuid, p_reason text default '')
  returns integer
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
declare
  v_resolved integer;
begin
  perform public._ops_require_service_role_v1();
  update public.ops_alerts set resolved_at = now(), resolved_by = p_admin, resolved_reason = coalesce(p_reason, '')
  where dedupe_key = p_dedupe_key and resolved_at is null;
  get diagnostics v_resolved = row_count;
  return v_resolved;
end $$;
