-- Storage's tables and who may see which object. The bytes are kept by the server, not here. Contract 5.1, 5.5.
-- The contract tells the path rule and that removal is for the owner; the rest of these policies is ours.

create table storage.buckets (
  id text primary key,
  name text not null,
  public boolean not null default false,
  created_at timestamptz not null default now()
);
insert into storage.buckets (id, name) values ('chat-media', 'chat-media'), ('avatars', 'avatars');

create table storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text not null references storage.buckets (id),
  name text not null,
  owner_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_accessed_at timestamptz not null default now(),
  metadata jsonb not null default '{}',
  version text
);
create unique index bucketid_objname on storage.objects (bucket_id, name);
create index objects_owner_idx on storage.objects (owner_id);

-- The conversation that an attachment's path names, null where it names none.
create function storage.conversation_of(object_name text) returns uuid
  language sql immutable parallel safe
  as $$
    select case when object_name ~
      '^message_attachments/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/[^/]+/[^/]+$'
    then split_part(object_name, '/', 2)::uuid end
  $$;

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant select on storage.buckets to anon, authenticated;
grant all on storage.buckets, storage.objects to service_role;
grant select, insert, update, delete on storage.objects to anon, authenticated;

create policy buckets_select on storage.buckets for select to anon, authenticated using (true);
create policy chat_media_select_members on storage.objects for select to authenticated using (
  bucket_id = 'chat-media'
  and public.is_conversation_member(storage.conversation_of(name), (select auth.uid()))
);
create policy chat_media_insert_own on storage.objects for insert to authenticated with check (
  bucket_id = 'chat-media' and split_part(name, '/', 3) = (select auth.uid())::text
  and public.is_conversation_member(storage.conversation_of(name), (select auth.uid()))
);
create policy chat_media_delete_own on storage.objects for delete to authenticated using (
  bucket_id = 'chat-media' and split_part(name, '/', 3) = (select auth.uid())::text
);
create policy avatars_select on storage.objects for select to authenticated using (bucket_id = 'avatars');
create policy avatars_insert_own on storage.objects for insert to authenticated
  with check (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
create policy avatars_update_own on storage.objects for update to authenticated
  using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text)
  with check (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
create policy avatars_delete_own on storage.objects for delete to authenticated
  using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
