// What the Realtime cases share: the pinned client, people who sign in, waiting, and the sandbox's own switches.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';

function required(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

export const url = required('SANDBOX_URL');
export const anonKey = required('SANDBOX_ANON_KEY');
export const conversation = required('SANDBOX_CONVERSATION');
const secret = required('SANDBOX_JWT_SECRET');
const password = required('SANDBOX_PASSWORD');
const folder = required('CLIENT_FOLDER');

const load = (where) => {
  const require = createRequire(join(where, 'package.json'));
  return { ...require('@supabase/supabase-js'), ws: require('ws') };
};
const own = load(folder);
const other = load(required('OTHER_FOLDER'));
export const version = required('CLIENT_VERSION');
export const speaksV2 = version !== '2.90.1';

export const people = { ann: required('ANN_EMAIL'), bob: required('BOB_EMAIL'), eve: required('EVE_EMAIL') };
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `check` says something true and answers that; fails after `limit` ms. */
export async function until(what, check, limit = 8000) {
  const end = Date.now() + limit;
  for (;;) {
    const found = check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`);
    await pause(10);
  }
}

/** A socket class that keeps what passes over it. */
function recording(Base, frames) {
  return class extends Base {
    constructor(...given) {
      super(...given);
      this.on('message', (data, binary) => frames.push({ from: 'server', binary, data: Buffer.from(data) }));
    }

    send(data, ...rest) {
      frames.push({ from: 'client', binary: typeof data !== 'string', data: Buffer.from(data) });
      return super.send(data, ...rest);
    }
  };
}

/** A client of the tested version, or of the other one, signed in unless `person` is null. */
export async function client(person = 'ann', { library = own, realtime = {} } = {}) {
  const frames = [];
  const supabase = library.createClient(url, anonKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: {
      transport: recording(library.ws, frames),
      heartbeatIntervalMs: 1000,
      params: { eventsPerSecond: 10 },
      ...realtime,
    },
  });
  supabase.frames = frames;
  if (person !== null) {
    const { data, error } = await supabase.auth.signInWithPassword({ email: people[person], password });
    assert.equal(error, null);
    supabase.me = data.user.id;
    supabase.token = data.session.access_token;
    await supabase.realtime.setAuth(data.session.access_token);
  }
  return supabase;
}
export const otherClient = (person, options = {}) => client(person, { library: other, ...options });

/** Subscribes and keeps every status: `channel.statuses` is a list of [status, error]. */
export function subscribe(channel, timeout) {
  channel.statuses = [];
  channel.subscribe((status, error) => channel.statuses.push([status, error?.message]), timeout);
  return channel;
}
export const saw = (channel, status, from = 0) => channel.statuses.slice(from).some(([one]) => one === status);

/** Subscribed, and where it listens to the database, heard so. */
export async function subscribed(channel, { database = true } = {}) {
  channel.notices = [];
  channel.on('system', {}, (payload) => channel.notices.push(payload));
  subscribe(channel);
  await until('SUBSCRIBED', () => saw(channel, 'SUBSCRIBED'));
  if (database) await until('the Postgres notice', () => channel.notices.some(isNotice));
  return channel;
}
export const isNotice = (one) => one.status === 'ok' && one.message === 'Subscribed to PostgreSQL';

/** Listens to a conversation's table as the app does; rows arrive in the list that is given back. */
export function listen(channel, table, { event = '*', filter = `conversation_id=eq.${conversation}` } = {}) {
  const events = [];
  channel.on('postgres_changes', { event, schema: 'public', table, filter }, (payload) => events.push(payload));
  return events;
}

export function message(supabase, text) {
  const body = { type: 'text', text, clientId: randomUUID() };
  return {
    conversation_id: conversation,
    user_id: supabase.me,
    sender_id: supabase.me,
    body,
    meta: body,
    message_type: 'text',
    text,
    client_id: body.clientId,
  };
}

export async function send(supabase, text) {
  const { data, error } = await supabase.from('messages').insert(message(supabase, text)).select().single();
  assert.equal(error, null, JSON.stringify(error));
  return data;
}

/** The sandbox's switches: what to do to whom, for this machine only. */
export async function sandbox(path, body) {
  const reply = await fetch(`${url}/.well-known/movinesta-sandbox/realtime/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const said = await reply.json();
  assert.equal(reply.status, 200, JSON.stringify(said));
  return said;
}

/** The person's token with other times. */
export function minted(token, seconds) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const now = Math.floor(Date.now() / 1000);
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, iat: now, exp: now + seconds })}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

/** Runs the cases that may overlap at once and the others one after the other; prints one line for each. */
export async function run(cases, wanted) {
  let passed = 0;
  let failed = 0;
  const one = async ({ name, body }) => {
    const begun = Date.now();
    try {
      await body();
      passed += 1;
      console.log(`ok     ${version} ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${version} ${name} (${Date.now() - begun} ms): ${error.stack}`);
    }
  };
  const chosen = cases.filter((each) => wanted === 'all' || each.fast);
  await Promise.all(chosen.filter((each) => !each.alone).map(one));
  for (const each of chosen.filter((one) => one.alone)) await one(each);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
