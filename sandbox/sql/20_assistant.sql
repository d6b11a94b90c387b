-- What the assistant keeps besides its messages: suggestions, small memory, a log of the actions people took, and the
-- tables of its background jobs.

create table public.assistant_suggestions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  surface text not null,
  context_key text not null default '',
  context jsonb not null default '{}',
  kind text not null,
  title text not null,
  body text not null,
  actions jsonb not null default '[]',
  score double precision not null default 0,
  model text,
  usage jsonb,
  created_at timestamptz not null default now(),
  shown_at timestamptz,
  dismissed_at timestamptz,
  accepted_at timestamptz,
  outcome jsonb,
  constraint assistant_suggestions_surface_chk
    check (surface in ('home', 'swipe', 'title', 'messages', 'diary', 'search', 'assistant'))
);
create index assistant_suggestions_context_key_created_at_idx
  on public.assistant_suggestions (user_id, context_key, created_at desc);
create index assistant_suggestions_surface_created_at_idx
  on public.assistant_suggestions (user_id, surface, created_at desc);
create index assistant_suggestions_user_created_at_idx on public.assistant_suggestions (user_id, created_at desc);

-- People may say what became of a suggestion, not what it said.
create function public.assistant_suggestions_guard_update() returns trigger
  language plpgsql security definer set search_path = public
  as $$
declare
  v_state constant text[] := array['shown_at', 'dismissed_at', 'accepted_at', 'outcome', 'id'];
begin
  if public.is_app_admin() or auth.role() = 'service_role' then
    return new;
  end if;
  -- No usage and an empty one are the same, and so are no model and an empty name.
  if to_jsonb(new) - v_state - array['model', 'usage'] <> to_jsonb(old) - v_state - array['model', 'usage']
    or coalesce(new.model, '') <> coalesce(old.model, '') or coalesce(new.usage, '{}') <> coalesce(old.usage, '{}')
  then
    raise exception 'assistant_suggestions content is immutable; only state fields can change';
  end if;
  return new;
end $$;
create trigger trg_assistant_suggestions_guard_update before update on public.assistant_suggestions
  for each row execute function public.assistant_suggestions_guard_update();

create table public.assistant_memory (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  key text not null,
  value jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  constraint assistant_memory_user_id_key_key unique (user_id, key)
);
create index assistant_memory_user_key_idx on public.assistant_memory (user_id, key);

-- One row per button and person, and one per tool the assistant ran for a reply: its results are fetched by handle. An
-- action is one person's once, whatever the message.
create table public.assistant_message_action_log (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null references auth.users (id) on delete cascade,
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  message_id uuid not null references public.messages (id) on delete cascade,
  action_id text not null,
  action_type text not null,
  payload jsonb not null default '{}',
  action_key text,
  status text,
  request_id text,
  started_at timestamptz,
  finished_at timestamptz,
  confirm_token text,
  confirm_expires_at timestamptz,
  undo_tool text,
  undo_args jsonb
);
create index assistant_message_action_log_action_key_idx on public.assistant_message_action_log (action_key);
create index assistant_message_action_log_conversation_id_created_at_idx
  on public.assistant_message_action_log (conversation_id, created_at desc);
create index assistant_message_action_log_message_id_idx on public.assistant_message_action_log (message_id);
create index assistant_message_action_log_request_id_idx on public.assistant_message_action_log (request_id);
create index assistant_message_action_log_user_action_created_idx
  on public.assistant_message_action_log (user_id, action_id, created_at desc);
create unique index assistant_message_action_log_user_action_key_uidx
  on public.assistant_message_action_log (user_id, action_key) where (action_key is not null);
create unique index assistant_message_action_log_user_action_uidx
  on public.assistant_message_action_log (user_id, action_id);
create index idx_assistant_message_action_log_action_id on public.assistant_message_action_log (action_id);

create table public.assistant_metrics_daily (
  day date not null,
  surface text not null,
  kind text not null,
  created_count integer not null default 0,
  shown_count integer not null default 0,
  accepted_count integer not null default 0,
  dismissed_count integer not null default 0,
  unique_users integer not null default 0,
  total_tokens integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (day, surface, kind)
);

