-- The swipe path: events, impressions, requests, features. Contract 8.1, 8.2.

create table public.media_events (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  session_id uuid not null,
  deck_id uuid,
  position integer,
  media_item_id uuid not null,
  event_type public.media_event_type not null,
  source text,
  dwell_ms integer,
  payload jsonb,
  created_at timestamptz not null default now(),
  client_event_id uuid,
  rating_0_10 numeric,
  in_watchlist boolean,
  event_day date not null default ((now() at time zone 'utc'))::date,
  dedupe_key text not null,
  rec_request_id uuid,
  served_dedupe_key text,
  primary key (id, event_day),
  constraint media_events_user_dedupe_uq unique (user_id, dedupe_key, event_day),
  -- Accepts exactly what '^[0-9a-f-]{36}:[0-9]+:[0-9a-f-]{36}$' accepts in either case, at a sixth of its 10 us a row:
  -- counted repetitions make a pattern slow, so lengths are checked apart from characters.
  constraint media_events_served_dedupe_key_format_chk check (
    served_dedupe_key is null
    or (
      strpos(served_dedupe_key, ':') = 37
      and octet_length(split_part(served_dedupe_key, ':', 3)) = 36
      and served_dedupe_key ~ '^[0-9a-fA-F-]+:[0-9]+:[0-9a-fA-F-]+$'
    )
  ),
  constraint media_events_served_dedupe_key_required_when_rec_request_id_chk check (rec_request_id is null or served_dedupe_key is not null)
) partition by range (event_day);

-- With the primary key and the unique constraint, 8 indexes on each partition.
create index media_events_user_created_idx on public.media_events (user_id, created_at desc);
create index media_events_media_created_idx on public.media_events (media_item_id, created_at desc);
create index media_events_user_type_created_idx on public.media_events (user_id, event_type, created_at desc);
create index media_events_session_idx on public.media_events (session_id, created_at desc);
create index media_events_rec_request_idx on public.media_events (rec_request_id) where rec_request_id is not null;
create index media_events_served_key_idx on public.media_events (user_id, served_dedupe_key)
  where served_dedupe_key is not null;

create table public.rec_impressions (
  id uuid not null default gen_random_uuid(),
  rec_request_id uuid not null,
  user_id uuid not null,
  session_id uuid not null,
  deck_id uuid not null,
  media_item_id uuid not null,
  position integer not null,
  source text,
  dedupe_key text not null,
  request_context jsonb,
  created_at timestamptz not null default now(),
  created_day date not null default ((now() at time zone 'utc'))::date,
  primary key (id, created_day)
) partition by range (created_day);

create index rec_impressions_user_created_idx on public.rec_impressions (user_id, created_at desc);
create index rec_impressions_request_idx on public.rec_impressions (rec_request_id);
create index rec_impressions_user_dedupe_idx on public.rec_impressions (user_id, dedupe_key);

-- Exactly the months of the dump: whatever is written later lands in the default partition.
do $$
declare
  months constant jsonb := '{"media_events": 6, "rec_impressions": 3}';
  parent text;
  first date;
begin
  for parent in select jsonb_object_keys(months) loop
    for m in 1 .. (months ->> parent)::int loop
      first := make_date(2026, m, 1);
      execute format(
        'create table public.%I partition of public.%I for values from (%L) to (%L)',
        parent || to_char(first, '_YYYY_MM'), parent, first, first + interval '1 month'
      );
    end loop;
    execute format('create table public.%I partition of public.%I default', parent || '_default', parent);
  end loop;
end $$;

create table public.rec_requests (
  rec_request_id uuid primary key,
  created_at timestamptz not null default now(),
  created_day date not null default ((now() at time zone 'UTC'))::date,
  user_id uuid not null,
  session_id uuid not null,
  deck_id uuid,
  mode text,
  requested_mode text,
  kind_filter text,
  seed text,
  "limit" integer,
  source text,
  request_context jsonb not null default '{}'
);
create index rec_requests_user_created_idx on public.rec_requests (user_id, created_at desc);
create index rec_requests_day_idx on public.rec_requests (created_day);

