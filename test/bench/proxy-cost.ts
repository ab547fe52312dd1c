import { insertUsers } from '../support/insert-users.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import { apiKeyOf, to } from './contestants.js';
import { DRAINED_MS, type Deployment } from './deployment.js';
import { LoadGenerator, type Target } from './load.js';
import { type Plan, type Round, measured, printRounds } from './rates.js';
import { type Measure, type Section, count } from './report.js';
import { ratio, spread } from './statistics.js';

const DIRECT = 'direct';
const PROXIED = 'through the proxy';
const REVEALED = 'reveal, then direct';
const PROXIED_OTHER = 'through the proxy, other build';
const PATH = '/api/v1/accounts/verify_credentials';
/** As long as an account of a Mastodon. */
const BODY = JSON.stringify({ id: '1', username: 'somebody', note: 'x'.repeat(1000) });
const SATURATED_SECONDS = 5;
/** Counted, and never reached. */
const NO_COURTESY = { PROXY_INSTANCE_CONCURRENCY: '10000', PROXY_INSTANCE_PER_MINUTE: '1000000' };

/**
 * What a request through the proxy takes longer than the same client's request to the same instance, and what a client takes
 * longer that has the credential revealed each time. All of them at half of the rate that saturates the proxy.
 */
export async function proxyCost(
  deployment: Deployment,
  { rounds, seconds, warmUpSeconds, connections }: Plan,
  against: string | undefined,
): Promise<Section> {
  const contestants = await targets(deployment, against);
  const generator = new LoadGenerator();
  const all = new Map<string, Round[]>([...contestants.keys()].map((name) => [name, []]));
  let saturated: number;
  const proxied = contestants.get(PROXIED);
  if (proxied === undefined) throw new Error('The proxy is a contestant');
  try {
    for (const target of contestants.values()) {
      for (let one: Target | undefined = target; one !== undefined; one = one.next)
        await generator.round({ target: one, connections, seconds: warmUpSeconds });
    }
    const most = await generator.round({ target: proxied, connections, seconds: SATURATED_SECONDS });
    if (most.requests === 0 || most.errors > 0)
      throw new Error(`Saturated, the proxy answered ${most.requests} requests and failed ${most.errors}`);
    saturated = most.rate;
    const rate = saturated / 2;
    for (let round = 0; round < rounds; round++) {
      for (const [name, target] of contestants)
        all.get(name)?.push(await measured(generator, { target, connections, seconds, rate }));
    }
  } finally {
    generator.stop();
  }
  printRounds(all);
  return {
    measures: [
      ...added(all, PROXIED, { p50Ms: 1, p99Ms: 2 }),
      ...added(all, REVEALED),
      ...added(all, PROXIED_OTHER),
      ...(against === undefined
        ? []
        : [
            {
              what: 'CPU, through the proxy / other build',
              value: ratio(of(all, PROXIED, 'cpuUs'), of(all, PROXIED_OTHER, 'cpuUs')),
            },
          ]),
    ],
    lines: [`the proxy is saturated by ${count(saturated)} requests a second; all were sent half as many`],
    figures: { saturated, rounds: Object.fromEntries(all) },
  };
}

const of = (all: ReadonlyMap<string, readonly Round[]>, name: string, figure: keyof Round): number[] =>
  (all.get(name) ?? []).map((round) => round[figure]);

/** Round by round, in milliseconds. */
function added(
  all: ReadonlyMap<string, readonly Round[]>,
  name: string,
  goals?: Readonly<Record<'p50Ms' | 'p99Ms', number>>,
): Measure[] {
  if (!all.has(name)) return [];
  return (['p50Ms', 'p99Ms'] as const).map((figure) => {
    const direct = of(all, DIRECT, figure);
    const differences = of(all, name, figure).map((value, round) => value - (direct[round] ?? Number.NaN));
    return {
      what: `added ${figure.slice(0, 3)} in ms, ${name} - direct`,
      value: spread(differences),
      ...(goals && { goal: { atMost: goals[figure] } }),
    };
  });
}

async function targets(
  deployment: Deployment,
  against: string | undefined,
): Promise<ReadonlyMap<string, Target>> {
  const { backends } = deployment;
  const instance = await deployment.startContestant('constant.ts', { KIND: 'node', BODY });
  const accessToken = backends.secrets.make('access-token');
  const env = { INSTANCE_HOST_ALLOWLIST: new URL(instance.baseUrl).host, ...NO_COURTESY };
  const ours = await deployment.startApp(env);
  const other = against === undefined ? null : await deployment.startApp(env, against);
  const [user] = await insertUsers(backends, 1, { own: { instanceUrl: instance.baseUrl, accessToken } });
  if (user === undefined) throw new Error('No user was added');
  await backends.settled(DRAINED_MS);
  const key = await apiKeyOf(ours, user, ['platforms:use', 'credentials:read']);
  const headers = { authorization: `Bearer ${key}` };
  const platform = `/v1/platforms/${user.platformId}`;
  const answer = await fetch(`${ours.baseUrl}${platform}/proxy${PATH}`, { headers });
  if (!answer.ok) throw new Error(`The proxy answered ${answer.status}: ${await answer.text()}`);
  const through = (api: ApiProcess): Target => ({ ...to(api, `${platform}/proxy${PATH}`), headers });
  const direct = { ...to(instance, PATH), headers: { authorization: `Bearer ${accessToken}` } };
  const revealed: Target = {
    ...to(ours, `${platform}/credentials`),
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'To measure it' }),
    next: direct,
  };
  return new Map<string, Target>([
    [DIRECT, direct],
    [PROXIED, through(ours)],
    [REVEALED, revealed],
    ...(other === null ? [] : ([[PROXIED_OTHER, through(other)]] as const)),
  ]);
}
