-- Conversations and messages: tables and their indexes. Triggers are in 09, policies in 14. Contract 5, 8.1, 8.2.

create table public.conversations (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  is_group boolean not null default false,
  title text,
  created_by uuid references auth.users (id) on delete set null,
  updated_at timestamptz not null default now(),
  direct_participant_ids uuid[],
  constraint conversations_direct_participant_ids_key unique (direct_participant_ids),
  -- Two people, though not two different ones.
  constraint direct_conversations_require_pair check (
    is_group or (direct_participant_ids is not null and array_length(direct_participant_ids, 1) = 2)
  )
);
create index conversations_direct_gin_idx on public.conversations using gin (direct_participant_ids);
create index conversations_updated_idx on public.conversations (updated_at desc);
alter table public.conversations replica identity full;

create table public.conversation_participants (
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role public.participant_role not null default 'member',
  created_at timestamptz not null default now(),
  primary key (conversation_id, user_id)
);
create index conversation_participants_user_idx on public.conversation_participants (user_id);
create index conversation_participants_user_conversation_idx
  on public.conversation_participants (user_id, conversation_id);
create index conversation_participants_conversation_idx on public.conversation_participants (conversation_id);
alter table public.conversation_participants replica identity full;

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  conversation_id uuid not null,
  user_id uuid not null,
  body jsonb not null,
  attachment_url text,
  message_type public.message_type not null default 'text',
  text text,
  client_id text,
  meta jsonb not null default '{}',
  sender_id uuid not null default auth.uid(),
  deleted_at timestamptz,
  triggered_by_message_id uuid,
  -- Both pairs of foreign keys and of size checks are doubled in the shipped schema too: each insert pays for them.
  constraint messages_conversation_id_fkey foreign key (conversation_id)
    references public.conversations (id) on delete cascade,
  constraint messages_conversation_fk foreign key (conversation_id)
    references public.conversations (id) on delete cascade,
  constraint messages_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
  constraint messages_user_fk foreign key (user_id) references auth.users (id) on delete cascade,
  constraint messages_sender_matches_user_chk check (sender_id = user_id),
  -- One of the two counts what is stored, compressed or not, the other the text.
  constraint messages_body_size_chk check (pg_column_size(body) <= 65536),
  constraint messages_meta_size_chk check (meta is null or pg_column_size(meta) <= 16384),
  constraint messages_meta_size_check check (octet_length(meta::text) <= 16384)
);
-- With the primary key 16 indexes: the cost of one message.
create unique index ux_messages_reply_idempotency on public.messages (conversation_id, triggered_by_message_id)
  where triggered_by_message_id is not null;
create index messages_conversation_created_idx on public.messages (conversation_id, created_at desc, id desc);
create index messages_conversation_created_asc_idx on public.messages (conversation_id, created_at);
create index messages_conversation_idx on public.messages (conversation_id);
create index messages_user_idx on public.messages (user_id);
create index messages_sender_idx on public.messages (sender_id);
create index messages_user_created_idx on public.messages (user_id, created_at desc);
create index messages_created_idx on public.messages (created_at desc);
create index messages_client_id_idx on public.messages (client_id);
create index messages_conversation_client_idx on public.messages (conversation_id, client_id)
  where client_id is not null;
create index messages_conversation_user_created_idx on public.messages (conversation_id, user_id, created_at desc);
create index messages_conversation_type_idx on public.messages (conversation_id, message_type);
create index messages_triggered_by_idx on public.messages (triggered_by_message_id);
create index messages_deleted_idx on public.messages (deleted_at) where deleted_at is not null;
create index messages_meta_gin_idx on public.messages using gin (meta);
alter table public.messages replica identity full;

