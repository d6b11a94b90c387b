create function sandbox_defects.hold() returns trigger language plpgsql security definer as $$
begin
  perform pg_advisory_xact_lock(7);
  perform pg_sleep(:value / 1000.0);
  return new;
end $$;
create trigger zz_defect before insert on public.messages for each row execute function sandbox_defects.hold();
