-- What the service writes for itself: the AI provider's breaker and log, caches of other services' answers, queues,
-- alerts. The functions write here at each reply of the provider; the client never does.

create table public.openrouter_circuit_breakers (
  model text primary key,
  failure_count integer not null default 0,
  open_until timestamptz,
  last_error_code text,
  last_error_message text,
  updated_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);
create index openrouter_circuit_breakers_updated_at_idx on public.openrouter_circuit_breakers (updated_at);
create index openrouter_circuit_open_until_idx on public.openrouter_circuit_breakers (open_until);

create table public.openrouter_request_log (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  fn text not null,
  request_id text,
  user_id uuid,
  conversation_id uuid,
  provider text,
  model text,
  base_url text,
  usage jsonb,
  upstream_request_id text,
  variant text,
  meta jsonb not null default '{}'
);
create index openrouter_request_log_created_at_id_idx on public.openrouter_request_log (created_at, id);
create index openrouter_request_log_created_at_idx on public.openrouter_request_log (created_at desc);
create index openrouter_request_log_fn_created_at_idx on public.openrouter_request_log (fn, created_at desc);
create index openrouter_request_log_request_id_idx on public.openrouter_request_log (request_id);

create table public.external_api_cache (
  key text primary key,
  provider text not null,
  category text not null,
  fetched_at timestamptz not null default now(),
  expires_at timestamptz,
  value jsonb not null default '{}'
);
create index idx_external_api_cache_provider_category on public.external_api_cache (provider, category);

create table public.media_job_state (
  job_name text primary key,
  cursor uuid,
  updated_at timestamptz not null default now()
);
create index media_job_state_updated_at_idx on public.media_job_state (updated_at desc);

create table public.media_metadata_cache (
  provider text not null,
  external_id text not null,
  media_type text,
  fetched_at timestamptz not null default now(),
  data jsonb not null default '{}',
  primary key (provider, external_id)
);

create table public.media_embed_queue (
  id uuid primary key default gen_random_uuid(),
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  status text not null default 'pending',
  attempts integer not null default 0,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint unique_pending_item unique (media_item_id)
);

create table public.notifications (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null references auth.users (id) on delete cascade,
  type text not null,
  data jsonb,
  is_read boolean not null default false
);
create index idx_notifications_user_id on public.notifications (user_id);
create index idx_notifications_user_unread on public.notifications (user_id, created_at desc) where not is_read;
create index notifications_user_created_idx on public.notifications (user_id, created_at desc);

create table public.ops_alerts (
  id bigserial primary key,
  kind text not null,
  severity text not null default 'info',
  title text not null default '',
  detail text not null default '',
  source text not null default '',
  dedupe_key text not null,
  meta jsonb not null default '{}',
  resolved_at timestamptz,
  resolved_by uuid,
  resolved_reason text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ops_alerts_severity_check check (severity in ('info', 'warn', 'critical'))
);
create unique index ops_alerts_active_dedupe_key_uniq on public.ops_alerts (dedupe_key) where resolved_at is null;
create index ops_alerts_created_at_idx on public.ops_alerts (created_at desc);
create index ops_alerts_kind_idx on public.ops_alerts (kind);
create index ops_alerts_severity_idx on public.ops_alerts (severity);

create table public.schema_registry (
  id bigint not null generated always as identity,
  key text not null,
  version bigint not null default 1,
  name text not null,
  schema jsonb not null default '{}',
  strict boolean not null default true,
  description text,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  primary key (key, version)
);
create index idx_schema_registry_created_by on public.schema_registry (created_by);

create trigger trg_openrouter_circuit_set_updated_at before update on public.openrouter_circuit_breakers
  for each row execute function public.set_updated_at();
create trigger trg_ops_alerts_set_updated_at before update on public.ops_alerts
  for each row execute function public.set_updated_at();

create function public._ops_require_service_role_v1() returns void
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
begin
  if auth.role() is distinct from 'service_role' then
    raise exception 'Not authorized';
  end if;
end $$;

