import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Session, createPlatform, signAccessToken, unique } from '../../support/factories.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { MailServer, tokensOf } from '../../support/mail-server.js';
import { expectProblem } from '../../support/problems.js';

let mails: MailServer;
let app: TestApp;
let byInvitation: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  mails = await MailServer.start();
  app = await startTestApp({ env: mails.env() });
  const env = { ...mails.env(), REGISTRATION: 'invite' };
  byInvitation = await startTestApp({ backends: app.backends, env });
  const [root] = await app.backends.rows<{ id: number }>(
    `INSERT INTO users (email, role) VALUES ('root@example.org', 'admin') RETURNING id`,
  );
  admin = app.client.as({ accessToken: await signAccessToken(app.backends, root?.id ?? 0) });
});
afterAll(async () => {
  await byInvitation.close();
  await app.close();
  await mails.close();
});

interface Invitation {
  readonly id: number;
  readonly token: string;
  readonly mailed: boolean;
}

const invite = async (body: object): Promise<Invitation> =>
  (await admin.post('/v1/admin/invitations', body)).json<Invitation>();
const register = (email: string, invitation: string): Promise<TestResponse> =>
  byInvitation.client.post('/v1/auth/register', {
    ...{ email, invitation, password: app.backends.secrets.make('password') },
  });

describe('an invitation by mail', () => {
  it('brings a link that works once, for that address, as the one that the administrator sees', async () => {
    const email = `${unique()}@example.org`;
    const { token, mailed } = await invite({ email });
    expect(mailed).toBe(true);
    const sent = await mails.token('register', email);
    app.backends.secrets.add(sent);
    expect(sent).not.toBe(token);
    expectProblem(await register(`${unique()}@example.org`, sent), 403, 'invalid_invitation');
    expect((await register(email, sent)).status).toBe(201);
    for (const used of [sent, token])
      expectProblem(await register(`${unique()}@example.org`, used), 403, 'invalid_invitation');
  });

  it('is not sent without an address, nor if it is withdrawn before, nor a fourth time in an hour', async () => {
    expect(await invite({})).toMatchObject({ mailed: false });
    const email = `${unique()}@example.org`;
    const made = [];
    for (let n = 0; n < 4; n++) made.push(await invite({ email }));
    expect(made.map(({ mailed }) => mailed)).toEqual([true, true, true, false]);
    const withdrawn = `${unique()}@example.org`;
    const { id } = await invite({ email: withdrawn });
    app.backends.secrets.add(await mails.token('register', withdrawn));
    await admin.delete(`/v1/admin/invitations/${id}`);
    await app.backends.rows(`INSERT INTO mails (kind, recipient, items) VALUES ('invitation', $1, $2)`, [
      withdrawn,
      JSON.stringify([{ id }]),
    ]);
    await waitUntil(
      async () => (await app.backends.rows('SELECT 1 FROM mails WHERE done_at IS NULL')).length === 0,
      { timeoutMs: 20_000, what: 'every letter to be done' },
    );
    expect(mails.to(withdrawn)).toHaveLength(1);
    expect(mails.to(email)).toHaveLength(3);
    for (const { source } of mails.to(email))
      for (const token of tokensOf('register', source)) app.backends.secrets.add(token);
  });
});

describe('GET /v1/admin/system', () => {
  it('says how the server is doing, and nothing secret', async () => {
    const person = { email: `${unique()}@example.org` };
    const { token } = await invite(person);
    const session = (await register(person.email, token)).json<Session>();
    const client = app.client.as(session);
    const soon = await createPlatform({ client }, app.backends.secrets);
    const broken = await createPlatform({ client }, app.backends.secrets);
    await app.backends.rows(
      `UPDATE platform_connections SET token_expires_at = now() + interval '3 days' WHERE id = $1`,
      [soon.id],
    );
    await app.backends.rows(
      `UPDATE platform_connections SET key_id = 'older', status = 'token_invalid' WHERE id = $1`,
      [broken.id],
    );
    await app.backends.rows(
      `UPDATE platform_watch SET broken_checks = 2, condition_at = now() WHERE platform_id = $1`,
      [broken.id],
    );
    const answer = await admin.get('/v1/admin/system');
    expect(answer.json()).toMatchObject({
      versions: {
        application: '0.1.0',
        node: process.versions.node,
        postgresql: expect.stringMatching(/^\d+/),
      },
      uptimeSeconds: expect.any(Number),
      pool: { used: expect.any(Number), idle: expect.any(Number), waiting: 0, rejected: 0 },
      cache: { store: 'redis', breaker: 'closed', behind: false },
      outbox: { pending: expect.any(Number), lagSeconds: expect.any(Number) },
      mail: { configured: true, waiting: expect.any(Number), lateSeconds: expect.any(Number) },
      keyRotation: expect.arrayContaining([
        { what: 'platform connections', left: 1, done: null, total: null },
      ]),
      recentErrors: expect.any(Array),
      brokenLately: [{ id: broken.id, userId: session.user.id, name: broken.name, status: 'token_invalid' }],
      expiringSoon: [{ id: soon.id, name: soon.name, instanceUrl: soon.instanceUrl }],
    });
    expectProblem(await client.get('/v1/admin/system'), 403, 'forbidden');
  });
});
