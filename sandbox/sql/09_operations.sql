-- Running the service: settings, rate limits, experiments, recommender side tables, maintenance. Contract 6.5, 7, 8.

create table public.app_settings (
  key text primary key,
  scope text not null,
  value jsonb not null,
  description text,
  version bigint not null default 1,
  updated_at timestamptz not null default now(),
  updated_by uuid references auth.users (id) on delete set null,
  constraint app_settings_scope_check check (scope in ('public', 'admin', 'server_only'))
);

create table public.app_settings_meta (
  id integer primary key,
  version bigint not null default 1,
  updated_at timestamptz not null default now()
);
insert into public.app_settings_meta (id) values (1);

-- One bump per statement: every isolate that probes the version afterwards reloads all settings.
create function public.bump_app_settings_meta() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  update public.app_settings_meta set version = version + 1, updated_at = now() where id = 1;
  return null;
end $$;
create trigger trg_bump_app_settings_meta after insert or update or delete on public.app_settings
  for each statement execute function public.bump_app_settings_meta();

create table public.assistant_settings (
  id integer primary key,
  openrouter_base_url text,
  model_fast text,
  model_creative text,
  model_planner text,
  model_maker text,
  model_critic text,
  fallback_models text[] not null default '{}',
  model_catalog text[] not null default '{}',
  default_instructions text,
  params jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  behavior jsonb not null default '{}',
  constraint assistant_settings_id_check check (id = 1)
);
-- The function's own limit, 4096 tokens, allows answers that no message may hold (16,000 bytes): paid for, and lost.
insert into public.assistant_settings (id, behavior, params)
values (1, '{"rate_limit": {"chat_reply": {"max": 6, "window_seconds": 60}}}', '{"max_output_tokens": 2048}');
create trigger trg_assistant_settings_touch before update on public.assistant_settings
  for each row execute function public._touch_updated_at();

create table public.rate_limits (
  key text not null,
  action text not null default '',
  window_start timestamptz not null,
  count integer not null default 0,
  updated_at timestamptz not null default now(),
  primary key (key, action)
);
create index rate_limits_window_start_idx on public.rate_limits (window_start);

-- Calendar minutes, one row per key and action overwritten each minute; blocked calls count too. The two bursts that
-- fit around a minute's end, and the row lock per person, are the shipped behaviour.
create function public.check_rate_limit(p_key text, p_action text, p_max_per_minute integer)
  returns table (ok boolean, remaining integer, reset_at timestamptz, retry_after_seconds integer)
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_window timestamptz := date_trunc('minute', now());
  v_max integer := greatest(coalesce(p_max_per_minute, 1), 1);
  v_count integer;
begin
  insert into public.rate_limits as r (key, action, window_start, count, updated_at)
  values (p_key, coalesce(p_action, ''), v_window, 1, now())
  on conflict on constraint rate_limits_pkey do update set
    -- A transaction that began in the old minute and waited for the lock counts into the new one.
    count = case when r.window_start >= excluded.window_start then r.count + 1 else 1 end,
    window_start = greatest(r.window_start, excluded.window_start),
    updated_at = now()
  returning r.count, r.window_start into v_count, v_window;
  ok := v_count <= v_max;
  remaining := greatest(v_max - v_count, 0);
  reset_at := v_window + interval '1 minute';
  retry_after_seconds := case when ok then 0
    else least(greatest(ceil(extract(epoch from reset_at - clock_timestamp()))::integer, 1), 60) end;
  return next;
end $$;

-- The assistant's limiter: windows of any length, counted from the epoch.
create function public.rate_limit_check_v1(p_key text, p_limit integer, p_window_seconds integer) returns jsonb
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_seconds integer := greatest(coalesce(p_window_seconds, 60), 1);
  v_limit integer := greatest(coalesce(p_limit, 1), 1);
  v_window timestamptz := to_timestamp(floor(extract(epoch from now()) / v_seconds) * v_seconds);
  v_count integer;
