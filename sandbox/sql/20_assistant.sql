-- What the assistant keeps besides its messages: suggestions, small memory, and a log of the actions people took.
-- Columns beyond what contract 6.6 implies are ours.

alter table public.assistant_settings add column params jsonb not null default '{}';
alter table public.assistant_goals
  add column end_at timestamptz,
  add column meta jsonb not null default '{}';

create table public.assistant_suggestions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  surface text not null,
  kind text not null,
  title text not null,
  body text not null,
  actions jsonb not null default '[]',
  context jsonb not null default '{}',
  context_key text not null,
  score double precision not null default 0,
  created_at timestamptz not null default now(),
  shown_at timestamptz,
  dismissed_at timestamptz,
  accepted_at timestamptz,
  outcome jsonb
);
create index assistant_suggestions_user_context_idx
  on public.assistant_suggestions (user_id, context_key, created_at desc);
create index assistant_suggestions_user_created_idx on public.assistant_suggestions (user_id, created_at desc);
create index assistant_suggestions_user_dismissed_idx
  on public.assistant_suggestions (user_id, surface, dismissed_at desc) where dismissed_at is not null;

create table public.assistant_memory (
  user_id uuid not null references auth.users (id) on delete cascade,
  key text not null,
  value jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  primary key (user_id, key)
);
create trigger assistant_memory_set_updated_at before update on public.assistant_memory
  for each row execute function public.set_updated_at();

-- One row per button and person, and one per tool the assistant ran for a reply: its results are fetched by handle.
create table public.assistant_message_action_log (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null references auth.users (id) on delete cascade,
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  message_id uuid not null references public.messages (id) on delete cascade,
  action_id text not null,
  action_type text not null,
  status text not null default 'done',
  confirm_token text,
  confirm_expires_at timestamptz,
  payload jsonb not null default '{}',
  constraint assistant_message_action_log_key unique (user_id, conversation_id, message_id, action_id),
  constraint assistant_message_action_log_status_chk
    check (status in ('needs_confirm', 'processing', 'done', 'failed'))
);
create index assistant_message_action_log_action_idx
  on public.assistant_message_action_log (action_id, created_at desc);

alter table public.assistant_suggestions enable row level security;
alter table public.assistant_memory enable row level security;
alter table public.assistant_message_action_log enable row level security;
create policy assistant_suggestions_own on public.assistant_suggestions for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy assistant_memory_own on public.assistant_memory for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy assistant_message_action_log_own on public.assistant_message_action_log for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
