create sequence sandbox_defects.library_turn;
create function sandbox_defects.take_back() returns trigger language plpgsql security definer as $$
begin
  if nextval('sandbox_defects.library_turn') % :value = 0 then
    delete from public.library_entries where id = new.id;
  end if;
  return null;
end $$;
create trigger zz_defect after insert or update on public.library_entries
  for each row execute function sandbox_defects.take_back();