create table public.message_delivery_receipts (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  message_id uuid not null references public.messages (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  delivered_at timestamptz not null default now(),
  constraint message_delivery_receipts_unique unique (conversation_id, message_id, user_id)
);
create index message_delivery_receipts_lookup_idx
  on public.message_delivery_receipts (conversation_id, message_id, user_id);
create index message_delivery_receipts_conversation_created_idx
  on public.message_delivery_receipts (conversation_id, created_at);
create index message_delivery_receipts_message_idx on public.message_delivery_receipts (message_id);
create index message_delivery_receipts_user_idx on public.message_delivery_receipts (user_id);
create index message_delivery_receipts_conversation_idx on public.message_delivery_receipts (conversation_id);
create index message_delivery_receipts_delivered_idx on public.message_delivery_receipts (delivered_at desc);

create table public.message_read_receipts (
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  last_read_message_id uuid references public.messages (id) on delete set null,
  last_read_at timestamptz not null default now(),
  primary key (conversation_id, user_id)
);
create index message_read_receipts_user_idx on public.message_read_receipts (user_id);
create index message_read_receipts_user_conversation_idx
  on public.message_read_receipts (user_id, conversation_id);
create index message_read_receipts_conversation_idx on public.message_read_receipts (conversation_id);
create index message_read_receipts_conversation_last_idx
  on public.message_read_receipts (conversation_id, last_read_at desc);
create index message_read_receipts_message_idx on public.message_read_receipts (last_read_message_id);
create index message_read_receipts_conversation_message_idx
  on public.message_read_receipts (conversation_id, last_read_message_id);
create index message_read_receipts_last_idx on public.message_read_receipts (last_read_at desc);

create table public.message_reactions (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  message_id uuid not null references public.messages (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  emoji text not null,
  constraint message_reactions_unique unique (message_id, user_id, emoji)
);
create unique index message_reactions_user_unique_idx
  on public.message_reactions (conversation_id, message_id, user_id, emoji);
create index message_reactions_conversation_idx on public.message_reactions (conversation_id);
create index message_reactions_conversation_created_idx on public.message_reactions (conversation_id, created_at);
create index message_reactions_message_idx on public.message_reactions (message_id);
create index message_reactions_user_idx on public.message_reactions (user_id);
alter table public.message_reactions replica identity full;

create table public.conversation_prefs (
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  conversation_id uuid not null references public.conversations (id) on delete cascade,
  muted boolean not null default false,
  hidden boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  muted_until timestamptz,
  primary key (user_id, conversation_id)
);

create table public.assistant_system_config (
  id integer primary key default 1,
  assistant_user_id uuid,
  assistant_username text not null default 'movinesta',
  updated_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint assistant_system_config_singleton check (id = 1)
);
insert into public.assistant_system_config (id) values (1);

create table public.assistant_reply_jobs (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  user_id uuid not null,
  conversation_id uuid not null,
  user_message_id uuid not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_run_at timestamptz not null default now(),
  last_error text,
  dedupe_key text not null,
  meta jsonb not null default '{}',
  job_kind text not null default 'reply',
  processing_started_at timestamptz,
  constraint assistant_reply_jobs_job_kind_chk check (job_kind in ('reply', 'rate_limit_notice')),
  constraint assistant_reply_jobs_status_chk check (status in ('pending', 'processing', 'done', 'failed'))
);
create unique index assistant_reply_jobs_dedupe_key_uidx on public.assistant_reply_jobs (dedupe_key);
create index assistant_reply_jobs_due_idx on public.assistant_reply_jobs (next_run_at) where status = 'pending';
create index assistant_reply_jobs_status_due_idx on public.assistant_reply_jobs (status, next_run_at);
create index assistant_reply_jobs_status_updated_idx on public.assistant_reply_jobs (status, updated_at);
create index assistant_reply_jobs_processing_idx on public.assistant_reply_jobs (processing_started_at)
  where status = 'processing';
create index assistant_reply_jobs_user_idx on public.assistant_reply_jobs (user_id);
create index assistant_reply_jobs_user_created_idx on public.assistant_reply_jobs (user_id, created_at desc);
create index assistant_reply_jobs_conversation_idx on public.assistant_reply_jobs (conversation_id);
create index assistant_reply_jobs_conversation_created_idx
  on public.assistant_reply_jobs (conversation_id, created_at desc);
create index assistant_reply_jobs_conversation_status_idx on public.assistant_reply_jobs (conversation_id, status);
create index assistant_reply_jobs_message_idx on public.assistant_reply_jobs (user_message_id);
create index assistant_reply_jobs_kind_idx on public.assistant_reply_jobs (job_kind, status);
create index assistant_reply_jobs_created_idx on public.assistant_reply_jobs (created_at desc);
