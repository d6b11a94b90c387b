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
