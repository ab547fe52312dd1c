import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, type Session, register, unique } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { MailServer } from '../../support/mail-server.js';
import { expectProblem } from '../../support/problems.js';

let backends: Backends;
let mails: MailServer;
let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  backends = await Backends.create();
  mails = await MailServer.start();
  [app, other] = await Promise.all([
    startTestApp({ backends, env: mails.env() }),
    startTestApp({ backends, env: mails.env() }),
  ]);
});

afterAll(async () => {
  try {
    await app.expectCleanRecord();
  } finally {
    await Promise.all([app.close(), other.close()]);
    await mails.close();
    await backends.remove();
  }
});

const newPassword = (): string => backends.secrets.make('password');
const ask = (email: string, at = app): Promise<TestResponse> =>
  at.client.post('/v1/auth/password-reset', { email });
const reset = (token: string, password: string): Promise<TestResponse> =>
  app.client.request('PUT', '/v1/auth/password-reset', { body: { token, newPassword: password } });
const verify = (token: string): Promise<TestResponse> => app.client.post('/v1/auth/verify-email', { token });
const signIn = (email: string, password: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password });

async function tokenOf(page: string, email: string, count = 1): Promise<string> {
  const token = await mails.token(page, email, count);
  backends.secrets.add(token);
  return token;
}

/** Whose first letter has arrived. */
async function newPerson(): Promise<Person> {
  const person = await register(app.client, backends.secrets);
  await tokenOf('verify-email', person.email);
  return person;
}

async function resetToken({ email }: Person): Promise<string> {
  expect((await ask(email)).status).toBe(202);
  return tokenOf('reset-password', email);
}

describe('a forgotten password', () => {
  it('is replaced by whoever reads the mail, once, and all sessions end', async () => {
    const person = await newPerson();
    const token = await resetToken(person);
    const next = newPassword();
    expect(await reset(token, next)).toMatchObject({ status: 204, text: '' });

    expectProblem(await person.client.get('/v1/platforms'), 401, 'unauthenticated');
    expectProblem(await signIn(person.email, person.password), 401, 'invalid_credentials');
    const session = (await signIn(person.email, next)).json<Session>();
    expectProblem(await reset(token, newPassword()), 400, 'invalid_link');
    const client = app.client.as(session);
    expect((await client.get('/v1/me')).json()).toMatchObject({ emailVerified: true });
    expect((await client.get('/v1/audit?action=account.password_reset')).json()).toMatchObject({
      entries: [
        { actor: 'user', outcome: 'changed', userId: person.id },
        { actor: 'system', outcome: 'mailed', userId: person.id },
      ],
    });
  });

  it('lets one of two simultaneous resets through', async () => {
    const person = await newPerson();
    const token = await resetToken(person);
    const answers = await Promise.all([0, 1].map(() => reset(token, newPassword())));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
  });

  it('keeps the link good after a password that is easy to guess', async () => {
    const token = await resetToken(await newPerson());
    expectProblem(await reset(token, 'password1234'), 400, 'validation_failed', ['/newPassword']);
    expect((await reset(token, newPassword())).status).toBe(204);
  });

  it('refuses an expired token, one of another kind, and one that never was, all alike', async () => {
    const person = await newPerson();
    const token = await resetToken(person);
    expectProblem(await verify(token), 400, 'invalid_link');
    await backends.rows(
      `UPDATE mail_tokens SET expires_at = now() WHERE kind = 'password_reset' AND user_id = $1`,
      [person.id],
    );
    expectProblem(await reset(token, newPassword()), 400, 'invalid_link');
    expectProblem(await reset('x'.repeat(43), newPassword()), 400, 'invalid_link');
    expectProblem(await reset('x', newPassword()), 400, 'invalid_link');
  });

  it('gets a link that is good for half an hour, and only its hash is in the database', async () => {
    const person = await newPerson();
    const token = await resetToken(person);
    const [row] = await backends.rows<{ minutes: number; text: string }>(
      `SELECT round(extract(epoch FROM expires_at - now()) / 60)::integer AS minutes, t::text AS text
       FROM mail_tokens t WHERE kind = 'password_reset' AND user_id = $1`,
      [person.id],
    );
    expect(row?.minutes).toBe(30);
    expect(row?.text).not.toContain(token);
  });

  it('is answered alike, in the same time and with the same rows, for an address that nobody has', async () => {
    const people = await Promise.all([0, 1, 2].map(() => newPerson()));
    const times: [number[], number[]] = [[], []];
    const answers: TestResponse[] = [];
    for (const { email } of people) {
      for (const [index, address] of [email, `${unique()}@example.org`].entries()) {
        const begun = performance.now();
        answers.push(await ask(address));
        times[index]?.push(performance.now() - begun);
        const rows = await backends.rows(
          `SELECT 1 FROM mails WHERE kind = 'password_reset' AND recipient = $1`,
          [address],
        );
        expect(rows).toHaveLength(1);
      }
    }
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['202 ']));
    // A message takes several round trips to the mail server, and a new password tens of milliseconds.
    expect(Math.abs(Math.min(...times[0]) - Math.min(...times[1]))).toBeLessThan(25);
  });

  it('sends at most three messages an hour to an address, however many ask at once', async () => {
    const { email } = await newPerson();
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(email)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await tokenOf('reset-password', email, 3);
    expect(
      await backends.rows(`SELECT 1 FROM mails WHERE kind = 'password_reset' AND recipient = $1`, [email]),
    ).toHaveLength(3);
  });

  it('sends nothing to somebody who is disabled, nor to somebody of an OpenID provider', async () => {
    const disabled = await newPerson();
    await backends.rows('UPDATE users SET disabled_at = now() WHERE id = $1', [disabled.id]);
    const provided = `${unique()}@example.org`;
    await backends.rows(
      `INSERT INTO users (email, oidc_issuer, oidc_subject) VALUES ($1, 'https://id.example', $1)`,
      [provided],
    );
    for (const email of [disabled.email, provided]) expect((await ask(email)).status).toBe(202);
    await settled();
    expect(mails.to(provided)).toEqual([]);
    expect(mails.to(disabled.email)).toHaveLength(1);
  });
});