create table public.assistant_triggers (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  enabled boolean not null default true,
  surfaces text[] not null default array['home', 'swipe', 'title', 'messages', 'search', 'diary'],
  rule jsonb not null default '{}',
  cooldown_minutes integer not null default 240,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint assistant_triggers_name_key unique (name)
);

create table public.assistant_trigger_fires (
  id uuid primary key default gen_random_uuid(),
  trigger_id uuid not null references public.assistant_triggers (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  surface text not null,
  fired_at timestamptz not null default now(),
  fired_day date not null default now()::date,
  context jsonb not null default '{}',
  reason jsonb not null default '{}'
);
create index assistant_trigger_fires_by_day on public.assistant_trigger_fires (fired_day, surface);
create unique index assistant_trigger_fires_dedupe on public.assistant_trigger_fires (trigger_id, user_id, fired_day);
create index assistant_trigger_fires_user_id_idx on public.assistant_trigger_fires (user_id);

alter table public.assistant_suggestions enable row level security;
alter table public.assistant_memory enable row level security;
alter table public.assistant_message_action_log enable row level security;
alter table public.assistant_metrics_daily enable row level security;
alter table public.assistant_triggers enable row level security;
alter table public.assistant_trigger_fires enable row level security;
create policy rls_assistant_suggestions_delete_self on public.assistant_suggestions for delete
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_suggestions_insert_self on public.assistant_suggestions for insert
  to authenticated
  with check (user_id = (select auth.uid()));
create policy rls_assistant_suggestions_select_self on public.assistant_suggestions for select
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_suggestions_service_role_all on public.assistant_suggestions for all
  to service_role
  using (true);
create policy rls_assistant_suggestions_update_self on public.assistant_suggestions for update
  to authenticated
  using (user_id = (select auth.uid()));
create policy assistant_memory_insert_self on public.assistant_memory for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy assistant_memory_select_self on public.assistant_memory for select to authenticated
  using (user_id = (select auth.uid()));
create policy assistant_memory_update_self on public.assistant_memory for update to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_message_action_log_delete_self on public.assistant_message_action_log for delete
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_message_action_log_insert_self on public.assistant_message_action_log for insert
  to authenticated
  with check (user_id = (select auth.uid()));
create policy rls_assistant_message_action_log_select_self on public.assistant_message_action_log for select
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_message_action_log_service_role_all on public.assistant_message_action_log for all
  to service_role
  using (true);
create policy rls_assistant_message_action_log_update_self on public.assistant_message_action_log for update
  to authenticated
  using (user_id = (select auth.uid()));
create policy assistant_metrics_daily_admin_read on public.assistant_metrics_daily for select to authenticated
  using (exists (select 1 from public.app_admins a where a.user_id = (select auth.uid())));
create policy rls_assistant_metrics_daily_service_role_all on public.assistant_metrics_daily for all
  to service_role
  using (true);
create policy rls_assistant_triggers_delete_self on public.assistant_triggers for delete to authenticated
  using (false);
create policy rls_assistant_triggers_insert_self on public.assistant_triggers for insert to authenticated
  with check (false);
create policy rls_assistant_triggers_select_self on public.assistant_triggers for select to authenticated
  using (false);
create policy rls_assistant_triggers_service_role_all on public.assistant_triggers for all to service_role
  using (true);
create policy rls_assistant_triggers_update_self on public.assistant_triggers for update to authenticated
  using (false);
create policy assistant_trigger_fires_admin_read on public.assistant_trigger_fires for select to authenticated
  using (exists (select 1 from public.app_admins a where a.user_id = (select auth.uid())));
create policy rls_assistant_trigger_fires_service_role_all on public.assistant_trigger_fires for all
  to service_role
  using (true);

revoke all on public.assistant_suggestions, public.assistant_memory, public.assistant_message_action_log,
  public.assistant_metrics_daily, public.assistant_triggers, public.assistant_trigger_fires from anon, authenticated;
grant select, insert, update on public.assistant_suggestions, public.assistant_memory to authenticated;
grant select, insert on public.assistant_message_action_log to authenticated;
grant select on public.assistant_metrics_daily, public.assistant_triggers, public.assistant_trigger_fires
  to authenticated;
