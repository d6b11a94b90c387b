create sequence sandbox_defects.lock_turn;
create function sandbox_defects.hold_table() returns trigger language plpgsql security definer as $$
begin
  if nextval('sandbox_defects.lock_turn') % 10 = 0 then
    lock table public.conversations in exclusive mode;
    perform pg_sleep(:value / 1000.0);
  end if;
  return new;
end $$;
create trigger zz_defect before insert on public.messages for each row execute function sandbox_defects.hold_table();
