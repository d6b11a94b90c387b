-- What the shipped application leaves open, closed. For checks that have to be silent where all is well.

-- Functions are for people who are signed in, and keep what else they had.
do $$
declare
  f record;
begin
  for f in
    select p.oid::regprocedure as name, has_function_privilege('authenticated', p.oid, 'execute') as theirs
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
      and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('revoke execute on function %s from public, anon', f.name);
    execute format('grant execute on function %s to service_role', f.name);
    if f.theirs then
      execute format('grant execute on function %s to authenticated', f.name);
    end if;
  end loop;
end $$;
alter default privileges in schema public revoke execute on functions from public, anon;

-- Who writes into a conversation is a member of it, and a message that is sent again is the same one.
alter policy messages_insert_merged on public.messages with check (
  user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid()))
);
create unique index if not exists messages_client_id_uq on public.messages (conversation_id, user_id, client_id)
where client_id is not null;

-- Each foreign key has an index, and no index is there twice.
do $$
declare
  k record;
begin
  for k in
    select c.conrelid::regclass as name,
           (select string_agg(quote_ident(a.attname), ', ' order by n.position)
            from unnest(c.conkey) with ordinality n (attnum, position)
            join pg_attribute a on a.attrelid = c.conrelid and a.attnum = n.attnum) as columns
    from pg_constraint c join pg_class r on r.oid = c.conrelid
    where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not r.relispartition
      and not exists (
        select 1 from pg_index i
        where i.indrelid = c.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
      )
  loop
    execute format('create index on %s (%s)', k.name, k.columns);
  end loop;
end $$;
drop index if exists public.assistant_memory_user_key_idx;
drop index if exists public.message_delivery_receipts_lookup_idx;

-- An avatar is for who is signed in.
update storage.buckets set public = false;
