create sequence sandbox_defects.message_turn;
create function sandbox_defects.backdate_message() returns trigger language plpgsql security definer as $$
begin
  if nextval('sandbox_defects.message_turn') % :value = 0 then
    new.created_at := new.created_at - interval '3 seconds';
  end if;
  return new;
end $$;
create trigger zz_defect before insert on public.messages
  for each row execute function sandbox_defects.backdate_message();
