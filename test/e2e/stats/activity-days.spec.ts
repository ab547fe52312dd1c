import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';
import { withinOneUtcDay } from '../../support/utc-day.js';

const DAY_MS = 86_400_000;

interface DayJson {
  readonly date: string;
  readonly posts: number;
  readonly images: number;
  readonly processingRuns: number;
}

/** A time on the day so many days before today, in UTC. */
const at = (daysAgo: number, clock = '12:00:00Z'): string => `${dayOf(daysAgo)}T${clock}`;
const dayOf = (daysAgo: number): string => new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
const activity = (kind: string, externalId: string, occurredAt: string, status = 'published') => ({
  kind,
  externalId,
  status,
  occurredAt,
});
const done = (daysAgo: number, posts: number, images = 0, processingRuns = 0): DayJson => ({
  date: dayOf(daysAgo),
  posts,
  images,
  processingRuns,
});

describe('GET /v1/platforms/:id/stats/activity', () => {
  let app: TestApp;
  let ada: Person;
  let platform: PlatformJson;

  beforeAll(async () => {
    app = await startTestApp();
    await withinOneUtcDay();
  });
  beforeEach(async () => {
    ada = await register(app.client, app.backends.secrets);
    platform = await createPlatform(ada, app.backends.secrets);
  });
  afterAll(() => app.close());

  const report = (batch: readonly unknown[], id = platform.id) =>
    ada.client.post(`/v1/platforms/${id}/activities`, batch);
  const read = (query = '', id = platform.id) => ada.client.get(`/v1/platforms/${id}/stats/activity${query}`);
  const days = async (query = ''): Promise<DayJson[]> => (await read(query)).json();
  const kept = () =>
    app.backends.rows(
      `SELECT to_char(day, 'YYYY-MM-DD') AS date, kind, count FROM platform_activity_days
       WHERE platform_id = $1 AND count <> 0 ORDER BY day, kind`,
      [platform.id],
    );
  const counted = () =>
    app.backends.rows(
      `SELECT to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS date, kind, count(*)::integer AS count
       FROM platform_activities WHERE platform_id = $1 GROUP BY 1, 2 ORDER BY 1, 2`,
      [platform.id],
    );

  it('counts by day and kind, oldest first, of this connection only, and leaves out days without any', async () => {
    expect(await days()).toEqual([]);
    const other = await createPlatform(ada, app.backends.secrets);
    await report([activity('post', '1', at(1))], other.id);
    await report([
      activity('processing_run', '1', at(0)),
      activity('post', '1', at(3)),
      activity('post', '2', at(3), 'failed'),
      activity('image', '1', at(3)),
      activity('image', '2', at(1)),
    ]);
    expect(await days()).toEqual([done(3, 2, 1), done(1, 0, 1), done(0, 0, 0, 1)]);
  });

  it('changes nothing when a report is repeated, nor when a status does', async () => {
    await report([activity('post', '1', at(2)), activity('image', '1', at(2))]);
    await report([activity('post', '1', at(2)), activity('image', '1', at(2))]);
    await report([activity('post', '1', at(2), 'failed')]);
    expect(await days()).toEqual([done(2, 1, 1)]);
  });

  it('moves what is reported anew of another day, and does not show the day that is left empty', async () => {
    await report([activity('post', '1', at(5)), activity('image', '1', at(5)), activity('post', '2', at(4))]);
    await report([activity('post', '1', at(3)), activity('post', '2', at(3))]);
    expect(await days()).toEqual([done(5, 0, 1), done(3, 2)]);
    await report([activity('post', '1', at(5))]);
    expect(await days()).toEqual([done(5, 1, 1), done(3, 1)]);
  });

  it('has days that begin and end in UTC, wherever the worker is', async () => {
    await report([
      activity('post', 'last of the day', at(2, '23:59:59.999Z')),
      activity('post', 'first of the next', at(1, '00:00:00Z')),
      activity('image', 'in the evening, in UTC', at(3, '23:30:00-05:00')),
      activity('image', 'early, the day before in UTC', at(1, '00:30:00+09:00')),
    ]);
    expect(await days()).toEqual([done(2, 1, 2), done(1, 1)]);
  });

  it('looks back as far as it is asked to, 30 days unless told, and not ahead', async () => {
    await report([-1, 0, 1, 29, 30, 364, 365].map((ago) => activity('post', String(ago), at(ago))));
    const shown = async (query: string) => (await days(query)).map(({ date }) => date);
    expect(await shown('?days=1')).toEqual([0].map(dayOf));
    expect(await shown('?days=2')).toEqual([1, 0].map(dayOf));
    expect(await shown('')).toEqual([29, 1, 0].map(dayOf));
    expect(await shown('?days=365')).toEqual([364, 30, 29, 1, 0].map(dayOf));
  });

  it.each(['0', '366', '-1', '1.5', 'x', '1e2', '', '7&days=8'])('answers 400 to ?days=%s', async (text) => {
    expectProblem(await read(`?days=${text}`), 400, 'validation_failed', ['#days']);
  });

  it("is nobody else's: the same 404 as for an absent connection", async () => {
    const stranger = await register(app.client, app.backends.secrets);
    const foreign = await stranger.client.get(`/v1/platforms/${platform.id}/stats/activity`);
    const absent = await stranger.client.get('/v1/platforms/2000000000/stats/activity');
    expectProblem(foreign, 404, 'platform_not_found');
    expect(withoutOccurrence(foreign)).toBe(withoutOccurrence(absent));
  });

  it('goes with the connection', async () => {
    await report([activity('post', '1', at(1)), activity('image', '1', at(0))]);
    expect(await kept()).toHaveLength(2);
    await ada.client.delete(`/v1/platforms/${platform.id}`);
    expect(await kept()).toEqual([]);
    expectProblem(await read(), 404, 'platform_not_found');
  });

  it('counts simultaneous reports that know, move and change in every direction without a deadlock', async () => {
    const answers = [];
    for (let round = 0; round < 10; round += 1) {
      // Each of its own activities, some known and some new, so that it is the counts alone that they have in common.
      const reports = [0, 1, 2, 3, 4, 5].map((worker) => {
        const day = (n: number) => (worker % 2 === 0 ? n + round : 100 - n - round) % 7;
        const status = (worker + round) % 2 === 0 ? 'queued' : 'done';
        return report(
          Array.from({ length: 40 + 5 * round }, (_, n) =>
            activity(n % 2 === 0 ? 'post' : 'image', `${worker}-${n}`, at(day(n)), status),
          ),
        );
      });
      answers.push(...(await Promise.all(reports)));
    }
    expect(answers.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(answers.map(() => 200));
    expect(await kept()).toEqual(await counted());
  });

  it('follows what is done to activities by hand', async () => {
    await report([3, 2, 1].map((ago) => activity('post', String(ago), at(ago))));
    const sql = (text: string) => app.backends.rows(text, [platform.id]);
    await sql(`UPDATE platform_activities SET kind = 'image' WHERE platform_id = $1 AND external_id = '3'`);
    await sql(
      `UPDATE platform_activities SET occurred_at = occurred_at + interval '1 day' WHERE platform_id = $1`,
    );
    await sql(`DELETE FROM platform_activities WHERE platform_id = $1 AND external_id = '1'`);
    expect(await days()).toEqual([done(2, 0, 1), done(1, 1)]);
  });
});
