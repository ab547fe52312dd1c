import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LastUsed } from '../../../src/platforms/last-used.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import {
  type Person,
  type PlatformInput,
  createPlatform,
  platformInput,
  register,
} from '../../support/factories.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';
import { reveal } from '../../support/reveal.js';
import { StatementCounter } from '../../support/statements.js';

interface AuditJson {
  readonly entries: readonly Record<string, unknown>[];
  readonly nextBefore: number | null;
}

const CREATED = { action: 'platform.create', outcome: 'done' };

describe('POST /v1/platforms/:id/credentials', () => {
  let app: TestApp;
  let statements: StatementCounter;
  let owner: Person;
  let input: PlatformInput;
  let id: number;

  beforeAll(async () => {
    app = await startTestApp();
    statements = await StatementCounter.install(app.backends);
  });
  beforeEach(async () => {
    const { client, backends } = app;
    owner = await register(client, backends.secrets);
    input = platformInput(backends.secrets);
    ({ id } = await createPlatform(owner, backends.secrets, input));
    await backends.settled();
  });
  afterAll(() => app.close());

  const trail = async (query = ''): Promise<AuditJson> =>
    (await owner.client.get(`/v1/platforms/${id}/audit${query}`)).json<AuditJson>();
  const auditRows = () =>
    app.backends.rows(
      `SELECT * FROM audit_log WHERE platform_id = $1 AND action = 'credentials.reveal' ORDER BY id`,
      [id],
    );

  it('answers the secrets that were saved, and forbids storing them', async () => {
    const answer = await reveal(owner, id);
    const { accessToken, clientKey, clientSecret, instanceUrl, username } = input;
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ accessToken, clientKey, clientSecret, instanceUrl, username });
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('etag')).toBeNull();
    expect(answer.cacheStatus).toBe('platform-manager; fwd=miss; stored');
  });

  it('names the account as it is now, from under the seal', async () => {
    const own = platformInput(app.backends.secrets);
    const renamed = await createPlatform(owner, app.backends.secrets, own);
    for (const username of ['someone-else', null]) {
      await owner.client.patch(`/v1/platforms/${renamed.id}`, { username });
      expect((await reveal(owner, renamed.id)).json()).toMatchObject({
        accessToken: own.accessToken,
        instanceUrl: own.instanceUrl,
        username,
      });
    }
  });

  it('has null for what was never given', async () => {
    const { backends } = app;
    const bare = await createPlatform(owner, backends.secrets, { clientKey: null, clientSecret: null });
    expect((await reveal(owner, bare.id)).json()).toMatchObject({ clientKey: null, clientSecret: null });
  });

  it('records who, which, why, from where and our request id, for the owner to read', async () => {
    const answer = await reveal(owner, id, 'Publishing post 4711', { 'X-Request-Id': 'reveal-1' });
    expect(await trail()).toEqual({
      entries: [
        {
          id: expect.any(Number),
          at: expect.stringMatching(/^20.*Z$/),
          action: 'credentials.reveal',
          outcome: 'revealed',
          actor: 'user',
          userId: owner.id,
          apiKeyId: null,
          platformId: id,
          reason: 'Publishing post 4711',
          detail: '',
          address: '127.0.0.1',
          requestId: answer.header('x-request-id'),
        },
        expect.objectContaining(CREATED),
      ],
      nextBefore: null,
      nextAfter: null,
    });
  });

  /** Runs `work` while no audit row can be written, with the session that waits for it. */
  async function whileBlocked(
    begin: () => Promise<void>,
    work: (pid: number) => Promise<void>,
  ): Promise<void> {
    const locker = await app.backends.sql.connect();
    try {
      await locker.query('BEGIN');
      await locker.query('LOCK TABLE audit_log IN EXCLUSIVE MODE');
      await begin();
      let pid: number | undefined;
      const blocked = async () => {
        const [waiting] = await app.backends.rows<{ pid: number }>(
          `SELECT pid FROM pg_locks WHERE relation = 'audit_log'::regclass AND NOT granted`,
        );
        pid = waiting?.pid;
        return pid !== undefined;
      };
      await waitUntil(blocked, { timeoutMs: 15_000, what: 'the audit insert to wait for the lock' });
      await work(pid ?? Number.NaN);
      await locker.query('COMMIT');
    } finally {
      locker.release();
    }
  }

  it('sends nothing before the audit row is committed', async () => {
    await reveal(owner, id);
    let answered = false;
    let pending = Promise.resolve<unknown>(null);
    await whileBlocked(
      async () => void (pending = reveal(owner, id).finally(() => (answered = true))),
      async () => expect(answered).toBe(false),
    );
    expect(await pending).toMatchObject({ status: 200 });
    expect(await auditRows()).toHaveLength(2);
  });

  it('answers exactly those whose audit row was committed when the connection is killed in the middle', async () => {
    await reveal(owner, id);
    const reasons = Array.from({ length: 12 }, (_, n) => `Reveal number ${n}`);
    let pending: ReturnType<typeof reveal>[] = [];
    await whileBlocked(
      async () => void (pending = reasons.map((reason) => reveal(owner, id, reason))),
      async (pid) => void (await app.backends.rows('SELECT pg_terminate_backend($1)', [pid])),
    );
    const answers = await Promise.all(pending);
    const revealed = reasons.filter((_, n) => answers[n]?.status === 200);
    // The batch under way is lost. Those that came after its statement was sent go in the next one.
    expect(revealed.length).toBeLessThan(reasons.length);
    const rows = (await auditRows()) as { reason: string }[];
    expect(
      rows
        .slice(1)
        .map(({ reason }) => reason)
        .toSorted(),
    ).toEqual(revealed.toSorted());
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectProblem(answer, 503, 'database_unavailable');
      expect(app.backends.secrets.foundIn(answer.text)).toEqual([]);
    }
  });

  it('writes the row of a caller who has gone', async () => {
    await reveal(owner, id);
    const caller = new AbortController();
    let pending = Promise.resolve<unknown>(null);
    await whileBlocked(
      async () => {
        pending = fetch(`${owner.client.baseUrl}/v1/platforms/${id}/credentials`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${owner.accessToken}` },
          body: JSON.stringify({ reason: 'Gone before the answer' }),
          signal: caller.signal,
        });
      },
      async () => {
        caller.abort();
        await expect(pending).rejects.toThrow('aborted');
      },
    );
    const written = async () => (await auditRows()).length === 2;
    await waitUntil(written, { timeoutMs: 15_000, what: 'the row to be written' });
    expect((await reveal(owner, id)).status).toBe(200);
  });

  it('answers 503, and no secret, when the audit row cannot be written', async () => {
    await app.backends.sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
    const answer = await reveal(owner, id).finally(() =>
      app.backends.sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log'),
    );
    expectProblem(answer, 503, 'audit_unavailable');
    expect(app.backends.secrets.foundIn(answer.text)).toEqual([]);
    expect(answer.header('retry-after')).toBe('1');
  });

  it('costs one statement, the audit row, when the cache is warm', async () => {
    await reveal(owner, id);
    await app.app.get(LastUsed).flush();
    await statements.reset();
    for (let n = 0; n < 20; n++) {
      expect((await reveal(owner, id)).cacheStatus).toBe('platform-manager; hit');
    }
    // The first one finds where the trail ends.
    expect(await statements.calls('INSERT INTO audit_log')).toBeLessThanOrEqual(21);
    // The outbox relay and the webhooks look by themselves, and a connection that the pool opens begins with two statements.
    expect(
      await statements.texts(
        '^(?!.*(INSERT INTO audit_log|FROM audit_chain|platform_changes|event_handover|set_config|installation_adopt))(?!BEGIN|START TRANSACTION|COMMIT)',
      ),
    ).toEqual([]);
    await statements.reset();
    for (let n = 0; n < 20; n++) await reveal(owner, id);
    expect(await statements.calls('INSERT INTO audit_log')).toBe(20);
    expect(await statements.calls('FROM audit_chain')).toBe(0);
    await app.app.get(LastUsed).flush();
  });

  it('refuses an inactive connection, and records the refusal', async () => {
    await owner.client.patch(`/v1/platforms/${id}`, { isActive: false });
    expectProblem(await reveal(owner, id), 409, 'platform_inactive');
    expect((await trail()).entries).toMatchObject([{ outcome: 'platform_inactive' }, CREATED]);
  });

  it('gives what was saved last, at once', async () => {
    await reveal(owner, id);
    const accessToken = app.backends.secrets.make('new-token');
    await owner.client.patch(`/v1/platforms/${id}`, { accessToken });
    expect((await reveal(owner, id)).json()).toMatchObject({ accessToken });
  });

  it.each([
    ['absent', {}],
    ['too short', { reason: 'ab' }],
    ['too long', { reason: 'x'.repeat(201) }],
    ['of blanks', { reason: ' '.repeat(20) }],
    ['not one line', { reason: 'two\nlines' }],
    ['no text', { reason: 12345 }],
  ])('refuses a reason that is %s', async (_, body) => {
    expectProblem(
      await owner.client.post(`/v1/platforms/${id}/credentials`, body),
      400,
      'validation_failed',
      ['/reason'],
    );
    expect(await auditRows()).toEqual([]);
  });

  it("answers the same 404 for another user's connection and an absent one, and leaves no trace in the trail", async () => {
    const stranger = await register(app.client, app.backends.secrets);
    const others = await reveal(stranger, id);
    const absent = await reveal(stranger, 2_000_000_000);
    expectProblem(others, 404, 'platform_not_found');
    expect(withoutOccurrence(others)).toBe(withoutOccurrence(absent));
    expect(others.cacheStatus).toBeNull();
    expect(await auditRows()).toEqual([]);
  });

  describe('GET /v1/platforms/:id/audit', () => {
    it('is paged, newest first, within bounds', async () => {
      for (const reason of ['first', 'second', 'third']) await reveal(owner, id, reason);
      const newest = await trail('?pageSize=2');
      expect(newest.entries.map(({ reason }) => reason)).toEqual(['third', 'second']);
      const rest = await trail(`?pageSize=2&before=${newest.nextBefore}`);
      expect(rest.entries.map(({ reason }) => reason)).toEqual(['first', '']);
      expect(rest.nextBefore).toBeNull();
      expect((await trail('?before=1')).entries).toEqual([]);
      for (const query of [
        'pageSize=0',
        'pageSize=101',
        'pageSize=1e1',
        'before=x',
        'before=0',
        'before=99999999999999999',
        'action=no-such-action',
        'after=1',
      ]) {
        const name = query.split('=', 1)[0] ?? '';
        expectProblem(
          await owner.client.get(`/v1/platforms/${id}/audit?${query}`),
          400,
          'validation_failed',
          [`#${name}`],
        );
      }
    });

    it('is narrowed to what was done', async () => {
      await reveal(owner, id, 'used');
      expect((await trail('?action=credentials.reveal')).entries).toMatchObject([{ reason: 'used' }]);
      expect((await trail('?action=platform.delete')).entries).toEqual([]);
      await owner.client.delete(`/v1/platforms/${id}`);
      expect((await trail('?action=account.delete')).entries).toEqual([]);
    });

    it('outlives the connection', async () => {
      await reveal(owner, id, 'before the end');
      await owner.client.delete(`/v1/platforms/${id}`);
      const deleted = { action: 'platform.delete', outcome: 'done' };
      expect((await trail()).entries).toMatchObject([deleted, { reason: 'before the end' }, CREATED]);
      expect((await trail('?before=1')).entries).toEqual([]);
    });

    it('is empty, not absent, for a connection without one', async () => {
      const { rows } = await app.backends.sql.query<{ id: number }>(
        `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, access_token, key_id)
         VALUES ($1, 'By SQL', 'mastodon', 'https://by-sql.example', 'none', 'none') RETURNING id`,
        [owner.id],
      );
      const answer = await owner.client.get(`/v1/platforms/${rows[0]?.id}/audit`);
      expect(answer.json()).toEqual({ entries: [], nextBefore: null, nextAfter: null });
    });

    it("is the same 404 for another user's connection and an absent one", async () => {
      await reveal(owner, id);
      const stranger = await register(app.client, app.backends.secrets);
      const others = await stranger.client.get(`/v1/platforms/${id}/audit`);
      const absent = await stranger.client.get('/v1/platforms/2000000000/audit?before=7');
      expectProblem(others, 404, 'platform_not_found');
      expect(withoutOccurrence(others)).toBe(withoutOccurrence(absent));
    });
  });

  describe('lastUsed', () => {
    const row = async () =>
      (
        await app.backends.rows<{ last_used: Date | null; version: number; updated_at: Date }>(
          'SELECT last_used, version, updated_at FROM platform_connections WHERE id = $1',
          [id],
        )
      )[0];

    it('is written in one statement for many uses, and changes no version', async () => {
      const lastUsed = app.app.get(LastUsed);
      await lastUsed.flush();
      const before = await row();
      const other = await createPlatform(owner, app.backends.secrets);
      await statements.reset();
      for (let n = 0; n < 3; n++) for (const each of [id, other.id]) await reveal(owner, each);
      expect((await row())?.last_used).toBeNull();
      await lastUsed.flush();
      expect(await statements.calls('UPDATE platform_connections p SET last_used')).toBe(1);
      const after = await row();
      expect(after?.last_used).toBeInstanceOf(Date);
      expect([after?.version, after?.updated_at]).toEqual([before?.version, before?.updated_at]);
    });

    it('does not go back in time, and waits for no writer', async () => {
      const future = new Date(Date.now() + 3_600_000);
      await app.backends.sql.query('UPDATE platform_connections SET last_used = $1 WHERE id = $2', [
        future,
        id,
      ]);
      await reveal(owner, id);
      await app.app.get(LastUsed).flush();
      expect((await row())?.last_used).toEqual(future);

      const other = await createPlatform(owner, app.backends.secrets);
      const locker = await app.backends.sql.connect();
      await locker.query('BEGIN');
      await locker.query('SELECT 1 FROM platform_connections WHERE id = $1 FOR UPDATE', [other.id]);
      await reveal(owner, other.id);
      await app.app.get(LastUsed).flush();
      await locker.query('ROLLBACK');
      locker.release();
    });
  });

  it('writes what is pending when it shuts down', async () => {
    const second = await startTestApp({ backends: app.backends });
    const there = { ...owner, client: second.client.as(owner) };
    expect((await reveal(there, id)).status).toBe(200);
    await second.app.close();
    const rows = await app.backends.rows(
      'SELECT 1 FROM platform_connections WHERE id = $1 AND last_used IS NOT NULL',
      [id],
    );
    expect(rows).toHaveLength(1);
  });
});
