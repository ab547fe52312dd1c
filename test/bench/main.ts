import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { coldUsers } from './cold-users.js';
import { Deployment } from './deployment.js';
import { fernetFigures } from './fernet.js';
import { type Target, load } from './load.js';
import { memoryOfUsers } from './memory.js';
import { queriesSaved } from './queries-saved.js';
import { type Figures, type Round, summarise } from './statistics.js';

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const ROUNDS = options.quick ? 3 : 7;
const SECONDS = options.quick ? 1 : 4;
const CONNECTIONS = 32;

const LIST_HIT = 'ours: list, hit';
const CONSTANT = 'limit: Nest + Fastify, constant';
const INTERCEPTOR = "Nest's CacheInterceptor, nobody signed in";
const CACHE_OFF = 'ours: list, cache off';

async function contestants(deployment: Deployment): Promise<Map<string, Target>> {
  const ours = await deployment.startApp();
  const uncached = await deployment.startApp({ REDIS_URL: 'redis://127.0.0.1:1' });
  const [userId = 0] = await deployment.addUsers(1);
  const headers = await deployment.bearer(userId);
  const list = await fetch(`${ours.baseUrl}/v1/platforms`, { headers });
  const body = await list.text();
  const [{ id }] = JSON.parse(body) as [{ id: number }];
  const one = await fetch(`${ours.baseUrl}/v1/platforms/${id}`, { headers });
  const etag = one.headers.get('etag') ?? '';

  const constant = await deployment.startContestant('constant.ts', { BODY: body });
  const bare = await deployment.startContestant('constant.ts', { BODY: body, KIND: 'node' });
  const raw = await deployment.startContestant('raw-redis.ts', { KEY: `user_platforms:${userId}` });
  const interceptor = await deployment.startContestant('nest-interceptor.ts', { BODY: body });
  const bento = await deployment.startContestant('read-through.ts', { BODY: body, KIND: 'bento' });
  const cacheable = await deployment.startContestant('read-through.ts', { BODY: body, KIND: 'cacheable' });
  return new Map<string, Target>([
    ['limit: node:http, constant', { url: `${bare.baseUrl}/` }],
    [CONSTANT, { url: `${constant.baseUrl}/constant` }],
    ['Fastify + one Redis GET, nobody signed in', { url: `${raw.baseUrl}/list` }],
    [INTERCEPTOR, { url: `${interceptor.baseUrl}/list` }],
    ['BentoCache, nobody signed in', { url: `${bento.baseUrl}/list` }],
    ['cacheable, nobody signed in', { url: `${cacheable.baseUrl}/list` }],
    [LIST_HIT, { url: `${ours.baseUrl}/v1/platforms`, headers }],
    ['ours: one, hit', { url: `${ours.baseUrl}/v1/platforms/${id}`, headers }],
    [
      'ours: one, 304',
      { url: `${ours.baseUrl}/v1/platforms/${id}`, headers: { ...headers, 'if-none-match': etag } },
    ],
    [CACHE_OFF, { url: `${uncached.baseUrl}/v1/platforms`, headers }],
  ]);
}

async function compare(targets: ReadonlyMap<string, Target>): Promise<Map<string, Figures>> {
  const rounds = new Map<string, Round[]>([...targets.keys()].map((name) => [name, []]));
  for (const target of targets.values()) await load(target, CONNECTIONS, 1);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of targets) rounds.get(name)?.push(await load(target, CONNECTIONS, SECONDS));
  }
  return new Map([...rounds].map(([name, all]) => [name, summarise(all)]));
}

function print(figures: ReadonlyMap<string, Figures>): void {
  const round = (value: number): string => Math.round(value).toLocaleString('en');
  const width = Math.max(...[...figures.keys()].map((name) => name.length));
  console.log(`\n${'contestant'.padEnd(width)}  req/s (lowest-highest)   p50 ms  p99 ms  errors`);
  for (const [name, { rate, rateMin, rateMax, p50Ms, p99Ms, errors }] of figures) {
    const rates = `${round(rate)} (${round(rateMin)}-${round(rateMax)})`.padEnd(23);
    console.log(
      `${name.padEnd(width)}  ${rates}  ${String(p50Ms).padStart(6)}  ${String(p99Ms).padStart(6)}  ${errors}`,
    );
  }
}

async function main(): Promise<void> {
  const deployment = await Deployment.start();
  try {
    const figures = await compare(await contestants(deployment));
    print(figures);
    const rate = (name: string): number => figures.get(name)?.rate ?? Number.NaN;
    const fernet = fernetFigures(ROUNDS);
    const saved = await queriesSaved(deployment);
    const cold = await coldUsers(deployment);
    const memory = await memoryOfUsers(deployment);
    const ratios = {
      'list hit / constant route of the same framework': rate(LIST_HIT) / rate(CONSTANT),
      "list hit, signed in / Nest's CacheInterceptor": rate(LIST_HIT) / rate(INTERCEPTOR),
      'list hit / cache off': rate(LIST_HIT) / rate(CACHE_OFF),
      'p99 of a list hit / cache off':
        (figures.get(LIST_HIT)?.p99Ms ?? NaN) / (figures.get(CACHE_OFF)?.p99Ms ?? NaN),
      'Fernet open / bare node:crypto': fernet.open / fernet.openBare,
      'Fernet seal / bare node:crypto': fernet.seal / fernet.sealBare,
    };
    console.log('');
    for (const [name, ratio] of Object.entries(ratios))
      console.log(`${ratio.toFixed(2).padStart(7)}  ${name}`);
    console.log(
      `\n${saved.reads} list reads over ${saved.users} users: ${saved.withCache - saved.comparisons} loads with the ` +
        `cache (and ${saved.comparisons} comparisons by the self-audit), ${saved.withoutCache} without it`,
    );
    const milliseconds = (value: number): string => `${Math.round(value)} ms`;
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    console.log(
      `${cold.users} cold users at once, ${cold.poolMax} connections: ${cold.failed} failed, all answered in ` +
        `${milliseconds(cold.durationMs)}; with a connection for each request ${cold.failedPerRequest} failed, ` +
        milliseconds(cold.durationPerRequestMs),
    );
    console.log(
      `${memory.users} cached users: ${megabytes(memory.redisBytes)} of Redis; a process has ` +
        `${megabytes(memory.idleBytes)} idle, ${megabytes(memory.servedBytes)} after serving them, and starts in ` +
        milliseconds(memory.startMs),
    );
    const environment = {
      node: process.version,
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      rounds: ROUNDS,
      secondsPerRound: SECONDS,
      connections: CONNECTIONS,
    };
    if (options.json !== undefined) {
      const report = {
        environment,
        figures: Object.fromEntries(figures),
        ratios,
        fernet,
        queriesSaved: saved,
        coldUsers: cold,
        memory,
      };
      writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    await deployment.stop();
  }
}

await main();