begin
  insert into public.rate_limits as r (key, action, window_start, count, updated_at)
  values (p_key, 'v1', v_window, 1, now())
  on conflict on constraint rate_limits_pkey do update set
    count = case when r.window_start >= excluded.window_start then r.count + 1 else 1 end,
    window_start = greatest(r.window_start, excluded.window_start),
    updated_at = now()
  returning r.count, r.window_start into v_count, v_window;
  return jsonb_build_object(
    'ok', true, 'key', p_key, 'windowStart', extract(epoch from v_window)::bigint, 'windowSeconds', v_seconds,
    'limit', v_limit, 'count', v_count,
    'allowed', v_count <= v_limit, 'remaining', greatest(v_limit - v_count, 0),
    'retryAfterSec', case when v_count <= v_limit then 0 else
      greatest(ceil(extract(epoch from v_window - clock_timestamp()) + v_seconds)::integer, 1) end
  );
end $$;

create table public.rec_experiments (
  id uuid primary key default gen_random_uuid(),
  key text not null unique,
  description text,
  status text not null default 'draft',
  variants jsonb not null default '[]',
  salt text not null default encode(extensions.gen_random_bytes(12), 'hex'),
  started_at timestamptz,
  ended_at timestamptz,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint rec_experiments_status_check check (status in ('draft', 'active', 'ended'))
);
create trigger trg_rec_experiments_set_updated_at before update on public.rec_experiments
  for each row execute function public.tg_set_updated_at();

create table public.rec_user_experiment_assignments (
  experiment_id uuid not null references public.rec_experiments (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  variant text not null,
  assigned_at timestamptz not null default now(),
  assignment_mode text not null default 'auto',
  assigned_by uuid,
  primary key (experiment_id, user_id)
);

create table public.cf_recos (
  user_id uuid not null,
  media_item_id uuid not null,
  rank integer not null,
  score real not null,
  model_version text not null default 'als_v1',
  created_at timestamptz not null default now(),
  primary key (user_id, media_item_id, model_version)
);

-- As shipped: the log lacks three columns that the maintenance job writes.
create table public.job_run_log (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  job_name text not null,
  provider text,
  model text,
  ok boolean not null default false,
  scanned integer,
  embedded integer,
  skipped_existing integer,
  total_tokens bigint default 0,
  error_code text,
  error_message text,
  meta jsonb not null default '{}'
);
create index job_run_log_job_name_idx on public.job_run_log (job_name);
create index job_run_log_started_at_id_idx on public.job_run_log (started_at, id);

create function public._trg_job_run_log_coalesce_total_tokens() returns trigger
  language plpgsql set search_path = pg_catalog, public, extensions, pg_temp
  as $$
begin
  if new.ok then
    new.total_tokens := coalesce(new.total_tokens, 0);
  end if;
  return new;
end $$;
create trigger trg_job_run_log_coalesce_total_tokens before insert or update on public.job_run_log
  for each row execute function public._trg_job_run_log_coalesce_total_tokens();

-- Next month's partition, and no other. Fails with 23514 once the default partition holds rows of that month.
create function public.create_media_events_partition_if_needed() returns void
  language plpgsql set search_path = public, pg_temp
  as $$
declare
  v_first date := (date_trunc('month', now() at time zone 'utc') + interval '1 month')::date;
  v_name text := 'media_events' || to_char(v_first, '_YYYY_MM');
begin
  if to_regclass('public.' || v_name) is null then
    execute format('create table public.%I partition of public.media_events for values from (%L) to (%L)',
      v_name, v_first, v_first + interval '1 month');
    execute format('alter table public.%I enable row level security', v_name);
  end if;
end $$;

-- Drops the months that `p_keep_days` leaves behind; the default partition is never trimmed.
create function public.drop_old_partitions(p_parent regclass, p_keep_days integer) returns integer
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_child text;
  v_dropped integer := 0;
begin
  for v_child in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = p_parent and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
        < (now() at time zone 'utc')::date - p_keep_days
  loop
    execute format('drop table public.%I', v_child);
    v_dropped := v_dropped + 1;
  end loop;
  return v_dropped;
end $$;

create function public.run_scheduled_maintenance() returns jsonb
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.job_run_log (job_name, status, details, ran_at)
  values ('scheduled_maintenance', 'running', '{}', now());
  perform public.create_media_events_partition_if_needed();
  perform public.drop_old_partitions('public.media_events', 90);
  perform public.drop_old_partitions('public.rec_impressions', 30);
  return jsonb_build_object('completed_at', now());
end $$;
