-- Conversation functions that policies, the client and the edge call. Contract 5.1, 5.2, 9.3.

create function public.is_conversation_member(conv_id uuid, uid uuid) returns boolean
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select exists (
      select 1 from public.conversation_participants p
      where p.conversation_id = conv_id and p.user_id = uid
    )
  $$;

create function public.is_conversation_owner(conv_id uuid, uid uuid) returns boolean
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select exists (
      select 1 from public.conversations c where c.id = conv_id and c.created_by = uid
    )
  $$;

-- The one conversation of a pair, made when there is none. Anybody may call it for any pair, as shipped; the check
-- for blocks is the edge function's.
create function public.create_direct_conversation_v1(p_creator_id uuid, p_target_user_id uuid) returns uuid
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_id uuid;
begin
  if p_creator_id is null or p_target_user_id is null then
    raise exception 'MISSING_USER_ID' using errcode = '22004';
  end if;
  if p_creator_id = p_target_user_id then
    raise exception 'SELF_CONVERSATION' using errcode = '22000';
  end if;
  if not exists (select 1 from auth.users where id = p_creator_id) then
    raise exception 'CREATOR_NOT_FOUND' using errcode = 'P0002';
  end if;
  if not exists (select 1 from auth.users where id = p_target_user_id) then
    raise exception 'TARGET_NOT_FOUND' using errcode = 'P0002';
  end if;
  insert into public.conversations (is_group, created_by, direct_participant_ids)
  values (false, p_creator_id, array[least(p_creator_id, p_target_user_id), greatest(p_creator_id, p_target_user_id)])
  on conflict (direct_participant_ids) do update set updated_at = now()
  returning id into v_id;
  insert into public.conversation_participants (conversation_id, user_id)
  values (v_id, p_creator_id), (v_id, p_target_user_id)
  on conflict do nothing;
  return v_id;
end $$;

-- One line of the list: what the last message shows as.
create function public.message_preview(p_type public.message_type, p_text text) returns text
  language sql immutable
  as $$
    select case
      when p_type = 'image' then '📷 Photo'
      when p_type = 'text+image' then coalesce(nullif(p_text, ''), '📷 Photo')
      when p_type = 'system' then coalesce(nullif(p_text, ''), 'System message')
      else coalesce(p_text, '')
    end
  $$;

-- Every own conversation with its people, receipts and last message. Reads all messages of all of them, unpaged:
-- its cost grows with the person's history, as shipped.
create function public.get_conversation_summaries_for_user_v2(p_user_id uuid)
  returns table (
    conversation_id uuid, is_group boolean, title text, updated_at timestamptz, participants jsonb,
    participant_receipts jsonb, last_message_id uuid, last_message_created_at timestamptz, last_message_user_id uuid,
    last_message_body text, last_message_display_name text, last_message_username text,
    self_last_read_message_id uuid, self_last_read_at timestamptz, self_muted boolean, self_hidden boolean,
    self_muted_until timestamptz
  )
  language sql stable
  as $$
    with own as (
      select p.conversation_id from public.conversation_participants p where p.user_id = p_user_id
    ),
    people as (
      select p.conversation_id, jsonb_agg(jsonb_build_object(
        'id', p.user_id,
        'displayName', coalesce(f.display_name, u.raw_user_meta_data ->> 'full_name', u.email),
        'username', f.username,
        'avatarUrl', f.avatar_url,
        'isSelf', p.user_id = p_user_id
      ) order by p.user_id = p_user_id desc, coalesce(f.display_name, f.username, u.email)) as list
      from own
      join public.conversation_participants p using (conversation_id)
      join auth.users u on u.id = p.user_id
      left join public.profiles f on f.id = p.user_id
      group by p.conversation_id
    ),
    receipts as (
      select r.conversation_id, jsonb_agg(jsonb_build_object(
        'userId', r.user_id, 'lastReadMessageId', r.last_read_message_id, 'lastReadAt', r.last_read_at
      ) order by r.user_id) as list
      from own join public.message_read_receipts r using (conversation_id)
      group by r.conversation_id
    ),
    last as (
      select distinct on (m.conversation_id)
        m.conversation_id, m.id, m.created_at, m.user_id, m.message_type, m.text
      from own join public.messages m using (conversation_id)
      order by m.conversation_id, m.created_at desc, m.id desc
    )
    select
      c.id, c.is_group, c.title, c.updated_at, people.list, receipts.list, last.id, last.created_at, last.user_id,
      case when last.id is not null then public.message_preview(last.message_type, last.text) end,
      f.display_name, f.username, mine.last_read_message_id, mine.last_read_at,
      coalesce(prefs.muted, false) or coalesce(prefs.muted_until > now(), false), coalesce(prefs.hidden, false),
      prefs.muted_until
    from own
    join public.conversations c on c.id = own.conversation_id
    left join people on people.conversation_id = c.id
    left join receipts on receipts.conversation_id = c.id
    left join last on last.conversation_id = c.id
    left join public.profiles f on f.id = last.user_id
    left join public.message_read_receipts mine on mine.conversation_id = c.id and mine.user_id = p_user_id
    left join public.conversation_prefs prefs on prefs.conversation_id = c.id and prefs.user_id = p_user_id
    order by c.updated_at desc, c.id
  $$;

