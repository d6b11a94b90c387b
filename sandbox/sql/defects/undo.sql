-- Whatever an earlier start on kept data left behind.
drop schema if exists sandbox_defects cascade;
drop policy if exists zz_defect on public.messages;
alter table public.messages enable row level security;
alter table public.media_events enable row level security;
alter table public.messages enable trigger trg_bump_conversation_updated_at;
drop policy if exists zz_defect_select on public.library_entries;
drop policy if exists zz_defect_insert on public.library_entries;
drop policy if exists zz_defect_update on public.messages;
drop policy if exists zz_defect_delete on public.messages;
drop policy if exists zz_defect on storage.objects;
drop function if exists public.zz_defect_address_of(uuid);
drop function if exists public.zz_defect_purge_messages(integer);
create schema sandbox_defects;
revoke all on schema sandbox_defects from public;
alter tablespace pg_default reset (random_page_cost);
alter table public.messages reset (autovacuum_enabled);
delete from public.messages where conversation_id = '0bad0bad-0bad-40ba-80ba-0bad0bad0bad';
delete from public.conversations where id = '0bad0bad-0bad-40ba-80ba-0bad0bad0bad';
create index if not exists messages_conversation_created_idx on public.messages
  (conversation_id, created_at desc, id desc);
create index if not exists messages_conversation_created_asc_idx on public.messages (conversation_id, created_at);
create index if not exists messages_conversation_idx on public.messages (conversation_id);
create index if not exists messages_conversation_client_idx on public.messages (conversation_id, client_id)
  where client_id is not null;
create index if not exists messages_conversation_user_created_idx on public.messages
  (conversation_id, user_id, created_at desc);
create index if not exists messages_conversation_type_idx on public.messages (conversation_id, message_type);
create index if not exists messages_created_idx on public.messages (created_at desc);
-- Last year's messages of a conversation without members, for what only a large table shows.
create function sandbox_defects.old_messages(number integer) returns void language plpgsql
  set session_replication_role = replica as $$
declare
  author uuid := (select id from auth.users order by created_at, id limit 1);
  place constant uuid := '0bad0bad-0bad-40ba-80ba-0bad0bad0bad';
begin
  insert into public.conversations (id, created_at, updated_at, is_group, title)
    values (place, now() - interval '1 year', now() - interval '1 year', true, 'old messages');
  insert into public.messages (created_at, conversation_id, user_id, sender_id, body, text)
    select now() - interval '1 year' + n * interval '1 minute', place, author, author,
      jsonb_build_object('type', 'text', 'text', 'old ' || n), 'old ' || n
    from generate_series(1, number) n;
  analyze public.messages;
end $$;