-- The provider's breaker, one row a model: a success closes it.
create function public.openrouter_circuit_on_success_v1(p_model text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
begin
  perform public._ops_require_service_role_v1();
  insert into public.openrouter_circuit_breakers as b (model) values (p_model)
  on conflict (model) do update set failure_count = 0, open_until = null, last_error_code = null,
    last_error_message = null, updated_at = now();
end $$;

-- Failures in a row open it for a while; the caller may say until when. A failure below the threshold closes it.
create function public.openrouter_circuit_on_failure_v1(
  p_model text, p_error_code text, p_error_message text, p_threshold integer default 3,
  p_cooldown_seconds integer default 30, p_open_until timestamptz default null
) returns public.openrouter_circuit_breakers
  language plpgsql volatile security definer set search_path = pg_catalog, public
  as $$
declare
  v_row public.openrouter_circuit_breakers;
begin
  perform public._ops_require_service_role_v1();
  insert into public.openrouter_circuit_breakers as b (model, failure_count, last_error_code, last_error_message)
  values (p_model, 1, p_error_code, p_error_message)
  on conflict (model) do update set failure_count = b.failure_count + 1, last_error_code = excluded.last_error_code,
    last_error_message = excluded.last_error_message;
  update public.openrouter_circuit_breakers b
  set open_until = coalesce(p_open_until, case when b.failure_count >= greatest(1, p_threshold)
    then now() + make_interval(secs => greatest(1, p_cooldown_seconds)) end)
  where b.model = p_model
  returning * into v_row;
  return v_row;
end $$;

create function public.openrouter_circuit_should_skip_v1(p_model text) returns boolean
  language sql volatile security definer set search_path = pg_catalog, public
  as $$
    select exists (
      select 1 from public.openrouter_circuit_breakers b where b.model = p_model and b.open_until > now()
    )
  $$;

-- Trending from the days: likes and lists for, dislikes and skips against, halved with age; without half-empty titles.
create function public.refresh_media_trending_scores(
  lookback_days integer default 14, half_life_hours integer default 72, completeness_min numeric default 0.75
) returns void
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    insert into public.media_trending_scores as t (media_item_id, score_72h, computed_at)
    select d.media_item_id,
      sum((3.0 * d.likes + 2.0 * d.watchlist_events + 0.8 * d.unique_users + 0.00005 * d.dwell_ms_sum
          - 2.0 * d.dislikes - 0.5 * d.skips)
        * power(2.0, -extract(epoch from (now() at time zone 'utc') - d.day::timestamptz) / 3600.0
          / greatest(1, least(720, half_life_hours)))),
      now()
    from public.media_item_daily d
    join public.media_items m on m.id = d.media_item_id
    where d.day >= (now() at time zone 'utc')::date - greatest(1, least(60, lookback_days))
      and coalesce(m.completeness, 0) >= greatest(0, least(1, completeness_min))
    group by d.media_item_id
    on conflict (media_item_id) do update set score_72h = excluded.score_72h, computed_at = excluded.computed_at
  $$;

alter table public.openrouter_circuit_breakers enable row level security;
alter table public.openrouter_request_log enable row level security;
alter table public.external_api_cache enable row level security;
alter table public.media_job_state enable row level security;
alter table public.media_metadata_cache enable row level security;
alter table public.media_embed_queue enable row level security;
alter table public.notifications enable row level security;
alter table public.ops_alerts enable row level security;
alter table public.schema_registry enable row level security;
create policy openrouter_circuit_breakers_admin_select on public.openrouter_circuit_breakers for select
  to authenticated
  using ((select public.is_app_admin()));
create policy openrouter_circuit_breakers_service_role_all on public.openrouter_circuit_breakers for all
  to service_role
  using (true);
create policy openrouter_request_log_admin_select on public.openrouter_request_log for select to authenticated
  using ((select public.is_app_admin()));
create policy openrouter_request_log_anon_deny on public.openrouter_request_log for all to anon using (false);
create policy openrouter_request_log_service_role_all on public.openrouter_request_log for all to service_role
  using (true);
create policy external_api_cache_admin_select on public.external_api_cache for select to authenticated
  using ((select public.is_app_admin()));
create policy media_job_state_deny_all on public.media_job_state for all to anon, authenticated using (false);
create policy media_metadata_cache_admin_select on public.media_metadata_cache for select to authenticated
  using ((select public.is_app_admin()));
create policy "Service role manages queue" on public.media_embed_queue for all to service_role using (true);
create policy notifications_owner_only on public.notifications for all using (user_id = (select auth.uid()));
create policy ops_alerts_admin_select on public.ops_alerts for select to authenticated
  using ((select public.is_app_admin()));
create policy ops_alerts_service_role_all on public.ops_alerts for all to service_role using (true);
create policy schema_registry_delete_owned on public.schema_registry for delete to authenticated
  using (created_by = (select auth.uid()));
create policy schema_registry_insert_owned on public.schema_registry for insert to authenticated
  with check (created_by = (select auth.uid()));
create policy schema_registry_select_owned on public.schema_registry for select to authenticated
  using (created_by = (select auth.uid()));
create policy schema_registry_update_owned on public.schema_registry for update to authenticated
  using (created_by = (select auth.uid()));

revoke all on public.openrouter_circuit_breakers, public.openrouter_request_log, public.external_api_cache,
  public.media_job_state, public.media_metadata_cache, public.ops_alerts from anon, authenticated;
grant select on public.openrouter_circuit_breakers, public.openrouter_request_log, public.external_api_cache,
  public.media_metadata_cache, public.ops_alerts to authenticated;
grant all on all tables in schema public to service_role;
