// What the unmodified @supabase/supabase-js does when the hosted platform's limits bite: the phones do the same
// (tests/client/test_hosted_limits.py). Wanted: SANDBOX_URL, SANDBOX_ANON_KEY, SANDBOX_EMAIL, SANDBOX_PASSWORD, of a
// sandbox whose tokens last a minute (so that each request refreshes first), with the switches sign_in_burst=3,
// sign_in_per_5_minutes=1, forwarded_for_trusted=on, edge_worker_limit_one_in=1.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@supabase/supabase-js';

const url = process.env.SANDBOX_URL;
const anonKey = process.env.SANDBOX_ANON_KEY;
const credentials = { email: process.env.SANDBOX_EMAIL, password: process.env.SANDBOX_PASSWORD };
const PROFILES = '/rest/v1/profiles';
const REFRESH = 'grant_type=refresh_token';

// A client at an address of its own; answers: what refreshes are answered instead, one after the other.
function client(address, answers = []) {
  const sent = [];
  const kept = new Map();
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
  async function logged(input, init) {
    const at = String(input);
    const headers = new Headers(init?.headers);
    headers.set('x-forwarded-for', address);
    const own = at.includes(REFRESH) ? answers.shift() : undefined;
    const reply = own?.() ?? (await fetch(input, { ...init, headers }));
    sent.push({ at, status: reply.status, bearer: headers.get('authorization') });
    return reply;
  }
  const made = createClient(url, anonKey, {
    auth: { persistSession: true, autoRefreshToken: false, storage },
    global: { fetch: logged },
  });
  const of = (fragment) => sent.filter((one) => one.at.includes(fragment));
  return { supabase: made, kept, of };
}

async function signedIn(address, answers) {
  const made = client(address, answers);
  const { error } = await made.supabase.auth.signInWithPassword(credentials);
  assert.equal(error, null);
  assert.equal(made.kept.size, 1);
  return made;
}

const page = (status, body) => () => new Response(body, { status });

test('a refresh beyond the limit is not tried again and ends the session', async () => {
  const { supabase, kept, of } = await signedIn('203.0.113.1');
  for (let turn = 0; turn < 3; turn += 1) await supabase.from('profiles').select('id').limit(1);
  assert.deepEqual(of(REFRESH).map((one) => one.status), [200, 200, 429]);
  assert.equal(kept.size, 0);
  const bearers = of(PROFILES).map((one) => one.bearer);
  assert.equal(bearers[2], `Bearer ${anonKey}`);
  assert.notEqual(bearers[1], bearers[2]);
});

test('a sign-in beyond the limit is an error with its code', async () => {
  const { supabase, of } = client('203.0.113.2');
  let last;
  for (let turn = 0; turn < 4; turn += 1) last = await supabase.auth.signInWithPassword(credentials);
  assert.equal(last.error.status, 429);
  assert.equal(last.error.code, 'over_request_rate_limit');
  assert.equal(of('grant_type=password').length, 4);
});

test('502, 503, 504 and a good status without JSON are tried again', async () => {
  const answers = [page(503, ''), page(502, '<html>'), page(200, '<html>'), page(200, '')];
  const { supabase, kept, of } = await signedIn('203.0.113.3', answers);
  await supabase.from('profiles').select('id').limit(1);
  assert.deepEqual(of(REFRESH).map((one) => one.status), [503, 502, 200, 200, 200]);
  assert.equal(kept.size, 1);
  assert.notEqual(of(PROFILES)[0].bearer, `Bearer ${anonKey}`);
});

test('JSON that names no session ends it', async () => {
  const { supabase, kept, of } = await signedIn('203.0.113.4', [page(200, '{}')]);
  await supabase.from('profiles').select('id').limit(1);
  assert.equal(of(REFRESH).length, 1);
  assert.equal(kept.size, 0);
});

test('while no refresh works the session stays and requests carry the anon key', async () => {
  const now = Date.now;
  const later = () => {
    Date.now = () => now() + 31_000; // its half minute of tries is over
    return new Response('', { status: 503 });
  };
  try {
    const { supabase, kept, of } = await signedIn('203.0.113.5', [later]);
    await supabase.from('profiles').select('id').limit(1);
    assert.equal(of(REFRESH).length, 1);
    assert.equal(kept.size, 1);
    assert.equal(of(PROFILES)[0].bearer, `Bearer ${anonKey}`);
  } finally {
    Date.now = now;
  }
});

test('a function whose worker ends is asked once', async () => {
  const { supabase, of } = client('203.0.113.6');
  const { data, error } = await supabase.functions.invoke('public-app-settings', { body: {} });
  assert.equal(data, null);
  assert.equal(error.name, 'FunctionsHttpError');
  assert.equal(error.context.status, 546);
  assert.equal(of('/functions/v1/').length, 1);
});