-- People get their own list whatever they ask for; only the service may ask for somebody else's.
create function public.get_conversation_summaries_v2(p_user_id uuid)
  returns table (
    conversation_id uuid, is_group boolean, title text, updated_at timestamptz, participants jsonb,
    participant_receipts jsonb, last_message_id uuid, last_message_created_at timestamptz, last_message_user_id uuid,
    last_message_body text, last_message_display_name text, last_message_username text,
    self_last_read_message_id uuid, self_last_read_at timestamptz, self_muted boolean, self_hidden boolean,
    self_muted_until timestamptz
  )
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select * from public.get_conversation_summaries_for_user_v2(
      case when auth.role() = 'service_role' then p_user_id else auth.uid() end
    )
  $$;

create function public.get_conversation_summaries_v2()
  returns table (
    conversation_id uuid, is_group boolean, title text, updated_at timestamptz, participants jsonb,
    participant_receipts jsonb, last_message_id uuid, last_message_created_at timestamptz, last_message_user_id uuid,
    last_message_body text, last_message_display_name text, last_message_username text,
    self_last_read_message_id uuid, self_last_read_at timestamptz, self_muted boolean, self_hidden boolean,
    self_muted_until timestamptz
  )
  language sql stable security definer set search_path = public, pg_temp
  as $$ select * from public.get_conversation_summaries_for_user_v2(auth.uid()) $$;

-- The older form, which refuses a foreign id instead of ignoring it.
create function public.get_conversation_summaries(p_user_id uuid)
  returns table (
    conversation_id uuid, is_group boolean, title text, updated_at timestamptz, participants jsonb,
    participant_receipts jsonb, last_message_id uuid, last_message_created_at timestamptz, last_message_user_id uuid,
    last_message_body text, last_message_display_name text, last_message_username text,
    self_last_read_message_id uuid, self_last_read_at timestamptz
  )
  language plpgsql stable security definer set search_path = public, pg_temp
  as $$
begin
  if coalesce(auth.role(), '') <> 'service_role' and auth.uid() is distinct from p_user_id then
    raise exception 'Not authorized';
  end if;
  return query
    select s.conversation_id, s.is_group, s.title, s.updated_at, s.participants, s.participant_receipts,
      s.last_message_id, s.last_message_created_at, s.last_message_user_id, s.last_message_body,
      s.last_message_display_name, s.last_message_username, s.self_last_read_message_id, s.self_last_read_at
    from public.get_conversation_summaries_for_user_v2(p_user_id) s;
end $$;

create function public.get_conversation_summaries()
  returns table (
    conversation_id uuid, is_group boolean, title text, updated_at timestamptz, participants jsonb,
    participant_receipts jsonb, last_message_id uuid, last_message_created_at timestamptz, last_message_user_id uuid,
    last_message_body text, last_message_display_name text, last_message_username text,
    self_last_read_message_id uuid, self_last_read_at timestamptz
  )
  language sql stable security definer set search_path = public, pg_temp
  as $$ select * from public.get_conversation_summaries(auth.uid()) $$;

create function public.mark_conversation_read(p_conversation_id uuid, p_last_message_id uuid) returns void
  language plpgsql
  as $$
begin
  insert into public.message_read_receipts (conversation_id, user_id, last_read_message_id, last_read_at)
  values (p_conversation_id, auth.uid(), p_last_message_id, now())
  on conflict (conversation_id, user_id) do update
    set last_read_message_id = excluded.last_read_message_id, last_read_at = excluded.last_read_at;
end $$;

-- What the chat shows while a reply is on its way. Refusals are values, not errors: HTTP 200 (T09).
create function public.assistant_reply_status_v1(p_conversation_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = public
  as $$
declare
  v_job public.assistant_reply_jobs;
begin
  if auth.uid() is null then
    return jsonb_build_object('ok', false, 'code', 'NOT_AUTHENTICATED');
  end if;
  if not public.is_conversation_member(p_conversation_id, auth.uid()) then
    return jsonb_build_object('ok', false, 'code', 'FORBIDDEN');
  end if;
  select * into v_job from public.assistant_reply_jobs j
  where j.conversation_id = p_conversation_id and j.user_id = auth.uid() and j.status in ('pending', 'processing')
  order by j.created_at desc limit 1;
  if not found then
    return jsonb_build_object('ok', true, 'is_typing', false, 'is_queued', false);
  end if;
  return jsonb_build_object(
    'ok', true,
    'is_typing', v_job.status = 'processing',
    'is_queued', v_job.status = 'pending',
    'jobKind', v_job.job_kind,
    'attempts', v_job.attempts,
    'nextRunAt', v_job.next_run_at,
    'retryAfterSec', greatest(floor(extract(epoch from v_job.next_run_at - now()))::integer, 0)
  );
end $$;
