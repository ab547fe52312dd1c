import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { Backends, IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { insertUsers } from '../support/insert-users.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/servers/tcp-proxy.js';
import { FaultInjector } from './history/faults.js';
import { closeConnections, send } from './history/http.js';
import { Random } from './history/random.js';
import { Workload, partOf, readState, stateOf } from './history/workload.js';

const OPERATIONS = Number(process.env['HISTORY_OPERATIONS'] ?? 200_000);
const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const PROCESSES = 2;
const USERS = 24;
const READERS = 24;
const LIMIT_MS = 1_000 * 60 * Math.max(10, OPERATIONS / 10_000);

describe(`history of ${OPERATIONS} operations, HISTORY_SEED=${SEED}`, () => {
  let redis: RedisServer;
  let backends: Backends;
  let proxies: TcpProxy[];
  let processes: ApiProcess[];

  beforeAll(async () => {
    redis = await startRedis();
    proxies = await Promise.all(Array.from({ length: PROCESSES }, () => startTcpProxy(redis.port)));
    backends = await Backends.create({ redisUrl: redis.url() });
    processes = await Promise.all(
      proxies.map((proxy) =>
        startApi({
          env: {
            ...backends.env(),
            ...IMPATIENT_WITH_REDIS,
            LOG_LEVEL: 'warn',
            REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
          },
        }),
      ),
    );
  }, 120_000);

  afterAll(async () => {
    closeConnections();
    await Promise.all((processes ?? []).map((api) => api.stop()));
    await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
    await backends?.remove();
    await redis?.remove();
  }, 120_000);

  it(
    'no read is older than the last write acknowledged before it, and at the end cache equals database',
    async () => {
      const random = new Random(SEED);
      const workload = new Workload(
        random,
        backends,
        processes.map(({ baseUrl }) => baseUrl),
        OPERATIONS,
      );
      const users = await insertUsers(backends, USERS);
      const tokens = new Map<number, string>();
      for (const { id } of users) {
        tokens.set(id, await tokenFor(id, backends.jwtSecret));
        workload.addUser(id, tokens.get(id) ?? '', await readState(backends, id));
      }
      const faults = new FaultInjector(new Random(SEED + 1), redis, proxies);
      const injecting = faults.run();
      const started = performance.now();
      try {
        await workload.run(READERS);
      } finally {
        faults.stop();
        await injecting;
      }
      const seconds = Math.round((performance.now() - started) / 1000);
      process.stdout.write(
        `history: seed ${SEED}, ${seconds} s, ${JSON.stringify({ ...workload.counts, ...faults.counts })}\n`,
      );

      const violations = workload.histories.flatMap((history) => history.violations);
      expect(violations.slice(0, 10)).toEqual([]);
      expect(workload.histories.reduce((sum, { unchecked }) => sum + unchecked, 0)).toBe(0);
      // A cache that is never asked could not be stale either. Faults come by the clock, so a slow machine has more of them.
      expect(workload.counts.hits).toBeGreaterThan(workload.counts.reads / 100);
      expect(workload.counts.refusedReads).toBe(0);
      expect(workload.counts.reads + workload.counts.writes).toBe(OPERATIONS);

      await expectQuiescence(
        users.map(({ id }) => id),
        tokens,
      );
    },
    LIMIT_MS,
  );

  async function expectQuiescence(
    userIds: readonly number[],
    tokens: ReadonlyMap<number, string>,
  ): Promise<void> {
    await waitUntil(
      async () => {
        const pending = await backends.rows(
          'SELECT 1 FROM platform_changes WHERE drained_at IS NULL LIMIT 1',
        );
        const ready = await Promise.all(
          processes.map(async ({ baseUrl }) => (await fetch(`${baseUrl}/health/ready`)).text()),
        );
        return pending.length === 0 && ready.every((text) => text.includes('"status":"ok"'));
      },
      { timeoutMs: 60_000, what: 'every process to trust its cache again' },
    );
    for (const id of userIds) {
      const truth = await readState(backends, id);
      const cached = await backends.redis.get(`user_platforms:${id}`);
      if (cached !== null) expect(stateOf(JSON.parse(cached))).toBe(truth);
      for (const { baseUrl } of processes) {
        const answer = await send(`${baseUrl}/v1/platforms`, { token: tokens.get(id) ?? '' });
        expect(stateOf(JSON.parse(answer.body))).toBe(truth);
      }
      for (const part of truth.split(' ').filter((one) => one !== '')) {
        const platformId = Number.parseInt(part, 10);
        const entry = await backends.redis.get(`platform:${platformId}`);
        if (entry !== null) expect(partOf(JSON.parse(entry))).toBe(part);
        for (const { baseUrl } of processes) {
          const token = tokens.get(id) ?? '';
          const answer = await send(`${baseUrl}/v1/platforms/${platformId}`, { token });
          expect(partOf(JSON.parse(answer.body))).toBe(part);
        }
      }
    }
    for (const { baseUrl } of processes) {
      const metrics = await (await fetch(`${baseUrl}/metrics`)).text();
      expect(metrics).toMatch(/^cache_inconsistencies_total 0$/m);
    }
  }
});

function tokenFor(userId: number, secret: string): Promise<string> {
  return new SignJWT({ role: 'user' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('platform-manager')
    .setAudience('platform-manager')
    .setSubject(String(userId))
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(secret));
}
