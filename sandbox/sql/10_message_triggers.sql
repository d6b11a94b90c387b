-- What happens around a message. Exact error texts and the assistant's queue rule: contract 5.4, 6.6, 8.2.

create function public.get_assistant_user_id_v1() returns uuid
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    select coalesce(c.assistant_user_id, (select p.id from public.profiles p where p.username = c.assistant_username))
    from public.assistant_system_config c where c.id = 1
  $$;

-- A message is its author's: whoever the row says sent it.
create function public.messages_set_sender_id_v1() returns trigger
  language plpgsql set search_path = pg_catalog, public, extensions, pg_temp
  as $$
begin
  new.user_id := coalesce(new.user_id, auth.uid());
  new.sender_id := coalesce(new.user_id, new.sender_id);
  return new;
end $$;

-- Both checks judge everybody's rows, the service's too, and partly the same: the first one answers.
create function public.enforce_message_payload_safety() returns trigger
  language plpgsql security definer set search_path = public set row_security = off
  as $$
begin
  if new.attachment_url ~* '^https?://' then
    raise exception 'external_attachment_url_not_allowed';
  elsif new.body ->> 'type' = 'system' then
    raise exception 'system_message_not_allowed';
  elsif new.body ->> 'deleted' = 'true' then
    raise exception 'deleted_flag_not_allowed_on_insert';
  end if;
  return new;
end $$;

create function public.validate_message_insert_v1() returns trigger
  language plpgsql set search_path = pg_catalog, public, extensions, pg_temp
  as $$
begin
  if new.attachment_url ~* '^https?://' then
    raise exception 'External attachment URLs are not allowed';
  elsif strpos(new.attachment_url, '..') > 0 then
    raise exception 'Invalid attachment path';
  elsif new.body ->> 'type' = 'system' then
    raise exception 'Cannot insert system messages from client';
  elsif new.body ?| array['deleted', 'deletedAt', 'editedAt'] then
    raise exception 'Cannot set edit/delete fields on insert';
  elsif pg_column_size(new.body) > 16000 then
    raise exception 'Message too large';
  end if;
  return new;
end $$;

create function public.prevent_message_conversation_change() returns trigger
  language plpgsql security definer set search_path = public set row_security = off
  as $$
begin
  if new.conversation_id is distinct from old.conversation_id then
    raise exception 'conversation_id_change_not_allowed';
  end if;
  return new;
end $$;

-- One hot row per conversation, fully logged for realtime: the price of a message.
create function public.bump_conversation_updated_at() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  update public.conversations set updated_at = now() where id = new.conversation_id;
  return new;
end $$;

create function public.bump_conversation_on_participant_change() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  update public.conversations set updated_at = now()
  where id = case tg_op when 'DELETE' then old.conversation_id else new.conversation_id end;
  return null;
end $$;

create function public.canonicalize_direct_participant_ids() returns trigger
  language plpgsql security definer set search_path = public
  as $$
begin
  if new.is_group then
    new.direct_participant_ids := null;
  elsif new.direct_participant_ids is not null then
    new.direct_participant_ids := (select array_agg(u order by u) from unnest(new.direct_participant_ids) u);
  end if;
  return new;
end $$;

-- The same check twice, as shipped, in two wordings: the one whose trigger comes first by name answers.
create function public.enforce_reaction_message_scope_v1() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  if not exists (
    select 1 from public.messages m where m.id = new.message_id and m.conversation_id = new.conversation_id
  ) then
    raise exception 'Reaction message does not belong to conversation';
  end if;
  return new;
end $$;

create function public.enforce_reaction_conversation_match() returns trigger
  language plpgsql security definer set search_path = public set row_security = off
  as $$
declare
  v_conversation uuid := (select m.conversation_id from public.messages m where m.id = new.message_id);
begin
  if v_conversation is null then
    raise exception 'message_not_found';
  elsif new.conversation_id is distinct from v_conversation then
    raise exception 'reaction_conversation_mismatch';
  end if;
  return new;
end $$;

-- A text in a conversation with the assistant queues one reply and supersedes what that person still has queued
-- there. More than 12 texts a minute queue one notice instead, which the next text supersedes in turn: 15 in a row
-- leave nothing pending. As shipped.
create function public.enqueue_assistant_reply_job_v1() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_assistant uuid;
  v_limit jsonb;
  v_kind text := 'reply';
  v_meta jsonb := '{"source": "messages_trigger"}';
  v_key text := new.conversation_id || ':' || new.id;
begin
  if new.message_type <> 'text' or new.deleted_at is not null then
    return new;
  end if;
  v_assistant := public.get_assistant_user_id_v1();
  if v_assistant is null or new.user_id = v_assistant or not exists (
    select 1 from public.conversation_participants p
    where p.conversation_id = new.conversation_id and p.user_id = v_assistant
  ) then
    return new;
  end if;
  update public.assistant_reply_jobs
  set status = 'done', updated_at = now(),
    meta = coalesce(meta, '{}') || jsonb_build_object('supersededByMessageId', new.id::text, 'supersededAt', now())
  where conversation_id = new.conversation_id and user_id = new.user_id and status = 'pending'
    and user_message_id <> new.id;
  v_limit := public.rate_limit_check_v1('assistant_enqueue:' || new.user_id || ':' || new.conversation_id, 12, 60);
  if not (v_limit ->> 'allowed')::boolean then
    v_kind := 'rate_limit_notice';
    v_key := new.conversation_id || ':rate_limit_notice:' || (v_limit ->> 'windowStart');
    v_meta := v_meta || jsonb_build_object('rateLimit', v_limit);
  end if;
  insert into public.assistant_reply_jobs (user_id, conversation_id, user_message_id, dedupe_key, job_kind, meta)
  values (new.user_id, new.conversation_id, new.id, v_key, v_kind, v_meta)
  on conflict (dedupe_key) do nothing;
  return new;
end $$;

create trigger trg_enforce_message_payload_safety before insert on public.messages
  for each row execute function public.enforce_message_payload_safety();
create trigger trg_messages_set_sender_id_v1 before insert on public.messages
  for each row execute function public.messages_set_sender_id_v1();
create trigger trg_validate_message_insert_v1 before insert on public.messages
  for each row execute function public.validate_message_insert_v1();
create trigger trg_prevent_message_conversation_change before update on public.messages
  for each row execute function public.prevent_message_conversation_change();
create trigger messages_enqueue_assistant_reply_job after insert on public.messages
  for each row execute function public.enqueue_assistant_reply_job_v1();
create trigger trg_bump_conversation_updated_at after insert on public.messages
  for each row execute function public.bump_conversation_updated_at();

create trigger trg_enforce_reaction_message_scope_v1 before insert or update on public.message_reactions
  for each row execute function public.enforce_reaction_message_scope_v1();
create trigger trg_reaction_conv_match before insert or update on public.message_reactions
  for each row execute function public.enforce_reaction_conversation_match();

create trigger trg_canonicalize_direct_participant_ids before insert or update on public.conversations
  for each row execute function public.canonicalize_direct_participant_ids();
create trigger trg_conversations_updated_at before update on public.conversations
  for each row execute function public.set_updated_at();
create trigger trg_bump_conversation_on_participant_change after insert or delete on public.conversation_participants
  for each row execute function public.bump_conversation_on_participant_change();
create trigger set_conversation_prefs_updated_at before update on public.conversation_prefs
  for each row execute function public.set_updated_at();
