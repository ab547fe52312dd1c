import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;
let ada: Person;
let platform: PlatformJson;

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
  platform = await createPlatform(ada, app.backends.secrets, { name: 'Counted', platformType: 'pixelfed' });
});
afterAll(() => app.close());

const activity = (kind: string, externalId: string, own: object = {}) => ({
  kind,
  externalId,
  status: 'published',
  occurredAt: '2026-11-22T12:00:00Z',
  ...own,
});
const report = (batch: unknown, id = platform.id) => ada.client.post(`/v1/platforms/${id}/activities`, batch);
const stats = async (): Promise<Record<string, unknown>> =>
  (await ada.client.get(`/v1/platforms/${platform.id}/stats`)).json();

describe('GET /v1/platforms/:id/stats', () => {
  it('counts nothing of a new connection', async () => {
    expect(await stats()).toEqual({
      platformId: platform.id,
      platformName: 'Counted',
      platformType: 'pixelfed',
      totalPosts: 0,
      totalImages: 0,
      processingRuns: 0,
      byStatus: {},
      account: null,
      computedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  it('counts what was reported by kind and status, at once, and of this connection only', async () => {
    const other = await createPlatform(ada, app.backends.secrets);
    await stats(); // cached now
    await report([activity('post', '1')], other.id);
    const batch = [
      activity('post', '1'),
      activity('post', '2', { status: 'failed' }),
      activity('image', '1'),
      activity('image', '2'),
      activity('image', '3'),
      activity('processing_run', '1', { status: 'done' }),
    ];
    expect((await report(batch)).status).toBe(200);
    expect(await stats()).toMatchObject({
      totalPosts: 2,
      totalImages: 3,
      processingRuns: 1,
      byStatus: { published: 4, failed: 1, done: 1 },
    });
  });

  it('leaves a status out that a JSON object cannot hold, and stays readable from the cache', async () => {
    await app.backends.rows(
      `INSERT INTO platform_activities (platform_id, kind, external_id, status, occurred_at)
       SELECT $1, 'post', status, status, now() FROM unnest(ARRAY['__proto__', 'failed']) AS status`,
      [platform.id],
    );
    await app.backends.settled();
    expect(await stats()).toMatchObject({ totalPosts: 2, byStatus: { failed: 1 } });
    const again = await ada.client.get(`/v1/platforms/${platform.id}/stats`);
    expect(again.header('cache-status')).toBe('platform-manager; hit');
    expect(Object.keys(again.json<{ byStatus: object }>().byStatus)).toEqual(['failed']);
  });

  it('shows a new name at once', async () => {
    await stats();
    await ada.client.patch(`/v1/platforms/${platform.id}`, { name: 'Renamed' });
    expect(await stats()).toMatchObject({ platformName: 'Renamed' });
  });

  it('is not to be had of a connection that is gone, not even cached', async () => {
    await stats();
    await ada.client.delete(`/v1/platforms/${platform.id}`);
    expectProblem(await ada.client.get(`/v1/platforms/${platform.id}/stats`), 404, 'platform_not_found');
  });
});

describe('activities that are changed by hand', () => {
  const cached = async (id: number): Promise<unknown> => {
    await ada.client.get(`/v1/platforms/${id}/stats`);
    const answer = await ada.client.get(`/v1/platforms/${id}/stats`);
    expect(answer.header('cache-status')).toBe('platform-manager; hit');
    return answer.json<{ totalPosts: number }>().totalPosts;
  };
  const days = async (id: number): Promise<unknown> =>
    (await ada.client.get(`/v1/platforms/${id}/stats/activity?days=365`)).json();

  it('show in the statistics of both connections when they are moved from one to the other', async () => {
    const other = await createPlatform(ada, app.backends.secrets);
    await report([activity('post', '1'), activity('post', '2')]);
    await app.backends.settled();
    expect([await cached(platform.id), await cached(other.id)]).toEqual([2, 0]);
    await app.backends.rows('UPDATE platform_activities SET platform_id = $2 WHERE platform_id = $1', [
      platform.id,
      other.id,
    ]);
    await app.backends.settled();
    expect([await cached(platform.id), await cached(other.id)]).toEqual([0, 2]);
  });

  it.each(['platform_activities', 'platform_connections CASCADE'])(
    'are counted no more after TRUNCATE %s, and what comes then is',
    async (tables) => {
      await report([activity('post', '1', { occurredAt: new Date().toISOString() })]);
      await app.backends.settled();
      expect(await cached(platform.id)).toBe(1);
      expect(await days(platform.id)).toHaveLength(1);
      await app.backends.rows(`TRUNCATE ${tables}`);
      await app.backends.settled();
      if (tables.endsWith('CASCADE')) {
        expectProblem(await ada.client.get(`/v1/platforms/${platform.id}/stats`), 404, 'platform_not_found');
        platform = await createPlatform(ada, app.backends.secrets);
        await app.backends.settled();
      }
      expect(await cached(platform.id)).toBe(0);
      expect(await days(platform.id)).toEqual([]);
      await report([activity('post', '2')]);
      expect(await stats()).toMatchObject({ totalPosts: 1, byStatus: { published: 1 } });
    },
  );
});

describe('GET /v1/platforms/default/stats', () => {
  it('is that of the default, and follows it', async () => {
    const other = await createPlatform(ada, app.backends.secrets);
    const ofDefault = async () =>
      (await ada.client.get('/v1/platforms/default/stats')).json<{ platformId: number }>();
    expect((await ofDefault()).platformId).toBe(platform.id);
    await ada.client.put(`/v1/platforms/${other.id}/default`);
    expect((await ofDefault()).platformId).toBe(other.id);
  });

  it('answers 404 to a user without connections', async () => {
    await ada.client.delete(`/v1/platforms/${platform.id}`);
    expectProblem(await ada.client.get('/v1/platforms/default/stats'), 404, 'no_platforms');
  });
});

describe('POST /v1/platforms/:id/activities', () => {
  it('is idempotent by platform, kind and external id, and says what it did', async () => {
    const batch = [activity('post', '1'), activity('image', '1')];
    const first = await report(batch);
    expect(first.json()).toEqual({ received: 2, created: 2, updated: 0, unchanged: 0 });
    expect((await report(batch)).json()).toEqual({ received: 2, created: 0, updated: 0, unchanged: 2 });
    const mixed = [
      activity('post', '1', { status: 'failed' }),
      activity('image', '1'),
      activity('post', '2'),
    ];
    expect((await report(mixed)).json()).toEqual({ received: 3, created: 1, updated: 1, unchanged: 1 });
    expect(await stats()).toMatchObject({
      totalPosts: 2,
      totalImages: 1,
      byStatus: { failed: 1, published: 2 },
    });
  });

  it('takes 100 different statuses of a connection, for all its statistics are read at once', async () => {
    const many = Array.from({ length: 100 }, (_, n) => activity('post', String(n), { status: `s${n}` }));
    expect((await report(many)).status).toBe(200);
    const more = [activity('post', 'x', { status: 's0' }), activity('post', 'y', { status: 'one more' })];
    expectProblem(await report(more), 400, 'validation_failed', ['']);
    expect(await stats()).toMatchObject({ totalPosts: 100 });
    expect((await report(more.slice(0, 1))).status).toBe(200);
  });

  it('lets the last of two reports of the same activity in one batch count', async () => {
    const answer = await report([activity('post', '1'), activity('post', '1', { status: 'failed' })]);
    expect(answer.json()).toEqual({ received: 2, created: 1, updated: 0, unchanged: 1 });
    expect(await stats()).toMatchObject({ totalPosts: 1, byStatus: { failed: 1 } });
  });

  it('takes simultaneous reports of the same activities in any order without a deadlock', async () => {
    const batch = Array.from({ length: 100 }, (_, n) => activity('post', String(n)));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => report(n % 2 === 0 ? batch : [...batch].reverse())),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const created = answers.reduce((sum, answer) => sum + answer.json<{ created: number }>().created, 0);
    expect([created, (await stats())['totalPosts']]).toEqual([100, 100]);
  });

  it('takes 500 and refuses 501 and none, all of a batch or nothing', async () => {
    const many = Array.from({ length: 501 }, (_, n) => activity('post', String(n)));
    expectProblem(await report(many), 400, 'validation_failed', ['']);
    expectProblem(await report([]), 400, 'validation_failed', ['']);
    expectProblem(await report([activity('post', 'x'), activity('nap', 'y')]), 400, 'validation_failed', [
      '/1/kind',
    ]);
    expect(await stats()).toMatchObject({ totalPosts: 0 });
    expect((await report(many.slice(1))).json()).toMatchObject({ received: 500, created: 500 });
  });

  it.each([
    ['/0', 5],
    ['/0', null],
    ['/0', []],
    ['/0/kind', activity('like', '1')],
    ['/0/externalId', activity('post', '')],
    ['/0/externalId', activity('post', 'x'.repeat(201))],
    ['/0/externalId', activity('post', 'a\u0000')],
    ['/0/externalId', activity('post', 'a\ud800')],
    ['/0/status', activity('post', '1', { status: 'x'.repeat(51) })],
    ['/0/status', activity('post', '1', { status: '__proto__' })],
    ['/0/occurredAt', activity('post', '1', { occurredAt: 'yesterday' })],
    ['/0/occurredAt', activity('post', '1', { occurredAt: 5 })],
    ['/0/colour', activity('post', '1', { colour: 'red' })],
  ])('points to %s of a batch with %j', async (pointer, item) => {
    expectProblem(await report([item]), 400, 'validation_failed', [pointer]);
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:59:60Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
    '2026-01-01T00:00:00+23:59',
    '2026-01-01 00:00:00Z',
  ])('never fails on the odd time %s', async (occurredAt) => {
    const answer = await report([activity('post', '1', { occurredAt })]);
    expect([200, 400]).toContain(answer.status);
  });
});
