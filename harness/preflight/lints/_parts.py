"""Pieces of SQL that several questions share. (pure)"""

from __future__ import annotations

API_ROLES = "('anon', 'authenticated')"
"""Whoever holds the public key is one of these (Supabase)."""

OURS = """
  not exists (select from pg_depend d where d.objid = {oid} and d.deptype = 'e')
"""
"""Not part of an extension."""

GRANTED = """
  lateral (
    select string_agg(r.rolname || ' may ' || v.verbs, ', ' order by r.rolname) as text
    from pg_roles r cross join lateral (
      select string_agg(verb, ', ') as verbs
      from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) verb
      where has_table_privilege(r.oid, c.oid, verb)
    ) v
    where r.rolname in ('anon', 'authenticated') and v.verbs is not null
  ) granted
"""
"""`granted.text`: who of the API's roles may do what with table `c`; null: nobody anything."""
