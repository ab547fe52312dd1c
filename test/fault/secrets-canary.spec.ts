import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApiKeyUsage } from '../../src/auth/api-key-usage.js';
import { FernetKey } from '../../src/crypto/fernet.js';
import { LastUsed } from '../../src/platforms/last-used.js';
import { SessionVerifier } from '../../src/sessions/session-verifier.js';
import { startTestApp } from '../support/app.js';
import { Backends } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { runCli } from '../support/cli.js';
import { type Session, register } from '../support/factories.js';
import { ECHOES } from '../support/fake-instance/echo.js';
import { startFakeInstance } from '../support/fake-instance/fake-instance.js';
import { PICTURES } from '../support/fake-instance/pictures.js';
import { FakeIssuer } from '../support/fake-issuer.js';
import { expectNoSecrets } from '../support/leaks.js';
import { unvisited } from '../support/openapi.js';
import { pgDump } from '../support/servers/pg-dump.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';
import { TraceCollector } from '../support/trace-collector.js';
import { Watched } from '../support/watched.js';
import { providersToken } from './canary/calls/accounts.js';
import { callEverything } from './canary/calls.js';
import { type Canary, newPlatform } from './canary/canary.js';
import { connect, makeDue, useEchoing } from './canary/instance.js';
import { listen } from './canary/listeners.js';

jest.setTimeout(300_000);

const RECOVERY = { timeoutMs: 60_000, intervalMs: 100 } as const;
/** Counted, and never reached. */
const LIMITS = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '1000000',
  RATE_LIMIT_USER_PER_MINUTE: '1000000',
  RATE_LIMIT_STRICT_PER_MINUTE: '1000000',
  RATE_LIMIT_REVEAL_PER_MINUTE: '1000000',
};

