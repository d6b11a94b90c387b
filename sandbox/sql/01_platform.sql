-- What Supabase provides around the application's own schema: roles, schemas, extensions, claims.
-- Source: contract sections 2.4, 9.1, 9.2. Roles belong to the cluster, so they may exist already.

do $$
declare
  r text;
begin
  foreach r in array array['anon', 'authenticated', 'dashboard_user', 'supabase_storage_admin', 'supabase_realtime_admin']
  loop
    if to_regrole(r) is null then execute format('create role %I nologin noinherit', r); end if;
  end loop;
  if to_regrole('service_role') is null then create role service_role nologin noinherit bypassrls; end if;
  if to_regrole('supabase_auth_admin') is null then create role supabase_auth_admin login noinherit createrole; end if;
  -- The application's login: it owns nothing and can only become one of the three roles of a key or token.
  if to_regrole('authenticator') is null then create role authenticator login noinherit; end if;
end $$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to supabase_realtime_admin;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

create schema if not exists extensions;
create schema if not exists auth authorization supabase_auth_admin;
create schema if not exists storage;
create schema if not exists realtime;
create schema if not exists graphql;
grant usage on schema public, extensions, auth to anon, authenticated, service_role, supabase_auth_admin;
grant usage on schema storage to anon, authenticated, service_role, supabase_storage_admin;
grant usage on schema realtime to anon, authenticated, service_role, supabase_realtime_admin;

create extension if not exists vector schema extensions;
create extension if not exists pg_trgm schema extensions;
do $$
begin
  -- Present only when the server preloads it.
  if current_setting('shared_preload_libraries') like '%pg_stat_statements%' then
    create extension if not exists pg_stat_statements schema extensions;
  end if;
end $$;

-- The wheel is built without OpenSSL, hence without pgcrypto. These three keep its names and calling convention.
create function extensions.gen_random_bytes(n integer) returns bytea
  language sql volatile parallel safe
  as $$
    -- Only the 16 bytes' random bits vary fully, so each identifier is hashed: 32 bytes of it are as random as 122 bits.
    select substring(string_agg(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), ''::bytea) from 1 for n)
    from generate_series(0, (n - 1) / 32)
  $$;

-- A salt for extensions.crypt. Cost is accepted for the convention's sake; the scheme has none.
create function extensions.gen_salt(kind text, cost integer default 4) returns text
  language sql volatile parallel safe
  as $$ select '$sandbox-sha256$' || encode(extensions.gen_random_bytes(12), 'hex') || '$' $$;

-- Verify with `encrypted_password = extensions.crypt(given, encrypted_password)`, as GoTrue's SQL users do. A salted
-- SHA-256: people here are synthetic, and sign-in must not measure this machine's bcrypt.
create function extensions.crypt(password text, salt text) returns text
  language sql immutable strict parallel safe
  as $$
    select case when salt ~ '^\$sandbox-sha256\$[0-9a-f]+\$'
      then '$sandbox-sha256$' || split_part(salt, '$', 3) || '$'
        || encode(sha256(convert_to(split_part(salt, '$', 3) || password, 'UTF8')), 'hex')
      end
  $$;

-- Supabase's defaults: what is created in public afterwards is granted to the API roles; RLS does the refusing.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;

-- PostgREST puts the verified token into `request.jwt.claims` for the length of a transaction.
create function auth.jwt() returns jsonb
  language sql stable parallel safe
  as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;

create function auth.uid() returns uuid
  language sql stable parallel safe
  as $$ select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid $$;

create function auth.role() returns text
  language sql stable parallel safe
  as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' $$;

create function auth.email() returns text
  language sql stable parallel safe
  as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email' $$;
