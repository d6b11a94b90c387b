-- Gone with the next message of anybody, so that it was committed, delivered and read in between.
create table sandbox_defects.doomed (id uuid);
create sequence sandbox_defects.message_turn;
create function sandbox_defects.vanish() returns trigger language plpgsql security definer as $$
begin
  delete from public.messages m using sandbox_defects.doomed d where m.id = d.id;
  delete from sandbox_defects.doomed;
  if nextval('sandbox_defects.message_turn') % :value = 0 then
    insert into sandbox_defects.doomed values (new.id);
  end if;
  return null;
end $$;
create trigger zz_defect after insert on public.messages for each row execute function sandbox_defects.vanish();
