import type { InsertedUser } from '../support/insert-users.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import { DRAINED_MS, Deployment, PLATFORMS_PER_USER } from './deployment.js';
import { type Section, count, milliseconds } from './report.js';
import { oneByOne } from './requests.js';
import { median, ratio, spread } from './statistics.js';

const FEW_ROWS = 1_000;
/** Those that are asked for. Their rows lie between all the others. */
const PROBES = 100;
/** Hits are short: so many of each. */
const HITS = 10;
const BYTES_PER_ENTRY = 1_000;
const ENTRIES_PER_CALL = 10_000;

interface Stage {
  readonly deployment: Deployment;
  readonly api: ApiProcess;
  readonly probes: readonly InsertedUser[];
}

/** p50 of a hit and of a miss with so many connections against 1,000, on servers of their own, in interleaved rounds. */
export async function scale(rounds: number, rows: number): Promise<Section> {
  const sizes = [FEW_ROWS, rows];
  const stages: Stage[] = [];
  try {
    for (const size of sizes) stages.push(await stage(size));
    const p50 = stages.map(() => ({ miss: [] as number[], hit: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      for (const [index, { deployment, api, probes }] of stages.entries()) {
        await deployment.backends.redis.del(probes.map(({ id }) => `user_platforms:${id}`));
        const lists = probes.map(({ token }) => ({ path: '/v1/platforms', token }));
        p50[index]?.miss.push(median(await oneByOne(api.port, lists)));
        p50[index]?.hit.push(
          median(await oneByOne(api.port, Array.from({ length: HITS }, () => lists).flat())),
        );
      }
    }
    const [small, large] = p50;
    if (small === undefined || large === undefined) throw new Error('Two sizes are compared');
    const [few, many] = sizes.map(count);
    const line = (kind: 'hit' | 'miss'): string =>
      `p50 of a ${kind}: ${milliseconds(median(large[kind]))} with ${many} rows, ${milliseconds(median(small[kind]))} with ${few}`;
    const measure = (kind: 'hit' | 'miss') => ({
      what: `p50 of a ${kind}, ${many} rows / ${few} rows`,
      value: ratio(large[kind], small[kind]),
      goal: { atMost: 1.2 },
    });
    return {
      measures: [measure('hit'), measure('miss')],
      lines: [line('hit'), line('miss')],
      figures: p50.map(({ hit, miss }, index) => ({
        rows: sizes[index],
        hitMs: spread(hit),
        missMs: spread(miss),
      })),
    };
  } finally {
    await Promise.all(stages.map(({ deployment }) => deployment.stop()));
  }
}

async function stage(rows: number): Promise<Stage> {
  const deployment = await Deployment.start();
  try {
    const api = await deployment.startApp();
    const probes: InsertedUser[] = [];
    const others = Math.round(rows / PROBES) - PLATFORMS_PER_USER;
    for (let probe = 0; probe < PROBES; probe++) {
      await insertOthers(deployment, others);
      probes.push(...(await deployment.insertUsers(1)));
    }
    await deployment.backends.settled(DRAINED_MS);
    await deployment.backends.sql.query('VACUUM ANALYZE');
    await fillRedis(deployment, rows / PLATFORMS_PER_USER);
    return { deployment, api, probes };
  } catch (error) {
    await deployment.stop();
    throw error;
  }
}

/** With ciphertexts that are none, and without the triggers' work: nobody asks for these. */
async function insertOthers({ backends: { sql } }: Deployment, rows: number): Promise<void> {
  const client = await sql.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(
      `WITH owners AS (
         INSERT INTO users (email) SELECT 'other-' || gen_random_uuid() || '@example.org'
         FROM generate_series(1, ceil($1::numeric / $2)::integer) RETURNING id
       )
       INSERT INTO platform_connections
         (user_id, name, platform_type, instance_url, username, access_token, client_key, client_secret, key_id, is_default)
       SELECT id, 'Connection ' || n, 'mastodon', 'https://instance-' || id % 5000 || '.example', 'user' || id || 'x' || n,
         repeat(md5(id::text), 5), repeat(md5(id::text), 3), repeat(md5(id::text), 3), 'none', n = 1
       FROM owners, generate_series(1, $2::integer) AS n LIMIT $1`,
      [rows, PLATFORMS_PER_USER],
    );
  } finally {
    await client.query('RESET session_replication_role');
    client.release();
  }
}

/** The entries of the others: a hit is found among as many. */
async function fillRedis({ backends: { redis } }: Deployment, entries: number): Promise<void> {
  const script = `for n = ARGV[1], ARGV[2] do redis.call('SET', 'user_platforms:other' .. n, string.rep('x', ARGV[3])) end`;
  for (let from = 1; from <= entries; from += ENTRIES_PER_CALL) {
    const to = Math.min(entries, from + ENTRIES_PER_CALL - 1);
    await redis.eval(script, { arguments: [from, to, BYTES_PER_ENTRY].map(String) });
  }
}
