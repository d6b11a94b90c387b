create sequence sandbox_defects.message_turn;
create function sandbox_defects.double_message() returns trigger language plpgsql security definer as $$
begin
  if pg_trigger_depth() = 1 and nextval('sandbox_defects.message_turn') % :value = 0 then
    insert into public.messages (conversation_id, user_id, sender_id, body, attachment_url, message_type, text,
      client_id, meta)
    values (new.conversation_id, new.user_id, new.sender_id, new.body, new.attachment_url, new.message_type, new.text,
      new.client_id, new.meta);
  end if;
  return null;
end $$;
create trigger zz_defect after insert on public.messages for each row execute function sandbox_defects.double_message();
