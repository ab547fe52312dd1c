import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModuleRef } from '@nestjs/core';
import { ConnectionNotices } from '../../../src/watch/connection-notices.js';
import { WatchModule } from '../../../src/watch/watch.module.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register, unique } from '../../support/factories.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { TestResponse } from '../../support/http-client.js';
import { MailServer } from '../../support/mail-server.js';
import { expectProblem } from '../../support/problems.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const ALL_ON = { newSignIn: true, apiKeyMade: true, credentialsRevealed: true, connections: true };

let backends: Backends;
let mails: MailServer;
let fakes: FakeInstances;
let app: TestApp;

beforeAll(async () => {
  mails = await MailServer.start();
  fakes = await FakeInstances.atMost(8);
  backends = await Backends.create();
  const env = { ...mails.env(), INSTANCE_HOST_ALLOWLIST: fakes.allowlist.join(',') };
  app = await startTestApp({ backends, env });
});
afterAll(async () => {
  const sent = mails.received.map(({ source }) => source).join('\n');
  try {
    expect(backends.secrets.foundIn(sent.replace(/#[\w-]{43}/g, ''))).toEqual([]);
    await app.expectCleanRecord();
  } finally {
    await app.close();
    await mails.close();
    await fakes.closeAll();
    await backends.remove();
  }
});

/** Whose address is confirmed. */
async function newPerson(): Promise<Person> {
  const person = await register(app.client, backends.secrets);
  await backends.rows('UPDATE users SET email_verified_at = now() WHERE id = $1', [person.id]);
  return person;
}

const signIn = ({ email, password }: Person, agent: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password }, { 'User-Agent': agent });
const makeKey = async ({ client }: Person, name = 'A worker'): Promise<string> =>
  (await client.post('/v1/api-keys', { name, scopes: ['credentials:read'] })).json<{ key: string }>().key;
const choose = ({ client }: Person, body: object): Promise<TestResponse> =>
  client.request('PUT', '/v1/me/notices', { body });
const about = ({ email }: Person, subject: string): string[] =>
  mails
    .to(email)
    .map(({ source }) => source)
    .filter((source) => source.includes(`Subject: ${subject}`));
async function arrived(person: Person, subject: string, count = 1): Promise<void> {
  await waitUntil(() => about(person, subject).length === count, { timeoutMs: 20_000, what: subject });
  // The sender notes it after the mail server has it.
  const begun = 'SELECT FROM mails WHERE recipient = $1 AND attempts > 0 AND done_at IS NULL';
  const isNoted = async () => (await backends.rows(begun, [person.email])).length === 0;
  await waitUntil(isNoted, { timeoutMs: 20_000, what: `${subject} to be noted` });
}
/** What waits or was sent, whether or not it has arrived. */
const letters = async ({ email }: Person, kind: string): Promise<unknown[]> =>
  backends.rows(`SELECT items FROM mails WHERE recipient = $1 AND kind = $2 ORDER BY id`, [email, kind]);

describe('a sign-in', () => {
  it('is told if the device is unknown, once, in plain text and HTML', async () => {
    const person = await newPerson();
    expect((await signIn(person, FIREFOX)).status).toBe(200);
    await arrived(person, 'New sign-in to your account');
    expect((await signIn(person, FIREFOX)).status).toBe(200);
    expect(await letters(person, 'notice_sign_in')).toHaveLength(1);
    const [source = ''] = about(person, 'New sign-in to your account');
    expect(source.match(/Firefox on Linux, from 127\.0\.0\.1, on /g)).toHaveLength(2);
    expect(source).toContain('Content-Type: text/plain');
    expect(source).toContain('Content-Type: text/html');
    expect(source).toContain('/console/account');
  });

  it('is not told at the registration, nor to an address that is not confirmed', async () => {
    const person = await register(app.client, backends.secrets);
    await signIn(person, FIREFOX);
    await makeKey(person);
    expect(await backends.rows('SELECT kind FROM mails WHERE recipient = $1', [person.email])).toEqual([
      { kind: 'verify_email' },
    ]);
  });

  it('gathers in a letter of the next hour what would be the fourth of this one', async () => {
    const person = await newPerson();
    for (let n = 1; n <= 3; n++) {
      await signIn(person, `program-${n}/1.0`);
      await arrived(person, 'New sign-in to your account', n);
    }
    await signIn(person, 'program-4/1.0');
    await signIn(person, 'program-5/1.0');
    const rows = await backends.rows<{ devices: string[]; later: boolean }>(
      `SELECT jsonb_path_query_array(items, '$[*].device') AS devices, due_at > now() + interval '50 minutes' AS later
       FROM mails WHERE recipient = $1 AND kind = 'notice_sign_in' AND done_at IS NULL`,
      [person.email],
    );
    expect(rows).toEqual([{ devices: ['program-4', 'program-5'], later: true }]);
  });
});

describe('an API key', () => {
  it('is told when it is made, and when it reads credentials for the first time', async () => {
    const person = await newPerson();
    const { id, name } = await createPlatform(person, backends.secrets);
    const key = await makeKey(person, '<b>The worker</b>');
    await arrived(person, 'An API key was made');
    const reveal = async (accessToken: string): Promise<number> =>
      (await app.client.as({ accessToken }).post(`/v1/platforms/${id}/credentials`, { reason: 'A post' }))
        .status;
    expect(await reveal(person.accessToken)).toBe(200);
    expect(await letters(person, 'notice_reveal')).toEqual([]);
    expect([await reveal(key), await reveal(key)]).toEqual([200, 200]);
    await arrived(person, 'An API key read credentials for the first time');
    expect(await letters(person, 'notice_reveal')).toHaveLength(1);
    const [source = ''] = about(person, 'An API key read credentials');
    expect(source).toContain(name);
    expect(source).toContain('&lt;b&gt;The worker&lt;/b&gt;');
    expect(source).not.toContain(key);
  });
});

describe('a connection', () => {
  const SUBJECT = 'A connection does not work';

  // The application looks by itself, every ten seconds, and could be in the middle of what a test expects to do.
  beforeAll(() => app.app.get(ConnectionNotices).beforeApplicationShutdown());

  const another = (): Promise<ConnectionNotices> =>
    app.app.select(WatchModule).get(ModuleRef, { strict: true }).create(ConnectionNotices);

  /** One that works, at an instance of its own. */
  async function connection(person: Person) {
    const fake = await fakes.start('mastodon');
    const accessToken = fake.addToken(backends.secrets.make('access-token'));
    const { id, name } = await createPlatform(person, backends.secrets, {
      instanceUrl: fake.origin,
      accessToken,
      username: 'alice',
    });
    const check = async (state: 'good' | 'invalid'): Promise<void> => {
      fake.addToken(accessToken, state);
      expect((await person.client.post(`/v1/platforms/${id}/test`)).status).toBe(200);
    };
    await check('good');
    return { id, name, check };
  }

  /** As if what has happened by now had happened ten minutes ago. */
  const tell = async (): Promise<void> => {
    await backends.rows(`UPDATE platform_watch SET condition_at = condition_at - interval '10 minutes'`);
    await (await another()).tellAll();
  };
  const anHourPasses = ({ email }: Person): Promise<unknown> =>
    backends.rows(
      `UPDATE mails SET done_at = done_at - interval '61 minutes', due_at = due_at - interval '61 minutes'
       WHERE recipient = $1 AND kind = 'notice_connections'`,
      [email],
    );

  it('is told once two checks found it broken, and when it works again, once an hour', async () => {
    const person = await newPerson();
    const { name, check } = await connection(person);
    await check('invalid');
    await tell();
    expect(await letters(person, 'notice_connections')).toEqual([]);
    await check('invalid');
    await (await another()).tellAll();
    // It waits for what breaks together with it.
    expect(await letters(person, 'notice_connections')).toEqual([]);
    await tell();
    await arrived(person, SUBJECT);
    expect(about(person, SUBJECT).join()).toContain(name);
    await tell();
    await check('good');
    await tell();
    expect(await letters(person, 'notice_connections')).toHaveLength(1);
    await anHourPasses(person);
    await tell();
    await arrived(person, 'A connection works again');
  });

  it('that broke and was mended within the hour is no news', async () => {
    const person = await newPerson();
    const { check } = await connection(person);
    for (const state of ['invalid', 'invalid', 'good'] as const) await check(state);
    await tell();
    expect(await letters(person, 'notice_connections')).toEqual([]);
  });

  it('at an instance that fails is told once, with the first one, and with all when the instance is back', async () => {
    const person = await newPerson();
    const one = await createPlatform(person, backends.secrets);
    const other = await createPlatform(person, backends.secrets);
    const become = async (status: string, failures: number, ids: readonly number[]): Promise<void> => {
      await backends.rows('UPDATE platform_connections SET status = $1 WHERE id = ANY ($2)', [status, ids]);
      await backends.rows(
        `UPDATE platform_watch SET broken_checks = $1, condition_at = now() WHERE platform_id = ANY ($2)`,
        [failures, ids],
      );
      await tell();
    };
    await become('instance_unreachable', 2, [one.id]);
    await arrived(person, SUBJECT);
    await anHourPasses(person);
    await become('instance_unreachable', 2, [other.id]);
    expect(await letters(person, 'notice_connections')).toHaveLength(1);
    await become('token_invalid', 2, [other.id]);
    expect(await letters(person, 'notice_connections')).toHaveLength(1);
    await become('connected', 0, [one.id, other.id]);
    await arrived(person, '2 connections work again');
  });

  it('is told once by two processes that look at the same time', async () => {
    const person = await newPerson();
    const { check } = await connection(person);
    for (const state of ['invalid', 'invalid'] as const) await check(state);
    await backends.rows(`UPDATE platform_watch SET condition_at = condition_at - interval '10 minutes'`);
    const processes = [await another(), await another()];
    await Promise.all(processes.map((notices) => notices.tellAll()));
    await arrived(person, SUBJECT);
    expect(await letters(person, 'notice_connections')).toHaveLength(1);
  });

  it('is told to everybody, whatever else was written into the table', async () => {
    const person = await newPerson();
    const { id } = await createPlatform(person, backends.secrets);
    await backends.rows(`UPDATE platform_connections SET instance_url = 'social.example' WHERE id = $1`, [
      id,
    ]);
    await backends.rows(
      `UPDATE platform_watch SET broken_checks = 2, told_broken = false, condition_at = now() WHERE platform_id = $1`,
      [id],
    );
    await tell();
    await arrived(person, SUBJECT);
    expect(about(person, SUBJECT).join()).toContain('at social.example does not work');
  });

  it('is told to others too when the letter of one person cannot be written', async () => {
    const refused = await newPerson();
    const people = [refused, await newPerson()];
    for (const person of people) {
      const { check } = await connection(person);
      for (const state of ['invalid', 'invalid'] as const) await check(state);
    }
    await backends.rows(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$`,
    );
    await backends.rows(
      `CREATE TRIGGER refuse BEFORE INSERT ON mails FOR EACH ROW WHEN (NEW.recipient = '${refused.email}')
       EXECUTE FUNCTION refuse()`,
    );
    try {
      await expect(tell()).rejects.toThrow('not this one');
      await arrived(people[1] as Person, SUBJECT);
      expect(await letters(refused, 'notice_connections')).toEqual([]);
    } finally {
      await backends.rows('DROP FUNCTION refuse CASCADE');
    }
    await tell();
    await arrived(refused, SUBJECT);
  });

  it('is told after a restart: a process that stops writes one letter more', async () => {
    const people = [await newPerson(), await newPerson()];
    for (const person of people) {
      const { check } = await connection(person);
      for (const state of ['invalid', 'invalid'] as const) await check(state);
    }
    await backends.rows(`UPDATE platform_watch SET condition_at = condition_at - interval '10 minutes'`);
    const written = async () =>
      (await Promise.all(people.map((person) => letters(person, 'notice_connections')))).flat().length;

    const stopping = await another();
    const holder = await backends.sql.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM users WHERE id = ANY ($1) FOR UPDATE', [people.map(({ id }) => id)]);
    const telling = stopping.tellAll();
    const isWaiting = async () => {
      const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND query LIKE 'SELECT FROM users%'`;
      return (await backends.rows(waiting)).length > 0;
    };
    await waitUntil(isWaiting, { timeoutMs: 4000, what: 'a letter to wait for its person' });
    const stopped = stopping.beforeApplicationShutdown();
    await holder.query('COMMIT');
    holder.release();
    await Promise.all([telling, stopped]);
    expect(await written()).toBe(1);

    await (await another()).tellAll();
    expect(await written()).toBe(2);
  });
});

describe('/v1/me/notices', () => {
  it('has a switch for each, which counts from the next one on', async () => {
    const person = await newPerson();
    expect((await person.client.get('/v1/me/notices')).json()).toEqual(ALL_ON);
    const wanted = { ...ALL_ON, apiKeyMade: false };
    expect(await choose(person, wanted)).toMatchObject({ status: 200 });
    expect((await person.client.get('/v1/me/notices')).json()).toEqual(wanted);
    await makeKey(person, unique());
    expect(await letters(person, 'notice_api_key')).toEqual([]);
    await choose(person, ALL_ON);
    await makeKey(person, unique());
    expect(await letters(person, 'notice_api_key')).toHaveLength(1);
    expect((await person.client.get('/v1/audit?action=account.notices')).json()).toMatchObject({
      entries: [{ detail: 'All on' }, { detail: 'Off: apiKeyMade' }],
    });
  });

  it('names what is missing or no switch', async () => {
    const person = await newPerson();
    const answer = await choose(person, { newSignIn: 'no', unknown: true });
    expectProblem(answer, 400, 'validation_failed');
    const pointers = answer.json<{ errors: { pointer: string }[] }>().errors.map(({ pointer }) => pointer);
    expect(pointers).toEqual(
      expect.arrayContaining([
        '/newSignIn',
        '/apiKeyMade',
        '/credentialsRevealed',
        '/connections',
        '/unknown',
      ]),
    );
  });

  it('needs a recent sign-in to be changed', async () => {
    const person = await newPerson();
    await backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '11 minutes' WHERE user_id = $1`,
      [person.id],
    );
    await waitUntil(async () => (await choose(person, ALL_ON)).status === 403, {
      timeoutMs: 30_000,
      what: 'the session to be read again',
    });
    expectProblem(await choose(person, ALL_ON), 403, 'recent_sign_in_required');
  });

  it('forgets what waits for a person who is gone', async () => {
    const person = await newPerson();
    await makeKey(person);
    await backends.rows('DELETE FROM users WHERE id = $1', [person.id]);
    expect(await letters(person, 'notice_api_key')).toEqual([]);
  });
});
