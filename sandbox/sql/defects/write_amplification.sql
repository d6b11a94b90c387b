create table sandbox_defects.amplified (message_id uuid, part integer, primary key (message_id, part));
create function sandbox_defects.amplify() returns trigger language plpgsql security definer as $$
begin
  insert into sandbox_defects.amplified select new.id, part from generate_series(1, :value) part;
  return null;
end $$;
create trigger zz_defect after insert on public.messages for each row execute function sandbox_defects.amplify();
