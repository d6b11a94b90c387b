-- Whatever an earlier start on kept data left behind.
drop schema if exists sandbox_defects cascade;
drop policy if exists zz_defect on public.messages;
alter table public.messages enable row level security;
alter table public.media_events enable row level security;
alter table public.messages enable trigger trg_bump_conversation_updated_at;
create schema sandbox_defects;
revoke all on schema sandbox_defects from public;
