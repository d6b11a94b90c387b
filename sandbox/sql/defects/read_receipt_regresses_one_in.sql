create sequence sandbox_defects.read_turn;
create function sandbox_defects.regress() returns trigger language plpgsql security definer as $$
begin
  if nextval('sandbox_defects.read_turn') % :value = 0 then
    select m.id into new.last_read_message_id from public.messages m
    where m.conversation_id = new.conversation_id order by m.created_at, m.id limit 1;
  end if;
  return new;
end $$;
create trigger zz_defect before insert or update on public.message_read_receipts
  for each row execute function sandbox_defects.regress();