create table public.media_rank_feature_items_v2 (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  created_day date not null default ((now() at time zone 'UTC'))::date,
  user_id uuid not null,
  dedupe_key text not null,
  rec_request_id uuid,
  media_item_id uuid not null,
  position integer,
  features jsonb not null default '{}',
  labels jsonb not null default '[]'
);
create unique index media_rank_feature_items_v2_uniq on public.media_rank_feature_items_v2 (user_id, dedupe_key);
create index media_rank_feature_items_v2_day_idx on public.media_rank_feature_items_v2 (created_day);
create index media_rank_feature_items_v2_request_idx on public.media_rank_feature_items_v2 (rec_request_id);

-- No writer on the hot path: the function that would feed it hangs on no trigger.
create table public.media_feedback (
  user_id uuid not null references auth.users (id) on delete cascade,
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  last_action public.media_event_type,
  last_action_at timestamptz not null default now(),
  rating_0_10 numeric,
  in_watchlist boolean,
  last_dwell_ms integer,
  updated_at timestamptz not null default now(),
  last_impression_at timestamptz,
  impressions_7d integer not null default 0,
  seen_count_total integer not null default 0,
  last_dwell_at timestamptz,
  dwell_ms_ema double precision not null default 0,
  positive_ema double precision not null default 0,
  negative_ema double precision not null default 0,
  last_why text,
  last_rank_score double precision,
  primary key (user_id, media_item_id)
);
create index media_feedback_user_action_idx on public.media_feedback (user_id, last_action, last_action_at desc);
create index media_feedback_user_updated_idx on public.media_feedback (user_id, updated_at desc);
create index media_feedback_user_impression_idx on public.media_feedback (user_id, last_impression_at desc);
create index media_feedback_media_idx on public.media_feedback (media_item_id);
create index media_feedback_watchlist_idx on public.media_feedback (user_id) where in_watchlist;
create index media_feedback_negative_idx on public.media_feedback (user_id, negative_ema desc);

create table public.swipe_ingest_hourly_metrics (
  bucket_start timestamptz primary key,
  requests integer not null default 0,
  accepted_events integer not null default 0,
  rejected_events integer not null default 0,
  retry_events integer not null default 0,
  sample_rate numeric not null default 1,
  updated_at timestamptz not null default now()
);

create table public.swipe_ingest_hourly_issue_counts (
  bucket_start timestamptz not null,
  code text not null,
  count integer not null default 0,
  updated_at timestamptz not null default now(),
  primary key (bucket_start, code),
  constraint swipe_ingest_hourly_issue_counts_bucket_fkey foreign key (bucket_start)
    references public.swipe_ingest_hourly_metrics (bucket_start) on delete cascade
);

-- Counts one sampled request into its hour. Executable by anybody who reaches the API, as shipped.
create function public.swipe_ingest_rollup_add_v1(
  p_bucket_start timestamptz, p_requests integer, p_accepted integer, p_rejected integer, p_retry integer,
  p_issue_counts jsonb, p_sample_rate numeric default 1
) returns void
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_hour timestamptz := date_trunc('hour', p_bucket_start);
begin
  insert into public.swipe_ingest_hourly_metrics as m
    (bucket_start, requests, accepted_events, rejected_events, retry_events, sample_rate)
  values (v_hour, coalesce(p_requests, 0), coalesce(p_accepted, 0), coalesce(p_rejected, 0), coalesce(p_retry, 0),
    coalesce(p_sample_rate, 1))
  on conflict (bucket_start) do update set
    requests = m.requests + excluded.requests,
    accepted_events = m.accepted_events + excluded.accepted_events,
    rejected_events = m.rejected_events + excluded.rejected_events,
    retry_events = m.retry_events + excluded.retry_events,
    sample_rate = excluded.sample_rate,
    updated_at = now();
  insert into public.swipe_ingest_hourly_issue_counts as i (bucket_start, code, count)
  select v_hour, e.key, e.value::integer
  from jsonb_each_text(coalesce(p_issue_counts, '{}')) e
  where e.value ~ '^[0-9]{1,9}$'
  order by e.key
  on conflict (bucket_start, code) do update set count = i.count + excluded.count, updated_at = now();
end $$;
