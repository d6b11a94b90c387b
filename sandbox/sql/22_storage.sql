-- Storage's tables and who may see which object. The bytes are kept by the server, not here. Contract 5.1, 5.5.
-- Policies by their shipped names and meaning.

create table storage.buckets (
  id text primary key,
  name text not null,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text
);
create unique index bname on storage.buckets (name);
-- Avatars are for everybody who has the address; what people send each other is not.
insert into storage.buckets (id, name, public) values ('chat-media', 'chat-media', false), ('avatars', 'avatars', true);

create table storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text references storage.buckets (id),
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb
);
create unique index bucketid_objname on storage.objects (bucket_id, name);
create index objects_owner_idx on storage.objects (owner_id);

-- The conversation that an attachment's path names, null where it names none.
create function storage.conversation_of(object_name text) returns uuid
  language sql immutable parallel safe
  as $$
    select case when object_name ~
      '^message_attachments/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(/|$)'
    then split_part(object_name, '/', 2)::uuid end
  $$;

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant select on storage.buckets to anon, authenticated;
grant all on storage.buckets, storage.objects to service_role;
grant select, insert, update, delete on storage.objects to anon, authenticated;

-- Ours: the platform's own service looks at buckets with rights of its own.
create policy buckets_select on storage.buckets for select to anon, authenticated using (true);
create policy "Chat media read (participants only)" on storage.objects for select to authenticated using (
  bucket_id = 'chat-media'
  and public.is_conversation_member(storage.conversation_of(name), (select auth.uid()))
);
create policy "Chat media upload (participants only)" on storage.objects for insert to authenticated with check (
  bucket_id = 'chat-media' and split_part(name, '/', 3) = (select auth.uid())::text
  and public.is_conversation_member(storage.conversation_of(name), (select auth.uid()))
);
create policy "Chat media delete (owner participants only)" on storage.objects for delete to authenticated using (
  bucket_id = 'chat-media' and split_part(name, '/', 3) = (select auth.uid())::text
  and public.is_conversation_member(storage.conversation_of(name), (select auth.uid()))
);
create policy avatars_read_authenticated on storage.objects for select to authenticated using (bucket_id = 'avatars');
create policy avatars_insert_own_prefix on storage.objects for insert to authenticated
  with check (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
-- The one that asks for a folder: a file beside the folders, named like its owner, can be made and not replaced.
create policy avatars_update_own_prefix on storage.objects for update to authenticated
  using (bucket_id = 'avatars' and name like (select auth.uid())::text || '/%');
create policy avatars_delete_own_prefix on storage.objects for delete to authenticated
  using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
