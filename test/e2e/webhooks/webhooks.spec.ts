import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ExpiryNotices } from '../../../src/webhooks/expiry-notices.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { Receiver, createWebhook, deliveriesOf, isSignedBy } from '../../support/webhooks.js';

const ALL = ['platform.created', 'platform.updated', 'platform.deleted'];

describe('webhooks', () => {
  let receiver: Receiver;
  let app: TestApp;
  let owner: Person;

  beforeAll(async () => {
    receiver = await Receiver.start();
    app = await startTestApp({
      env: { INSTANCE_HOST_ALLOWLIST: receiver.server.host, INSTANCE_TIMEOUT_MS: '1000' },
    });
  });
  beforeEach(async () => {
    receiver.forget();
    receiver.answerWith(204);
    owner = await register(app.client, app.backends.secrets);
  });
  afterEach(async () => {
    await app.backends.rows('DELETE FROM webhooks');
  });
  afterAll(async () => {
    await app.close();
    await receiver.close();
  });

  const rename = async (id: number, name: string): Promise<void> => {
    expect((await owner.client.patch(`/v1/platforms/${id}`, { name })).status).toBe(200);
  };
  /** Of what failed: the next attempt is due. */
  const moveOn = async (interval = '0 s'): Promise<void> => {
    await app.backends.rows(
      `UPDATE webhook_streams SET due_at = now(), failing_since = failing_since - $1::interval
       WHERE due_at < 'infinity'`,
      [interval],
    );
  };

  it('sends what happens, signed, in order, and lists it with the answer', async () => {
    receiver.answerWith(200, 'x'.repeat(3000));
    const { id, secret } = await createWebhook(owner.client, receiver.url, ALL);
    const platform = await createPlatform(owner, app.backends.secrets);
    await rename(platform.id, 'second');
    await rename(platform.id, 'third');
    await owner.client.delete(`/v1/platforms/${platform.id}`);
    const received = await receiver.received(4);

    expect(received.every((request) => isSignedBy(secret, request))).toBe(true);
    expect(received[0]).toMatchObject({ method: 'POST', url: '/hooks?from=here' });
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': expect.stringMatching(/^evt_\d+_created$/),
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    });
    expect(received[0]?.headers).not.toHaveProperty('authorization');
    expect(receiver.messages.map(({ type }) => type)).toEqual([ALL[0], ALL[1], ALL[1], ALL[2]]);
    const [created, , , deleted] = receiver.messages;
    expect(created).toMatchObject({
      timestamp: expect.any(String),
      data: { platformId: platform.id, userId: owner.id },
    });
    expect(deleted?.data).not.toHaveProperty('platform');
    const numbers = receiver.messages.map(({ data }) => data.eventId);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));

    const listed = await waitUntil(
      async () => {
        const all = await deliveriesOf(owner.client, id);
        return all.every(({ status }) => status === 'delivered') ? all : null;
      },
      { timeoutMs: 30_000, what: 'all to be delivered' },
    );
    expect(listed).toHaveLength(4);
    expect(listed[0]).toMatchObject({
      ...{ type: 'platform.deleted', status: 'delivered', attempts: 1, platformId: platform.id },
      ...{ responseStatus: 200, responseBody: 'x'.repeat(1024), error: null, nextAttemptAt: null },
    });
    const first = await owner.client.get(`/v1/webhooks/${id}/deliveries?limit=3&status=delivered`);
    expect(first.json()).toHaveLength(3);
    const next = /<([^>]+)>/.exec(first.header('link') ?? '')?.[1] ?? '';
    expect((await owner.client.get(next)).json()).toMatchObject([{ type: 'platform.created' }]);
  });

  it('hears only of its own user, of the events and labels that it asked for', async () => {
    await createWebhook(owner.client, receiver.url, ['platform.created', 'platform.deleted'], {
      labels: { customer: 'acme' },
    });
    const stranger = await register(app.client, app.backends.secrets);
    await createPlatform(stranger, app.backends.secrets);
    await createPlatform(owner, app.backends.secrets);
    const labelled = { labels: { customer: 'acme', team: 'x' } };
    const { id } = await createPlatform(owner, app.backends.secrets, labelled as object);
    await rename(id, 'renamed');
    await owner.client.delete(`/v1/platforms/${id}`);
    await receiver.received(2);
    await app.backends.published();
    expect(receiver.messages.map(({ type, data }) => [type, data.platformId])).toEqual([
      ['platform.created', id],
      ['platform.deleted', id],
    ]);
  });

  it('of the installation hears of all users; it is every administrator’s, and nobody else’s', async () => {
    const [one, two] = [
      await register(app.client, app.backends.secrets),
      await register(app.client, app.backends.secrets),
    ];
    await app.backends.rows(`UPDATE users SET role = 'admin' WHERE id = ANY($1)`, [[one.id, two.id]]);
    const [first, second] = await Promise.all(
      [one, two].map(async ({ email, password }) =>
        app.client.as((await app.client.post('/v1/auth/login', { email, password })).json()),
      ),
    );
    if (first === undefined || second === undefined) throw new Error('No administrators.');
    const made = await createWebhook(first, receiver.url, ['platform.created'], {}, '/v1/admin/webhooks');
    const platforms = [
      await createPlatform(owner, app.backends.secrets),
      await createPlatform({ client: first }, app.backends.secrets),
    ];
    await receiver.received(2);
    expect(receiver.messages.map(({ data }) => [data.userId, data.platformId]).sort()).toEqual(
      platforms.map(({ id }, at) => [at === 0 ? owner.id : one.id, id]).sort(),
    );
    expect((await second.get(`/v1/admin/webhooks/${made.id}`)).status).toBe(200);
    expectProblem(await owner.client.get(`/v1/admin/webhooks/${made.id}`), 403, 'forbidden');
    for (const client of [owner.client, first]) {
      expectProblem(await client.get(`/v1/webhooks/${made.id}`), 404, 'webhook_not_found');
      expect((await client.get('/v1/webhooks')).json()).toEqual([]);
    }
  });

  it('says what a change of status and of credentials means', async () => {
    const events = ['platform.broken', 'platform.recovered', 'platform.credentials_changed'];
    const { id } = await createPlatform(owner, app.backends.secrets);
    await createWebhook(owner.client, receiver.url, events);
    for (const status of ['connected', 'token_invalid', 'account_disabled', 'connected'])
      await app.backends.rows('UPDATE platform_connections SET status = $2 WHERE id = $1', [id, status]);
    const accessToken = app.backends.secrets.make('access-token');
    await owner.client.patch(`/v1/platforms/${id}`, { accessToken });
    await receiver.received(3);
    expect(receiver.messages.map(({ type, data }) => [type, data.previousStatus])).toEqual([
      ['platform.broken', 'connected'],
      ['platform.recovered', 'account_disabled'],
      ['platform.credentials_changed', 'connected'],
    ]);
  });

  it('tells once that an instance fails, not for each of its connections, and once that it is back', async () => {
    const instanceUrl = 'https://flapping.example';
    await createWebhook(owner.client, receiver.url, ['platform.broken', 'platform.recovered']);
    const ids: number[] = [];
    for (let count = 0; count < 5; count++)
      ids.push((await createPlatform(owner, app.backends.secrets, { instanceUrl })).id);
    const turn = async (status: string): Promise<void> => {
      for (const id of ids)
        await app.backends.rows('UPDATE platform_connections SET status = $2 WHERE id = $1', [id, status]);
    };
    for (const status of ['instance_unreachable', 'connected', 'instance_error', 'token_invalid'])
      await turn(status);
    // All five need their owners; the instance was told of once.
    await receiver.received(8);
    const types = receiver.messages.map(({ type }) => type);
    expect(types.filter((type) => type === 'platform.broken')).toHaveLength(7);
    expect(types.filter((type) => type === 'platform.recovered')).toHaveLength(1);
    await turn('connected');
    await receiver.received(13);
    expect(receiver.messages.slice(8).every(({ type }) => type === 'platform.recovered')).toBe(true);
  });

  it('tells once, a week ahead, that a token expires which nobody can renew', async () => {
    await createWebhook(owner.client, receiver.url, ['platform.token_expiring']);
    const { id } = await createPlatform(owner, app.backends.secrets);
    const notices = app.app.get(ExpiryNotices);
    const expires = (interval: string) =>
      app.backends.rows(
        'UPDATE platform_connections SET token_expires_at = now() + $2::interval WHERE id = $1',
        [id, interval],
      );
    await expires('8 days');
    expect(await notices.tell()).toBe(0);
    await expires('6 days');
    expect([await notices.tell(), await notices.tell()]).toEqual([1, 0]);
    await receiver.received(1);
    expect(receiver.messages).toMatchObject([{ type: 'platform.token_expiring', data: { platformId: id } }]);
    await expires('5 days');
    expect(await notices.tell()).toBe(1);
  });

  it('keeps what is not accepted, and what comes after it for the same connection, until it is', async () => {
    receiver.answerWith(500, 'no');
    const { id } = await createWebhook(owner.client, receiver.url, ALL);
    const one = await createPlatform(owner, app.backends.secrets);
    await receiver.received(1);
    await rename(one.id, 'waits');
    const other = await createPlatform(owner, app.backends.secrets);
    await receiver.received(2);
    expect(receiver.messages.map(({ data }) => data.platformId)).toEqual([one.id, other.id]);
    const waiting = async () =>
      (await deliveriesOf(owner.client, id)).filter(({ attempts }) => attempts === 1);
    await waitUntil(async () => (await waiting()).length === 2, { timeoutMs: 30_000, what: 'two failures' });
    expect((await waiting())[1]).toMatchObject({
      ...{ status: 'pending', responseStatus: 500, responseBody: 'no', nextAttemptAt: expect.any(String) },
    });

    receiver.answerWith(204);
    await moveOn();
    await receiver.received(5);
    const ofOne = receiver.messages.filter(({ data }) => data.platformId === one.id);
    expect(ofOne.map(({ type }) => type)).toEqual([ALL[0], ALL[0], ALL[1]]);
    const ids = receiver.server.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(3);
  });

  it('delivers all to a receiver that is back after 20 hours', async () => {
    receiver.answerWith(503);
    await createWebhook(owner.client, receiver.url, ALL);
    const { id } = await createPlatform(owner, app.backends.secrets);
    await rename(id, 'second');
    for (let attempts = 1; attempts < 4; attempts++) {
      await receiver.received(attempts);
      await waitUntil(
        async () =>
          (await app.backends.rows('SELECT 1 FROM webhook_streams WHERE attempts = $1', [attempts])).length,
        { timeoutMs: 30_000, what: `failure ${attempts}` },
      );
      if (attempts === 3) receiver.answerWith(204);
      await moveOn('6 h 40 min');
    }
    await receiver.received(5);
    expect(receiver.messages.at(-1)).toMatchObject({ type: ALL[1], data: { platform: { name: 'second' } } });
  });

  it('follows no redirect, waits for nobody for long, and gives up no connection for another one', async () => {
    const { id } = await createWebhook(owner.client, receiver.url, ['platform.created']);
    receiver.answerWith(302, '', { Location: `${receiver.server.origin}/elsewhere` });
    await createPlatform(owner, app.backends.secrets);
    await receiver.received(1);
    receiver.server.answer = () => undefined;
    await createPlatform(owner, app.backends.secrets);
    await receiver.received(2);
    const failed = await waitUntil(
      async () => {
        const all = await deliveriesOf(owner.client, id);
        return all.every(({ attempts }) => attempts === 1) ? all : null;
      },
      { timeoutMs: 30_000, what: 'both to have failed' },
    );
    expect(failed).toMatchObject([
      { responseStatus: null, error: 'The receiver did not answer in time.' },
      { responseStatus: 302, error: null },
    ]);
    expect(receiver.server.received.map(({ url }) => url)).toEqual(['/hooks?from=here', '/hooks?from=here']);
  });

  it('of one user never hold up those of others, however many do not answer', async () => {
    const HANGING = 8;
    const CONNECTIONS = 20;
    const other = await register(app.client, app.backends.secrets);
    const fast = `${receiver.server.origin}/fast`;
    receiver.server.answer = ({ url }, response) => {
      if (url === '/fast') response.writeHead(204).end();
    };
    for (let count = 0; count < HANGING; count++)
      await createWebhook(owner.client, receiver.url, ['platform.created']);
    await createWebhook(other.client, fast, ['platform.created']);
    for (let count = 0; count < CONNECTIONS; count++) await createPlatform(owner, app.backends.secrets);
    const added = async () =>
      (await app.backends.rows('SELECT FROM webhook_streams')).length === HANGING * CONNECTIONS;
    await waitUntil(added, { timeoutMs: 30_000, what: 'all to wait' });
    const before = receiver.server.received.length;
    await createPlatform(other, app.backends.secrets);
    const arrived = () => receiver.server.received.findIndex(({ url }) => url === '/fast');
    await waitUntil(() => arrived() >= 0, { timeoutMs: 60_000, what: 'the message of the other user' });
    expect(arrived() - before).toBeLessThan((HANGING * CONNECTIONS) / 4);
  });

  it('refuses addresses inside, those without https, and names the field', async () => {
    for (const url of [
      ...['https://127.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/latest', 'https://localhost/x'],
      ...[
        'http://example.org/',
        'https://example.org:8443/',
        'https://u:p@example.org/',
        'ftp://example.org/',
      ],
      ...['https://example.org/#x', 'nonsense', 'https://0x7f.1/'],
    ]) {
      const refused = await owner.client.post('/v1/webhooks', { url, events: ['platform.created'] });
      expect(refused.json<{ errors: unknown }>().errors).toEqual([
        { pointer: '/url', detail: expect.stringMatching(/^url must/) },
      ]);
    }
    for (const body of [
      { events: [] },
      { events: ['stats.changed'] },
      { labels: { 'A B': 'x' } },
      { secret: 'x' },
    ]) {
      const events = ['platform.created'];
      const refused = await owner.client.post('/v1/webhooks', { url: receiver.url, events, ...body });
      expectProblem(refused, 400, 'validation_failed');
    }
  });

  it('connects to no address inside, whatever its name leads to later', async () => {
    const { id } = await createWebhook(owner.client, receiver.url, ['platform.created']);
    const inside = receiver.url.replace('127.0.0.1', '127.0.0.2');
    await app.backends.rows('UPDATE webhooks SET url = $2 WHERE id = $1', [id, inside]);
    await createPlatform(owner, app.backends.secrets);
    await waitUntil(async () => (await deliveriesOf(owner.client, id))[0]?.attempts === 1, {
      timeoutMs: 30_000,
      what: 'an attempt',
    });
    expect(await deliveriesOf(owner.client, id)).toMatchObject([
      { error: 'Connections to this address are not allowed.' },
    ]);
    expect(receiver.server.received).toEqual([]);
  });

  it('has bounds: 20 for each user, and a secret that is shown once', async () => {
    const { id, secret } = await createWebhook(owner.client, receiver.url, ['platform.created']);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    for (const path of ['/v1/webhooks', `/v1/webhooks/${id}`])
      expect((await owner.client.get(path)).text).not.toContain('whsec_');
    for (let count = 1; count < 20; count++)
      await createWebhook(owner.client, receiver.url, ['platform.created']);
    const refused = await owner.client.post('/v1/webhooks', {
      url: receiver.url,
      events: ['platform.created'],
    });
    expectProblem(refused, 409, 'too_many_webhooks');
    expect((await owner.client.delete(`/v1/webhooks/${id}`)).status).toBe(204);
    expectProblem(await owner.client.get(`/v1/webhooks/${id}`), 404, 'webhook_not_found');
  });
});