/** The tests are one story: each goes on with what the ones before it have left. */
describe('secrets, through every operation, event and job, and with each dependency failing in turn', () => {
  const traces = new TraceCollector();
  const newKey = FernetKey.generate();
  let postgres: PostgresServer;
  let redis: RedisServer;
  let backends: Backends;
  let canary: Canary;

  beforeAll(async () => {
    // Servers of its own: the run's are not to be killed. This one logs all that it is ever asked and given.
    [postgres, redis] = await Promise.all([
      startPostgres({ settings: { log_statement: 'all' } }),
      startRedis(),
    ]);
    process.env.TEST_DATABASE_URL = postgres.url();
    backends = await Backends.create({ redisUrl: redis.url() });
    backends.secrets.add(newKey);
    backends.logs.push(
      () => postgres.output,
      () => redis.output,
    );
    const [instance, issuer, endpoint] = await Promise.all([
      startFakeInstance('pleroma'),
      FakeIssuer.start(),
      traces.start(),
    ]);
    instance.files.set('/avatars/alice.png', { type: 'image/png', bytes: PICTURES['image/png'] });
    instance.oauth.makeSecret = (what) => backends.secrets.make(what);
    const app = await startTestApp({
      backends,
      env: {
        // The client document and key of Bluesky are published under https only.
        PUBLIC_URL: 'https://manager.example.org',
        MCP_ENABLED: 'true',
        ...LIMITS,
        ...issuer.env(),
        // Nobody listens there: what is logged is why the mail waits.
        SMTP_URL: `smtp://platforms:${encodeURIComponent(backends.secrets.make('mail-password'))}@127.0.0.1:1`,
        MAIL_FROM: 'platforms@example.org',
        PLATFORM_ENCRYPTION_KEY: `${backends.encryptionKey},${newKey}`,
        // Long enough for a machine that is busy with other specs.
        DATABASE_ACQUIRE_TIMEOUT_MS: '1500',
        INSTANCE_HOST_ALLOWLIST: instance.host,
        INSTANCE_TIMEOUT_MS: '1500',
        WATCH_SPACING_MS: '1',
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      },
    });
    const owner = await register(app.client, backends.secrets);
    const admin = await register(app.client, backends.secrets);
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.id]);
    const { email, password } = admin;
    const session = (await app.client.post('/v1/auth/login', { email, password })).json<Session>();
    const people = { owner, admin: { ...admin, client: app.client.as(session) } };
    canary = { app, ...people, instance, issuer, platformId: 0 };
    canary = { ...canary, platformId: await newPlatform(canary) };
  });
  afterAll(async () => {
    await canary?.app.app.close();
    await Promise.all([canary?.instance.close(), canary?.issuer.down()]);
    traces.stop();
    await backends?.remove();
    await Promise.all([postgres?.remove(), redis?.remove()]);
  });

  /** All operations, with clients that listen, and the jobs. @returns what the answers were. */
  async function useEverything({ listening = true } = {}): Promise<Set<number>> {
    const { app } = canary;
    const from = backends.exchanges.length;
    const stopListening = listening ? await listen(canary) : () => Promise.resolve();
    await callEverything(canary);
    await Promise.all([app.app.get(LastUsed).flush(), app.app.get(ApiKeyUsage).flush()]);
    await new Watched(app.app).round();
    await stopListening();
    const exchanges = backends.exchanges.slice(from);
    expect(await unvisited(app, exchanges)).toEqual([]);
    expect(exchanges.filter(({ status }) => status === 500)).toEqual([]);
    return new Set(exchanges.map(({ status }) => status));
  }

  /** As an operator does it; what it prints is searched like a log. @returns the exit code. */
  async function rotateKeys(): Promise<number | null> {
    const env = { ...backends.env(), PLATFORM_ENCRYPTION_KEY: `${newKey},${backends.encryptionKey}` };
    const { code, stdout, stderr } = await runCli(['keys:rotate'], env);
    backends.logs.push(() => [stdout, stderr]);
    return code;
  }

  async function expectNone(): Promise<void> {
    for (const { form } of canary.instance.requests) {
      backends.secrets.add(form.get('code_verifier') ?? undefined);
    }
    await expectNoSecrets(canary.app);
  }

  const reveal = () =>
    canary.owner.client.post(`/v1/platforms/${canary.platformId}/credentials`, { reason: 'A test' });

  it('are not found anywhere while the issuer of tokens is down, or answers with rubbish', async () => {
    const { app, issuer } = canary;
    const ask = async () =>
      (await app.client.as({ accessToken: await providersToken(canary) }).get('/v1/me')).status;
    await issuer.down();
    expect(await ask()).toBe(503);
    await issuer.up();
    for (const fault of ['error', 'nonsense', 'redirect'] as const) {
      issuer.fault = fault;
      const asked = issuer.requests.metadata;
      // After a failure the issuer is left alone for a second.
      await waitUntil(async () => (await ask()) === 503 && issuer.requests.metadata > asked, {
        ...RECOVERY,
        what: `the issuer to be asked, and answer with ${fault}`,
      });
    }
    issuer.fault = 'none';
    await waitUntil(async () => (await ask()) === 200, { ...RECOVERY, what: 'the issuer to be used' });
  });

  it('nor when all is well, but for the answers that they belong in', async () => {
    const connected = await connect(canary);
    await makeDue(canary, [connected]);
    await new Watched(canary.app.app).round();
    const { requests } = canary.instance;
    expect(requests.some(({ form }) => form.get('grant_type') === 'refresh_token')).toBe(true);
    const answer = await reveal();
    expect(answer.status).toBe(200);
    expect(backends.secrets.foundIn(answer.text)).not.toEqual([]);
    expect([...(await useEverything())]).toEqual(
      expect.arrayContaining([200, 201, 202, 204, 400, 401, 403, 404, 409, 412, 415]),
    );
    // Each did what it is for, so the secrets went all the way; a busy machine may have let one wait too long for a connection.
    const undone = () => unvisited(canary.app, backends.exchanges, (status) => status < 400);
    const refused = backends.exchanges.some(({ text }) => text.includes('"code":"database_'));
    if (refused && (await undone()).length > 0) await useEverything();
    expect(await undone()).toEqual([]);
    await backends.published();
    await expectNone();
  });

  it('nor in the queue of the watcher, and what the rotation of keys says', async () => {
    const connected = await connect(canary);
    const watching = await startTestApp({
      backends,
      env: {
        WATCH_ENABLED: 'true',
        WATCH_ROUND_SECONDS: '1',
        WATCH_SPACING_MS: '1',
        INSTANCE_HOST_ALLOWLIST: canary.instance.host,
      },
    });
    try {
      const seen = canary.instance.requests.length;
      await makeDue(canary, [connected]);
      const refreshed = () =>
        canary.instance.requests.slice(seen).some(({ form }) => form.get('grant_type') === 'refresh_token');
      await waitUntil(refreshed, { ...RECOVERY, what: 'the queue to have the token refreshed' });
      expect(await rotateKeys()).toBe(0);
      expect(await backends.redis.keys('{platform-manager}:watch:*')).not.toEqual([]);
      await expectNone();
    } finally {
      await watching.app.close();
    }
  });

  it.each(ECHOES)('nor by an instance that answers with what it was sent: %s', async (echo) => {
    await useEchoing(canary, echo);
    await expectNone();
  });

  it('nor with the audit trail failing, or Redis or PostgreSQL killed', async () => {
    const { app, owner, platformId } = canary;
    await backends.sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
    expect((await reveal()).status).toBe(503);
    await owner.client.get(`/v1/platforms/${platformId}/audit`);
    await backends.sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log');

    await redis.kill();
    await useEverything();
    expect((await reveal()).status).toBe(200);
    await redis.start();
    const isReady = async (): Promise<boolean> =>
      (await app.client.get('/health/ready')).text.includes('"ok"');
    await waitUntil(isReady, { ...RECOVERY, what: 'Redis to be used again' });

    await reveal();
    await waitUntil(async () => (await reveal()).cacheStatus === 'platform-manager; hit', {
      ...RECOVERY,
      what: 'a warm cache',
    });
    // What this process has read of the session while Redis was away is not in Redis yet.
    const open = (await owner.client.get('/v1/sessions')).json<{ id: number; current: boolean }[]>();
    app.app.get(SessionVerifier).forget(open.filter(({ current }) => current).map(({ id }) => String(id)));
    expect((await owner.client.get('/v1/platforms')).status).toBe(200);
    await postgres.kill();
    const rotating = rotateKeys();
    // Warm, yet without the audit row nothing is given out.
    const refused = await reveal();
    expect({ status: refused.status, found: backends.secrets.foundIn(refused.text) }).toEqual({
      status: 503,
      found: [],
    });
    expect([...(await useEverything())]).toContain(503);
    await redis.kill();
    // Nobody can say whether a session has ended, so nobody who comes now is let in.
    await useEverything({ listening: false });
    expect(await rotating).toBe(1);
    await Promise.all([postgres.start(), redis.start()]);
    await waitUntil(isReady, { ...RECOVERY, what: 'everything to be back' });
    await waitUntil(async () => (await reveal()).status === 200, { ...RECOVERY, what: 'a reveal' });

    await expectNone();
    // Without pg_dump the rows have been searched as text already.
    const dump = await pgDump(backends.databaseUrl);
    if (dump !== null) expect(dump).toContain('audit_log');
    expect(backends.secrets.foundIn(dump ?? '')).toEqual([]);
  });

  it('nor in the traces', async () => {
    const { app } = canary.app;
    await app.close(); // sends what is left
    const sent = traces.bodies.join('\n');
    expect(sent).toContain('POST /v1/platforms/:id/credentials');
    expect(backends.secrets.foundIn(sent)).toEqual([]);
  });
});
