import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { type InsertedUser, insertUsers } from '../support/insert-users.js';
import { type Message, Receiver, type WebhookJson, isSignedBy } from '../support/webhooks.js';

/** WEBHOOK_EVENTS=10000 is the long run. */
const EVENTS = Number(process.env.WEBHOOK_EVENTS ?? 600);
const CONNECTIONS = 40;
const KILLS = 4;
const SLOW_MS = 30;
const DEAD = '127.0.0.1:1';

let deployment: FaultDeployment;
let receivers: Record<'quick' | 'slow' | 'moody', Receiver>;
let processes: FaultProcess[];

beforeAll(async () => {
  const [quick, slow, moody] = await Promise.all([Receiver.start(), Receiver.start(), Receiver.start()]);
  receivers = { quick, slow, moody };
  slow.server.answer = (_request, response) => {
    setTimeout(() => response.writeHead(204).end(), SLOW_MS);
  };
  moody.server.answer = (_request, response) => {
    response.writeHead(Math.random() < 0.5 ? 500 : 204).end();
  };
  const hosts = [...Object.values(receivers).map(({ server }) => server.host), DEAD].join(',');
  deployment = await FaultDeployment.start({ INSTANCE_HOST_ALLOWLIST: hosts, INSTANCE_TIMEOUT_MS: '2000' });
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
}, 120_000);
afterAll(async () => {
  await deployment.remove();
  await Promise.all(Object.values(receivers).map((receiver) => receiver.close()));
}, 120_000);

const rows = <T>(sql: string, values: readonly unknown[] = []): Promise<T[]> =>
  deployment.backends.rows<T>(sql, values);

async function hook(user: InsertedUser, url: string): Promise<WebhookJson> {
  const body = { url, events: ['platform.updated'] };
  const made = await processes[0]?.request('POST', '/v1/webhooks', user, body);
  if (made?.status !== 201) throw new Error(`${made?.status}: ${made?.text}`);
  return JSON.parse(made.text) as WebhookJson;
}

/** As the numbers arrived for the first time, by connection. */
function firstArrivals({ messages }: { readonly messages: readonly Message[] }): Map<number, number[]> {
  const seen = new Map<number, number[]>();
  for (const { data } of messages) {
    const numbers = seen.get(data.platformId) ?? [];
    if (!numbers.includes(data.eventId)) numbers.push(data.eventId);
    seen.set(data.platformId, numbers);
  }
  return seen;
}

it(
  'brings every event to every receiver that lives, in order, while processes and Redis are killed',
  async () => {
    const [user] = await insertUsers(deployment.backends, 1, { connections: CONNECTIONS });
    if (user === undefined) throw new Error('No user.');
    await deployment.backends.published();
    const { quick, slow, moody } = receivers;
    const hooks = [await hook(user, quick.url), await hook(user, slow.url), await hook(user, moody.url)];
    const dead = await hook(user, `http://${DEAD}/hooks`);
    const [position] = await rows<{ last: string }>(
      'SELECT last_event_id AS last FROM platform_event_position',
    );

    const perRound = EVENTS / CONNECTIONS / (KILLS + 1);
    for (let round = 0; round <= KILLS; round++) {
      for (let n = 0; n < perRound; n++)
        await rows('UPDATE platform_connections SET name = md5(random()::text) WHERE user_id = $1', [
          user.id,
        ]);
      // In the middle of it.
      await quick.received(quick.server.received.length + 1, 30_000);
      if (round === KILLS) break;
      await processes.shift()?.api.kill();
      if (round % 2 === 0) await deployment.redis.kill();
      await deployment.startServers();
      processes.push(await deployment.startProcess());
    }
    await deployment.backends.published();
    // What waits for its next attempt need not wait as long as it would.
    await waitUntil(
      async () => {
        await rows(
          // The senders' rows are left alone: to wait for several in another order than theirs would be a deadlock.
          `UPDATE webhook_streams SET due_at = now() WHERE (webhook_id, platform_id) IN (
             SELECT webhook_id, platform_id FROM webhook_streams
             WHERE webhook_id <> $1 AND attempts > 0 AND due_at > now() + interval '3 s' AND due_at < 'infinity'
               AND failing_since IS NOT NULL FOR UPDATE SKIP LOCKED)`,
          [dead.id],
        );
        const [left] = await rows<{ left: number }>(
          `SELECT count(*)::integer AS left FROM webhook_deliveries WHERE status = 'pending' AND webhook_id <> $1`,
          [dead.id],
        );
        const [behind] = await rows<{ behind: boolean }>(
          'SELECT event_id <> last_event_id AS behind FROM event_handover, platform_event_position',
        );
        return left?.left === 0 && behind?.behind === false;
      },
      { timeoutMs: 60_000 + EVENTS * 60, what: 'everything to be delivered', intervalMs: 200 },
    );

    const published = await rows<{ platformId: number; numbers: number[] }>(
      `SELECT platform_id AS "platformId", array_agg(event_id::integer ORDER BY event_id) AS numbers
       FROM platform_changes WHERE user_id = $1 AND event_id > $2 AND type = 'platform.updated' GROUP BY 1`,
      [user.id, position?.last],
    );
    expect(published.flatMap(({ numbers }) => numbers).length).toBeGreaterThanOrEqual(EVENTS);
    const expected = new Map(published.map(({ platformId, numbers }) => [platformId, numbers]));
    for (const [index, receiver] of [quick, slow, moody].entries()) {
      expect(firstArrivals(receiver)).toEqual(expected);
      const { secret = '' } = hooks[index] ?? {};
      expect(receiver.server.received.every((request) => isSignedBy(secret, request))).toBe(true);
    }
    const counts = [quick, slow, moody].map(({ server }) => server.received.length);
    process.stdout.write(`${EVENTS} events, requests: ${counts.join(', ')}\n`);
    // Sent twice only by the few that were on their way when a process was killed.
    expect(counts[0]).toBeLessThan(EVENTS + KILLS * 4 + 1);
    const [waiting] = await rows<{ count: number }>(
      `SELECT count(*)::integer AS count FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending'`,
      [dead.id],
    );
    expect(waiting?.count).toBe(EVENTS);
  },
  180_000 + EVENTS * 100,
);
