create function sandbox_defects.spill() returns trigger language plpgsql security definer set work_mem = '64kB' as $$
begin
  perform count(*) from (select n from generate_series(1, :value) n order by md5(n::text)) sorted;
  return new;
end $$;
create trigger zz_defect before insert on public.messages for each row execute function sandbox_defects.spill();