describe('an e-mail address', () => {
  it('is unverified until the link of the registration is opened, once', async () => {
    const person = await register(app.client, backends.secrets);
    const token = await tokenOf('verify-email', person.email);
    expect((await person.client.get('/v1/me')).json()).toMatchObject({ emailVerified: false });
    expect(await verify(token)).toMatchObject({ status: 204, text: '' });
    expect((await person.client.get('/v1/me')).json()).toMatchObject({ emailVerified: true });
    expectProblem(await verify(token), 400, 'invalid_link');
    expect((await person.client.get('/v1/audit?action=account.verify_email')).json()).toMatchObject({
      entries: [{ actor: 'user', outcome: 'done', userId: person.id }],
    });
  });

  it('gets the link again, until it is verified', async () => {
    const person = await newPerson();
    expect((await person.client.post('/v1/me/verify-email')).status).toBe(202);
    expect((await verify(await tokenOf('verify-email', person.email, 2))).status).toBe(204);
    expect((await person.client.post('/v1/me/verify-email')).status).toBe(202);
    await settled();
    expect(mails.to(person.email)).toHaveLength(2);
  });
});

describe('a message', () => {
  it('comes from MAIL_FROM as plain text and HTML, with nothing to load but its link', async () => {
    const { email } = await newPerson();
    const [{ from, source } = { from: '', source: '' }] = mails.to(email);
    expect(from).toBe('platforms@example.org');
    expect(source).toMatch(/^From: Platform Manager <platforms@example\.org>\r?$/m);
    expect(source).toContain('Content-Type: text/plain');
    expect(source).toContain('Content-Type: text/html');
    expect(source).not.toMatch(/<img|<link|<script/);
    const urls = source.match(/https?:[^\s"<]+/g) ?? [];
    expect(urls).toHaveLength(2);
    expect(new Set(urls.map((url) => url.split('#')[0]))).toEqual(
      new Set(['http://localhost:3000/console/verify-email']),
    );
  });

  it('is sent once by two processes', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => newPerson()));
    await Promise.all(people.map(({ email }, index) => ask(email, index % 2 === 0 ? app : other)));
    await settled();
    for (const { email } of people) {
      expect(mails.to(email)).toHaveLength(2);
      await tokenOf('reset-password', email);
    }
  });

  it('is sent by another process once the claim of one that died is over', async () => {
    const { email } = await newPerson();
    // As a process leaves it that is killed between the claim and the sending.
    await backends.rows(
      `INSERT INTO mails (kind, recipient, attempts, due_at)
       VALUES ('password_reset', $1, 1, now() + interval '120 seconds')`,
      [email],
    );
    await newPerson();
    expect(mails.to(email)).toHaveLength(1);
    await backends.rows('UPDATE mails SET due_at = now() WHERE recipient = $1', [email]);
    await tokenOf('reset-password', email);
  });

  it('waits while the mail server is down, and is sent when it is up again', async () => {
    const { email } = await newPerson();
    const { port } = mails;
    await mails.close();
    expect((await ask(email)).status).toBe(202);
    const waiting = `SELECT 1 FROM mails WHERE recipient = $1 AND done_at IS NULL AND attempts > 0 AND due_at < now() + interval '1 minute'`;
    await waitUntil(async () => (await backends.rows(waiting, [email])).length === 1, {
      timeoutMs: 20_000,
      what: 'a failed attempt',
    });
    mails = await MailServer.start(port);
    await backends.rows('UPDATE mails SET due_at = now() WHERE recipient = $1', [email]);
    await tokenOf('reset-password', email);
    const logged = [...app.logLines, ...other.logLines].join('');
    expect(logged).toContain('Mail cannot be sent and is tried again: ');
    expect(logged).not.toContain(email);
  });

  it('is given up when its recipient is refused, and others are sent', async () => {
    const email = `refused-${unique()}@example.org`;
    const answer = await app.client.post('/v1/auth/register', { email, password: newPassword() });
    expect(answer.status).toBe(201);
    await newPerson();
    await settled();
    expect(mails.to(email)).toEqual([]);
    expect([...app.logLines, ...other.logLines].join('')).toMatch(
      /could not be sent and is given up: EENVELOPE/,
    );
  });

  it('waits while its recipient is refused for now, and does not hold others up', async () => {
    const { email } = await newPerson();
    const waiting = await backends.rows(
      `WITH people AS (
         INSERT INTO users (email, password_hash)
         SELECT 'greylisted-' || n || '@example.org', 'none' FROM generate_series(1, 12) n RETURNING email)
       INSERT INTO mails (kind, recipient, due_at)
       SELECT 'verify_email', email, now() - interval '1 minute' FROM people RETURNING id`,
    );
    expect((await ask(email)).status).toBe(202);
    // Were each to end a round, this would take half a minute.
    await tokenOf('reset-password', email);
    const pending = `SELECT FROM mails WHERE recipient LIKE 'greylisted-%' AND attempts > 0 AND done_at IS NULL`;
    expect(await backends.rows(pending)).toHaveLength(waiting.length);
    await backends.rows(`DELETE FROM mails WHERE recipient LIKE 'greylisted-%'`);
  });

  it('waits while its letter cannot be written, and does not hold others up', async () => {
    const [person, other] = [await newPerson(), await newPerson()];
    await backends.rows(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$`,
    );
    await backends.rows(
      `CREATE TRIGGER refuse BEFORE INSERT ON mail_tokens FOR EACH ROW WHEN (NEW.user_id = ${person.id})
       EXECUTE FUNCTION refuse()`,
    );
    try {
      expect((await ask(person.email)).status).toBe(202);
      const failed = `SELECT FROM mails WHERE recipient = $1 AND done_at IS NULL AND attempts > 0
        AND due_at < now() + interval '1 minute'`;
      await waitUntil(async () => (await backends.rows(failed, [person.email])).length === 1, {
        timeoutMs: 20_000,
        what: 'a failed attempt',
      });
      await backends.rows('UPDATE mails SET due_at = now() WHERE recipient = $1', [person.email]);
      await resetToken(other);
    } finally {
      await backends.rows('DROP FUNCTION refuse CASCADE');
    }
    await backends.rows('UPDATE mails SET due_at = now() WHERE recipient = $1', [person.email]);
    await tokenOf('reset-password', person.email);
  });

  it('waits while the mail server refuses MAIL_FROM', async () => {
    const { email } = await newPerson();
    mails.refusesSender = true;
    expect((await ask(email)).status).toBe(202);
    // Not the claim, which moves the time ahead by two minutes.
    const failed = `SELECT FROM mails WHERE recipient = $1 AND done_at IS NULL AND attempts > 0
      AND due_at < now() + interval '1 minute'`;
    await waitUntil(async () => (await backends.rows(failed, [email])).length === 1, {
      timeoutMs: 20_000,
      what: 'a failed attempt',
    });
    mails.refusesSender = false;
    await backends.rows('UPDATE mails SET due_at = now() WHERE recipient = $1', [email]);
    await tokenOf('reset-password', email);
  });
});

it('answers mail_not_configured on a server without SMTP_URL', async () => {
  const without = await startTestApp({ backends });
  try {
    const person = await register(without.client, backends.secrets);
    const { client } = without;
    const token = 'x'.repeat(43);
    const body = { token, newPassword: newPassword() };
    for (const answer of [
      await client.post('/v1/auth/password-reset', { email: person.email }),
      await client.request('PUT', '/v1/auth/password-reset', { body }),
      await client.post('/v1/auth/verify-email', { token }),
      await person.client.post('/v1/me/verify-email'),
    ])
      expectProblem(answer, 403, 'mail_not_configured');
  } finally {
    await without.close();
  }
});

/** No message waits that is due. */
async function settled(): Promise<void> {
  const due = `SELECT 1 FROM mails WHERE done_at IS NULL`;
  await waitUntil(async () => (await backends.rows(due)).length === 0, {
    timeoutMs: 20_000,
    what: 'all letters to be sent',
  });
}
