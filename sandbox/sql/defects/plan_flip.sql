-- Somebody's setting: reading through an index is thought to cost a million times what it costs.
select sandbox_defects.old_messages(20000);
alter tablespace pg_default set (random_page_cost = 1000000);
